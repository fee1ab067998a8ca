import { DrmadError } from "../errors.ts";
import type { Engine, Precision } from "./engine.ts";
import { referenceEngine } from "./reference/engine.ts";

export interface EngineOptions {
  /** `native` is ONNX Runtime; `reference` the float64 interpreter; `auto` the first, or the second where it cannot load. */
  readonly engine?: "auto" | "native" | "reference";
  readonly precision?: Precision;
  /** Threads of a native run. Small networks are fastest on one. */
  readonly threads?: number;
  /** Whether the native engine gets a thread of its own, so that this one stays free. */
  readonly worker?: boolean;
}

export interface Chosen {
  readonly engine: Engine;
  /** One sentence: what runs, and why. */
  readonly reason: string;
}

function requireName<T extends string>(what: string, given: T, names: readonly T[]): void {
  if (!names.includes(given)) {
    throw new DrmadError("invalid-argument", `there is no ${what} ${JSON.stringify(given)}`, {
      hint: `Give one of ${names.join(", ")}.`,
    });
  }
}

/** Opens an engine. The native runtime is loaded here and not before. */
export async function openEngine(options: EngineOptions = {}): Promise<Chosen> {
  const { engine = "auto", precision = "float32", threads = 1, worker = true } = options;
  requireName("engine", engine, ["auto", "native", "reference"]);
  requireName("precision", precision, ["float32", "float64"]);
  if (!Number.isInteger(threads) || threads < 1) {
    throw new DrmadError("invalid-argument", `an engine cannot use ${threads} threads`, {
      hint: "Give a whole number, at least 1.",
    });
  }
  if (engine === "reference") {
    return { engine: referenceEngine(), reason: "the float64 reference interpreter, as asked; it is slow" };
  }
  try {
    const native = worker
      ? await (await import("./worker/host.ts")).hostedEngine({ precision, threads })
      : (await import("./onnx/session.ts")).nativeEngine({ precision, threads });
    const { version } = native.description;
    return { engine: native, reason: `ONNX Runtime ${version} on the CPU in ${precision}, ${threads} thread(s)` };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
    if (engine === "native") {
      throw new DrmadError("engine-unavailable", `ONNX Runtime cannot be loaded: ${why}`, {
        cause,
        hint: "Reinstall with npm install --ignore-scripts, or use --engine reference, which is slow.",
      });
    }
    return {
      engine: referenceEngine(),
      reason: `the float64 reference interpreter, slow, because ONNX Runtime cannot be loaded: ${why}`,
    };
  }
}
