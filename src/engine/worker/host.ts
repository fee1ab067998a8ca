import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { DrmadError } from "../../errors.ts";
import { dtypeOf, type Engine, type EngineDescription, type HeldArray, type ReversibleRun } from "../engine.ts";
import type { NativeOptions } from "../onnx/session.ts";
import type { Reply, Request } from "./protocol.ts";

// Run from its TypeScript source, the thread needs the loader that the rest of the program has. Node would look for it by
// name from the working directory, which can be anywhere.
const FROM_SOURCE = import.meta.url.endsWith(".ts");
const ENTRY: URL = new URL(FROM_SOURCE ? "./main.ts" : "./main.js", import.meta.url);

const loader = (): string => {
  const manifest = createRequire(import.meta.url).resolve("jiti/package.json");
  return new URL("lib/jiti-register.mjs", pathToFileURL(manifest)).href;
};

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** ONNX Runtime in a thread of its own, so that a run, which blocks its thread, leaves this one free. */
export async function hostedEngine(options: NativeOptions): Promise<Engine> {
  const worker = new Worker(ENTRY, {
    ...(FROM_SOURCE ? { execArgv: ["--import", loader()] } : {}),
    name: "drmad engine",
  });
  const waiting = new Map<number, Waiting>();
  let nextId = 0;
  let closing = false;
  let ended: Error | undefined;
  /** The last number given to a loaded array; the thread itself counts up from 0. */
  let loaded = 0;
  /** Why an array did not arrive. */
  let unloaded: Error | undefined;

  const fail = (error: Error): void => {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  worker.on("message", (reply: Reply) => {
    const call = waiting.get(reply.id);
    waiting.delete(reply.id);
    if (waiting.size === 0) worker.unref();
    if ("failure" in reply) call?.reject(revive(reply.failure));
    else call?.resolve(reply.value);
  });
  worker.on("error", fail);
  worker.on("exit", (code) => {
    const why = closing ? "the engine is closed" : `the engine's thread ended with code ${code}`;
    ended = new DrmadError("engine-unavailable", why);
    fail(ended);
  });

  // An idle engine does not keep the process alive; one that works does.
  const ask = <T>(request: Request): Promise<T> =>
    new Promise((resolve, reject) => {
      const broken = ended ?? unloaded;
      if (broken !== undefined && request.call !== "close") return reject(broken);
      const id = nextId++;
      waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      worker.ref();
      worker.postMessage({ id, request });
    });

  const runOf = (reversal: number): ReversibleRun => ({
    forward: (inputs, range) => ask({ call: "forward", reversal, inputs, range }),
    back: (inputs, range, keep) => ask({ call: "back", reversal, inputs, range, keep }),
    state: () => ask({ call: "state", reversal }),
    information: () => ask({ call: "information", reversal }),
    end: () => void ask({ call: "end", reversal }).catch(() => undefined),
  });

  const opened = await ask<EngineDescription>({ call: "open", options }).catch(async (error: unknown) => {
    closing = true;
    await worker.terminate();
    throw error;
  });
  const description = { ...opened, worker: true };
  return {
    description,
    async compile(program) {
      const executable = await ask<number>({ call: "compile", program });
      return {
        run: (inputs, range) => ask({ call: "run", executable, inputs, ...(range === undefined ? {} : { range }) }),
      };
    },
    async compileReversible(program) {
      const reversible = await ask<number>({ call: "compileReversible", program });
      return { begin: async (weights) => runOf(await ask<number>({ call: "begin", reversible, weights })) };
    },
    load(array) {
      if (ended !== undefined) return Promise.reject(ended);
      // Named here, so that nobody waits for the answer; whoever reads it asks later, and is answered after it.
      const id = --loaded;
      ask({ call: "load", buffer: id, array }).catch((error: Error) => (unloaded ??= error));
      return Promise.resolve({ id, shape: array.shape, dtype: dtypeOf(array) });
    },
    read: (buffer) => ask<HeldArray>({ call: "read", buffer }),
    free(buffers) {
      const list = [...buffers];
      // Where the thread has ended there is nothing left to free.
      if (list.length > 0) ask({ call: "free", buffers: list }).catch(() => undefined);
    },
    verify: (program, inputs) => ask({ call: "verify", program, inputs }),
    async close() {
      if (closing || ended !== undefined) return;
      closing = true;
      await ask({ call: "close" });
      await worker.terminate();
    },
  };
}

function revive({ message, code, hint, stack }: Extract<Reply, { failure: unknown }>["failure"]): Error {
  if (code !== undefined) return new DrmadError(code, message, hint === undefined ? {} : { hint });
  const error = new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
