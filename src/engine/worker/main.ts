import { parentPort } from "node:worker_threads";
import { DrmadError } from "../../errors.ts";
import type { Executable, Reversible, ReversibleRun } from "../engine.ts";
import { nativeEngine, type NativeEngine } from "../onnx/session.ts";
import { reclaimer } from "./reclaim.ts";
import type { Failure, Numbered, Reply, Request } from "./protocol.ts";

/** The engine's thread: it owns the native engine and answers one request after another. */
const port = parentPort!;
const executables: Executable[] = [];
const reversibles: Reversible[] = [];
const reversals = new Map<number, ReversibleRun>();
let nextReversal = 0;
let engine: NativeEngine | undefined;

type Value = Extract<Reply, { value: unknown }>["value"];

async function answer(request: Request): Promise<Value> {
  if (request.call === "open") {
    engine = nativeEngine({ ...request.options, ownsArrays: true }, reclaimer());
    return engine.description;
  }
  if (engine === undefined) throw new Error("the engine's thread was not opened");
  switch (request.call) {
    case "compile":
      return executables.push(await engine.compile(request.program)) - 1;
    case "run":
      return executables[request.executable]!.run(request.inputs, request.range);
    case "compileReversible":
      return reversibles.push(await engine.compileReversible(request.program)) - 1;
    case "begin":
      reversals.set(nextReversal, await reversibles[request.reversible]!.begin(request.weights));
      return nextReversal++;
    case "forward":
      await reversals.get(request.reversal)!.forward(request.inputs, request.range);
      return undefined;
    case "back":
      return reversals.get(request.reversal)!.back(request.inputs, request.range, request.keep);
    case "state":
      return reversals.get(request.reversal)!.state();
    case "information":
      return reversals.get(request.reversal)!.information();
    case "end":
      reversals.get(request.reversal)?.end();
      reversals.delete(request.reversal);
      return undefined;
    case "load":
      engine.loadAs(request.buffer, request.array);
      return undefined;
    case "read":
      return engine.read(request.buffer);
    case "free":
      engine.free(request.buffers);
      return undefined;
    case "verify":
      await engine.verify(request.program, request.inputs);
      return undefined;
    case "close":
      await engine.close();
      return undefined;
  }
}

const failureOf = (error: unknown): Failure => {
  if (!(error instanceof Error)) return { message: String(error) };
  const known =
    error instanceof DrmadError ? { code: error.code, ...(error.hint === undefined ? {} : { hint: error.hint }) } : {};
  return { message: error.message, ...known, ...(error.stack === undefined ? {} : { stack: error.stack }) };
};

// Requests are answered strictly in order: a buffer is freed only after the runs that were asked for before.
let last: Promise<void> = Promise.resolve();
port.on("message", ({ id, request }: Numbered) => {
  last = last.then(async () => {
    try {
      port.postMessage({ id, value: await answer(request) } satisfies Reply);
    } catch (error) {
      port.postMessage({ id, failure: failureOf(error) } satisfies Reply);
    }
    if (request.call === "close") port.close();
  });
});
