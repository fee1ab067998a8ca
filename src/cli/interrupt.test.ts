import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { expect, test, vi } from "vitest";
import { momentum } from "../dynamics/momentum.ts";
import * as nn from "../nn/nn.ts";
import * as png from "../picture/png.ts";
import { hyper } from "../problem/hyper.ts";
import { resolveProblem } from "../problem/problem.ts";
import { defineExperiment } from "../study/define.ts";
import type { TuneResult } from "../study/events.ts";
import * as ops from "../tensor/ops.ts";
import { runFiles } from "./run-files.ts";

vi.mock("../picture/png.ts", { spy: true });

/** A process of its own, which a signal may end. */
function ran(script: string): { readonly code: number | null; readonly stdout: string } {
  const manifest = pathToFileURL(createRequire(import.meta.url).resolve("jiti/package.json"));
  const folder = mkdtempSync(join(tmpdir(), "drmad-interrupt-"));
  const file = join(folder, "script.mts");
  const module = fileURLToPath(new URL("interrupt.ts", import.meta.url));
  writeFileSync(file, `import { heedSignals, interrupt } from ${JSON.stringify(module)};\n${script}`);
  try {
    const loader = new URL("lib/jiti-register.mjs", manifest).href;
    const run = spawnSync(process.execPath, ["--import", loader, file], { encoding: "utf8", timeout: 20_000 });
    return { code: run.status, stdout: run.stdout };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("a second Ctrl-C that comes while this thread draws ends the process where signals are heeded", () => {
  const { code, stdout } = ran(`
    const stop = interrupt(() => console.log("stopping"));
    const press = () => process.kill(process.pid, "SIGINT");
    press();
    await heedSignals();
    console.log(stop.signal.aborted);
    const end = performance.now() + 700;
    while (performance.now() < end);
    press();
    await Promise.resolve();
    console.log("drawn");
    await heedSignals();
    console.log("written");
  `);
  expect({ code, stdout }).toEqual({ code: 130, stdout: "stopping\ntrue\ndrawn\n" });
});

test("signals are heeded before, between and after a run's pictures", async () => {
  const rows = { x: { data: new Float32Array(6), shape: [1, 6] } };
  const problem = await resolveProblem(
    defineExperiment({
      data: { train: rows, valid: rows },
      params: { w: nn.constant([6]) },
      hyper: { map: hyper.array(nn.normal([6, 3], 1)) },
      train: { loss: () => ops.constant(0), dynamics: momentum({ rate: 1, decay: 0 }), steps: 1 },
      valid: { loss: () => ops.constant(0) },
    }),
  );
  const step = { step: 0, train: { loss: 1 }, valid: { loss: 1 }, seconds: 1 };
  const values = { map: { data: problem.hypers.tensors[0]!.start, shape: [6, 3] } };
  const result = {
    experiment: "mine",
    method: "reverse",
    hyperparameters: 18,
    seed: 0,
    steps: [step],
    best: 0,
    values,
  };
  let turns = 0;
  let counting = true;
  const count = (): void => void (counting && (turns++, setImmediate(count)));
  const seen: number[] = [];
  vi.mocked(png.toPng).mockImplementation(() => {
    seen.push(turns);
    return Promise.resolve(new Uint8Array());
  });
  setImmediate(count);
  const record = { version: "0", options: {}, result: result as unknown as TuneResult, problem };
  const files = await runFiles(record, () => undefined);
  counting = false;
  expect(files.map(([name]) => name)).toEqual(expect.arrayContaining(["validation.png", "hyperparameters.png"]));
  expect(seen[0]).toBeGreaterThan(0);
  expect(seen[1]).toBeGreaterThan(seen[0]!);
  expect(turns).toBeGreaterThan(seen[1]!);
});
