import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { decodeSafetensors } from "../../src/store/safetensors.ts";
import { leaveOut } from "../optional.ts";
import { buildFirst, runCli, temporaryFolder, writeExperiment, type Outcome } from "./run-cli.ts";

buildFirst();

const folder = temporaryFolder();
writeExperiment(folder, "good.ts");
const RATE = 'rate: hyper.scalar(0.5, { transform: "log" })';
writeExperiment(folder, "rate.ts", { hyper: RATE, train: "ops.crossEntropy(nn.forward(w, x), y)", rate: "h.rate" });
writeExperiment(folder, "diverging.ts", { rate: "1e30" });
writeExperiment(folder, "endless.ts", {
  data: 'console.log("waiting") ?? (() => new Promise(() => setInterval(() => undefined, 1000)))',
});
const FILES = [
  "first-layer.png",
  "hyperparameters.png",
  "hyperparameters.safetensors",
  "result.json",
  "validation.png",
];

/** Shape, mean and largest value of every tensor in a safetensors file, read with numpy alone. */
const PYTHON = `
import json, sys, numpy
with open(sys.argv[1], "rb") as file:
    header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    rest = file.read()
header.pop("__metadata__")
kinds = {"F32": "<f4", "F64": "<f8"}
for name, entry in header.items():
    begin, end = entry["data_offsets"]
    array = numpy.frombuffer(rest[begin:end], kinds[entry["dtype"]]).reshape(entry["shape"])
    header[name] = {"shape": list(array.shape), "mean": float(array.mean()), "max": float(array.max())}
print(json.dumps(header))`;

interface Result {
  readonly schema: number;
  readonly options: Readonly<Record<string, unknown>>;
  readonly stop: string;
  readonly stopDetail?: string;
  readonly best: number;
  readonly steps: readonly { readonly step: number; readonly valid: { readonly loss: number } }[];
  readonly values: Readonly<Record<string, { shape: number[]; mean: number; min: number; max: number }>>;
}

const resultIn = (run: string): Result => JSON.parse(readFileSync(join(run, "result.json"), "utf8")) as Result;

/** The folder is complete, and what is in it is what it should be. */
function expectWhole(run: string): Result {
  expect(readdirSync(run).sort()).toEqual(FILES);
  for (const name of FILES.filter((file) => file.endsWith(".png"))) {
    const bytes = readFileSync(join(run, name));
    expect([...bytes.subarray(0, 4)]).toEqual([0x89, 0x50, 0x4e, 0x47]);
    expect(bytes.subarray(-8, -4).toString("latin1")).toBe("IEND");
  }
  const result = resultIn(run);
  expect(result.schema).toBe(1);
  const { tensors, metadata } = decodeSafetensors(readFileSync(join(run, "hyperparameters.safetensors")));
  expect(metadata).toMatchObject({ seed: "0", step: String(result.best) });
  expect(Object.keys(tensors).sort()).toEqual(Object.keys(result.values).sort());
  for (const [name, { shape, min, max }] of Object.entries(result.values)) {
    expect(tensors[name]!.shape).toEqual(shape);
    expect(Math.min(...tensors[name]!.data)).toBe(min);
    expect(Math.max(...tensors[name]!.data)).toBe(max);
  }
  return result;
}

const losses = ({ steps }: Result): number[] => steps.map(({ valid }) => valid.loss);

