import { afterEach, describe, expect, test, vi } from "vitest";
import { openEngine } from "./choose.ts";

/** Whether the native runtime can be loaded, so that its absence can be staged. */
const runtime = vi.hoisted(() => ({ missing: false }));
vi.mock("./onnx/session.ts", async (importActual) => {
  const actual = await importActual<typeof import("./onnx/session.ts")>();
  return {
    ...actual,
    nativeEngine: (options: Parameters<typeof actual.nativeEngine>[0]) => {
      if (runtime.missing) throw new Error("libonnxruntime.so.1: cannot open shared object file\nsecond line");
      return actual.nativeEngine(options);
    },
  };
});
afterEach(() => {
  runtime.missing = false;
});

describe("opening an engine", () => {
  test("the native one, in float32 on one thread, unless asked otherwise", async () => {
    const { engine, reason } = await openEngine({ worker: false });
    expect(engine.description).toMatchObject({ name: "onnxruntime", precision: "float32", threads: 1, device: "cpu" });
    expect(reason).toContain(`ONNX Runtime ${engine.description.version} on the CPU in float32, 1 thread(s)`);
    await engine.close();
  });

  test("the interpreter, as asked", async () => {
    const { engine, reason } = await openEngine({ engine: "reference" });
    expect(engine.description).toMatchObject({ name: "reference", precision: "float64" });
    expect(reason).toContain("as asked");
  });

  test("the interpreter where the runtime cannot be loaded, with the reason in one line", async () => {
    runtime.missing = true;
    const { engine, reason } = await openEngine({ engine: "auto", worker: false });
    expect(engine.description.name).toBe("reference");
    expect(reason).toContain("cannot open shared object file");
    expect(reason).not.toContain("\n");
  });

  test("an error where only the native one will do", async () => {
    runtime.missing = true;
    await expect(openEngine({ engine: "native", worker: false })).rejects.toMatchObject({
      code: "engine-unavailable",
      message: "ONNX Runtime cannot be loaded: libonnxruntime.so.1: cannot open shared object file",
    });
  });

  test.each([0, -1, 1.5, Number.NaN])("%d threads are refused", async (threads) => {
    await expect(openEngine({ threads })).rejects.toMatchObject({ code: "invalid-argument" });
  });
});
