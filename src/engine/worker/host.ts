import { Worker } from "node:worker_threads";
import type { NdArray } from "../../data/dataset.ts";
import { DrmadError } from "../../errors.ts";
import type { Buffer, Engine, EngineDescription } from "../engine.ts";
import type { NativeOptions } from "../onnx/session.ts";
import type { Reply, Request } from "./protocol.ts";

// Run from its TypeScript source, the thread needs the loader that the rest of the program has.
const FROM_SOURCE = import.meta.url.endsWith(".ts");
const ENTRY: URL = new URL(FROM_SOURCE ? "./main.ts" : "./main.js", import.meta.url);

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** ONNX Runtime in a thread of its own, so that a run, which blocks its thread, leaves this one free. */
export async function hostedEngine(options: NativeOptions): Promise<Engine> {
  const worker = new Worker(ENTRY, {
    ...(FROM_SOURCE ? { execArgv: ["--import", "jiti/register"] } : {}),
    name: "drmad engine",
  });
  const waiting = new Map<number, Waiting>();
  let nextId = 0;
  let closing = false;

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
    if (!closing) fail(new DrmadError("engine-unavailable", `the engine's thread ended with code ${code}`));
  });

  // An idle engine does not keep the process alive; one that works does.
  const ask = <T>(request: Request): Promise<T> =>
    new Promise((resolve, reject) => {
      const id = nextId++;
      waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      worker.ref();
      worker.postMessage({ id, request });
    });

  const description = { ...(await ask<EngineDescription>({ call: "open", options })), worker: true };
  return {
    description,
    async compile(program) {
      const executable = await ask<number>({ call: "compile", program });
      return {
        run: (inputs, range) => ask({ call: "run", executable, inputs, ...(range === undefined ? {} : { range }) }),
      };
    },
    load: (array) => ask<Buffer>({ call: "load", array }),
    read: (buffer) => ask<NdArray>({ call: "read", buffer }),
    free(buffers) {
      const list = [...buffers];
      if (list.length > 0) void ask({ call: "free", buffers: list });
    },
    verify: (program, inputs) => ask({ call: "verify", program, inputs }),
    async close() {
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