describe("drmad tune", () => {
  const plain = join(folder, "deep", "down");
  let run: Outcome;
  beforeAll(async () => {
    run = await runCli(["tune", "good.ts", "--outer-steps", "3", "--out", join("deep", "down")], { cwd: folder });
  });

  test("prints a line for each step on stderr and the result on stdout, and writes its folder", () => {
    expect(run.code).toBe(0);
    expect(run.stdout + run.stderr).not.toContain("\x1b");
    const firstWords = run.stderr.split("\n").map((line) => line.trim().split(/\s+/)[0]);
    expect(firstWords).toEqual(["good:", "reverse", "step", "0", "1", "2", "3", ""]);
    expect(run.stdout).toMatch(/^good: 72 hyperparameters after 3 outer steps of reverse with adam\(0\.05\), /);
    for (const row of ["validation loss", "validation error", "test loss", "test error"]) {
      expect(run.stdout).toMatch(new RegExp(`\n${row} +[\\d.]+( %)? +[\\d.]+( %)?\n`));
    }
    expect(run.stdout).toContain("Stopped because all 3 outer steps are done.");
    expect(run.stdout).toMatch(/\nWritten to deep[\\/]down: /);
    const result = expectWhole(plain);
    expect(result.steps.map(({ step }) => step)).toEqual([0, 1, 2, 3]);
    expect(result.options).toMatchObject({ experiment: "good.ts", outerSteps: 3, threads: 1 });
    expect(result.best).toBe(losses(result).indexOf(Math.min(...losses(result))));
  });

  test("writes values that Python reads the same", (context) => {
    if (spawnSync("python3", ["-c", "import numpy"]).status !== 0) leaveOut(context, "python3 with numpy");
    const read = spawnSync("python3", ["-c", PYTHON, join(plain, "hyperparameters.safetensors")], { encoding: "utf8" });
    expect(read.stderr).toBe("");
    const found = JSON.parse(read.stdout) as Record<string, { shape: number[]; mean: number; max: number }>;
    const { values } = resultIn(plain);
    expect(Object.keys(found).sort()).toEqual(Object.keys(values).sort());
    for (const [name, { shape, mean, max }] of Object.entries(values)) {
      expect(found[name]).toMatchObject({ shape, max });
      expect(found[name]!.mean).toBeCloseTo(mean, 12);
    }
  });

  test("with --json every line is an object, the last the result; an empty --out is filled", async () => {
    mkdirSync(join(folder, "empty"));
    const args = ["tune", "good.ts", "--outer-steps", "2", "--json", "--test-curve", "--out", "empty"];
    const { code, stderr, events } = await runCli(args, { cwd: folder });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(events[0]).toMatchObject({ type: "start", experiment: "good", hyperparameters: 72, rows: { valid: 40 } });
    const steps = events.filter(({ type }) => type === "step");
    expect(steps.map(({ step }) => step)).toEqual([0, 1, 2]);
    expect(steps[0]).toMatchObject({ test: { loss: expect.any(Number) as number }, best: true });
    expect(events.filter(({ type }) => type === "result").length).toBe(1);
    const last = events.at(-1)!;
    expect(last).toMatchObject({ type: "result", stop: "budget", folder: expect.stringMatching(/empty$/) as string });
    expect([...(last["files"] as string[])].sort()).toEqual(FILES);
    const result = expectWhole(join(folder, "empty"));
    expect(last["values"]).toEqual(result.values);
    // The same seed, and the test curve, change nothing.
    expect(losses(result)).toEqual(losses(resultIn(plain)).slice(0, 3));
  });

  test("--quiet leaves stderr empty; --seed changes the run", async () => {
    const args = ["tune", "good.ts", "--outer-steps", "1", "--seed", "4", "--quiet", "--out", "quiet"];
    expect(await runCli(args, { cwd: folder })).toMatchObject({ code: 0, stderr: "" });
    expect(losses(resultIn(join(folder, "quiet")))[0]).not.toBe(losses(resultIn(plain))[0]);
  });

  test("options replace what the experiment says", async () => {
    const args = "tune good.ts --json --outer-steps 1 --inner-steps 30 --optimizer sign --outer-rate 0.5 --out options";
    const more = "--method drmad:T/10 --precision float64 --threads 2";
    const { events } = await runCli(`${args} ${more}`.split(" "), { cwd: folder });
    expect(events[0]).toMatchObject({
      optimizer: "sign(0.5)",
      method: "drmad T/10",
      precision: "float64",
      threads: 2,
      innerSteps: 30,
      outerSteps: 1,
    });
    // One step of ±0.5 in the logarithm, or none where the gradient is 0.
    const { min, max } = expectWhole(join(folder, "options")).values["l2.0.W"]!;
    expect(
      [min / 1e-3, max / 1e-3].map(Math.log).every((u) => [0, 0.5].some((by) => Math.abs(Math.abs(u) - by) < 1e-9)),
    ).toBe(true);
  });

  test("averages over seeds, each with data of its own, in stages, clipped", async () => {
    writeExperiment(folder, "drawn.ts", { data: "(seed) => digits({ train: 60, valid: 40, test: 40, seed })" });
    const args = "tune drawn.ts --json --outer-steps 2 --seed 4 --seeds 2 --clip 1e-9 --coarse-to-fine 1,0 --out seeds";
    const { code, events } = await runCli(args.split(" "), { cwd: folder });
    expect(code).toBe(0);
    expect(events[0]).toMatchObject({ seed: 4, seeds: [4, 5], optimizer: expect.stringContaining("clipped to norm 1e-9") as string }); // prettier-ignore
    expect(events.some((e) => e.type === "warning" && /test rows differ/.test(String(e["message"])))).toBe(true);
    const steps = events.filter(({ type }) => type === "step") as unknown as { valid: { loss: number }; clipped?: boolean }[]; // prettier-ignore
    expect(steps.map(({ clipped }) => clipped)).toEqual([true, true, undefined]);
    const first: number[] = [];
    for (const seed of ["4", "5"]) {
      const alone = await runCli(["tune", "drawn.ts", "--json", "--outer-steps", "1", "--seed", seed], { cwd: folder });
      first.push((alone.events.find(({ type }) => type === "step")!["valid"] as { loss: number }).loss);
    }
    expect(steps[0]!.valid.loss).toBeCloseTo((first[0]! + first[1]!) / 2, 12);
    const stored = JSON.parse(readFileSync(join(folder, "seeds", "result.json"), "utf8")) as object;
    expect(stored).toMatchObject({ seeds: [4, 5], options: { seeds: 2, clip: 1e-9, coarseToFine: { hyperparameter: 1, tensor: 0 } } }); // prettier-ignore
  });

  test("runs at the same time get folders of their own", async () => {
    const here = join(folder, "several");
    mkdirSync(join(here, "runs", "good-7"), { recursive: true });
    const runs = [1, 2].map(() =>
      runCli(["tune", join(folder, "good.ts"), "--outer-steps", "1", "--json"], { cwd: here }),
    );
    const folders = (await Promise.all(runs)).map(({ events }) => events.at(-1)!["folder"] as string);
    expect(folders.sort()).toEqual([8, 9].map((n) => join(here, "runs", `good-${n}`)).sort());
    folders.forEach(expectWhole);
    expect(readdirSync(join(here, "runs")).length).toBe(3);
  });
});

describe("a run that diverges", () => {
  test("at the start is an error of its own, code 1, and writes nothing", async () => {
    const run = await runCli(["tune", "diverging.ts", "--json", "--out", "diverged"], { cwd: folder });
    expect(run.code).toBe(1);
    expect(run.events.at(-1)).toMatchObject({ type: "error", code: "non-finite", exit: 1 });
    expect(run.stderr).toMatch(
      /^drmad: training diverged: .*; it began in step \d+ of 20, where .* Start from a smaller learning rate.*\n$/,
    );
    expect(readdirSync(folder)).not.toContain("diverged");
  });

  test("later keeps what was reached, and ends with code 1", async () => {
    const args = ["tune", "rate.ts", "--optimizer", "sign", "--outer-rate", "80", "--out", "later"];
    const run = await runCli(args, { cwd: folder });
    expect(run.code).toBe(1);
    expect(run.stdout).toMatch(/Stopped because outer step \d+ failed: .*(diverged|not finite)/);
    const result = resultIn(join(folder, "later"));
    expect(result.stop).toBe("non-finite");
    expect(result.steps.length).toBeGreaterThan(0);
    expect(readdirSync(join(folder, "later"))).toContain("hyperparameters.safetensors");
  });
});

describe("Ctrl-C", () => {
  const long = ["--inner-steps", "3000", "--outer-steps", "1000", "--patience", "1000"];

  test("in the middle ends with 130 and a complete folder of what was reached", async () => {
    let sent = false;
    const run = await runCli(["tune", "good.ts", "--json", ...long, "--out", "stopped"], {
      cwd: folder,
      watch(stdout, child) {
        if (!sent && (sent = stdout.includes('"type":"step","best":true,"step":1'))) child.kill("SIGINT");
      },
    });
    expect(run.code).toBe(130);
    expect(run.events.at(-1)).toMatchObject({ type: "result", stop: "cancelled" });
    const result = expectWhole(join(folder, "stopped"));
    expect(result.stop).toBe("cancelled");
    expect(result.steps.length).toBeGreaterThanOrEqual(2);
    expect(result.steps.length).toBeLessThan(1000);
  });

  test("before the first step is done writes nothing", async () => {
    let sent = false;
    const run = await runCli(["tune", "good.ts", "--json", "--inner-steps", "2000000", "--out", "unstarted"], {
      cwd: folder,
      watch(stdout, child) {
        if (!sent && (sent = stdout.includes('"phase":"train"'))) child.kill("SIGINT");
      },
    });
    expect(run.code).toBe(130);
    expect(run.events.at(-1)).toMatchObject({ type: "error", code: "cancelled", exit: 130 });
    expect(run.stderr).toMatch(/^drmad: interrupted .* nothing was written\.\n$/);
    expect(readdirSync(folder)).not.toContain("unstarted");
  });

  test("is heeded by the reference interpreter, which computes in this very thread", async () => {
    let sent = false;
    const args = ["tune", "good.ts", "--json", "--engine", "reference", "--inner-steps", "200000", "--out", "slow"];
    const run = await runCli(args, {
      cwd: folder,
      watch(stdout, child) {
        if (!sent && (sent = stdout.includes('"phase":"train"'))) child.kill("SIGINT");
      },
    });
    expect(run).toMatchObject({ code: 130 });
  });

  test("a second time ends at once, whatever the experiment waits for", async () => {
    let sent = false;
    let alive = false;
    const run = await runCli(["tune", "endless.ts"], {
      cwd: folder,
      watch(stdout, child) {
        if (sent || !(sent = stdout.includes("waiting"))) return;
        child.kill("SIGINT");
        // What follows sooner is the same press, passed on by a launcher.
        setTimeout(() => child.kill("SIGINT"), 50);
        setTimeout(() => {
          alive = child.exitCode === null;
          child.kill("SIGINT");
        }, 1000);
      },
    });
    expect(alive).toBe(true);
    expect(run).toMatchObject({ code: 130, stdout: "waiting\n" });
    expect(run.stderr).toBe("stopping; what was reached is written (Ctrl-C again quits at once)\n");
  });
});
