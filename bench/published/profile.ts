import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as ort from "onnxruntime-node";
import type { Program } from "../../src/engine/engine.ts";
import { toModel } from "../../src/engine/onnx/model.ts";
import { COUNTERS } from "../../src/engine/onnx/values.ts";
import { publishedChord } from "../../src/hypergradient/line.ts";
import { storedPath } from "../../src/hypergradient/reverse.ts";
import { resolveProblem, type Problem } from "../../src/problem/problem.ts";
import { trainProgram } from "../../src/rollout/programs.ts";
import { flopOf } from "../../src/rollout/probe.ts";
import { sweepProgram } from "../../src/rollout/sweep.ts";
import type { GraphInput } from "../../src/tensor/graph.ts";
import { sizeOf } from "../../src/tensor/shape.ts";
import { median } from "./figures.ts";
import { published, publishedExperiment, TABLE_STEPS } from "./problem.ts";

/** Steps of a run: as many as the library stores in one piece. */
const STEPS = 80;
const RUNS = 9;
const PROFILED_RUNS = 3;

/** As the engine sets them, on one thread. */
const SESSION: ort.InferenceSession.SessionOptions = {
  executionProviders: ["cpu"],
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: "sequential",
  graphOptimizationLevel: "all",
  logSeverityLevel: 3,
  extra: { session: { set_denormal_as_zero: "1", intra_op: { allow_spinning: "0" } } },
};

interface Share {
  readonly name: string;
  readonly perStep: number;
  readonly microseconds: number;
}

export interface Profile {
  readonly name: string;
  /** Wall time without the profiler, over the runs. */
  readonly millisecondsPerStep: readonly number[];
  readonly flopPerStep: number;
  readonly kinds: readonly Share[];
  readonly largest: readonly Share[];
}

/** Values that cost what real ones do: no time depends on them. */
function feed(problem: Problem, input: GraphInput): ort.Tensor {
  const [group, key] = input.name.split("/") as [string, string];
  const data = group === "train" ? problem.data.train[key] : undefined;
  if (data !== undefined) {
    return data.data instanceof Int32Array
      ? new ort.Tensor("int32", data.data, data.shape)
      : new ort.Tensor("float32", Float32Array.from(data.data), data.shape);
  }
  const shape = input.rows ? [STEPS, ...input.shape.slice(1)] : input.shape;
  if (input.name === "rows") {
    const rows = Array.from({ length: STEPS }, (_, t) => [...problem.sampler(t)]).flat();
    return new ort.Tensor("int32", Int32Array.from(rows), shape);
  }
  if (input.dtype !== "float") return new ort.Tensor("int32", new Int32Array(sizeOf(shape)), shape);
  const weights = problem.weights.find(({ path }) => input.name.endsWith(`/${path}`))?.drawn ?? Float64Array.of(0);
  const values = Float32Array.from({ length: sizeOf(shape) }, (_, i) => weights[i % weights.length]!);
  return new ort.Tensor("float32", values, shape);
}

interface Event {
  readonly cat: string;
  readonly dur: number;
  readonly name: string;
  readonly args: {
    readonly op_name?: string;
    readonly input_type_shape?: readonly Readonly<Record<string, readonly number[]>>[];
    readonly output_type_shape?: readonly Readonly<Record<string, readonly number[]>>[];
  };
}

const KINDS: readonly (readonly [string, RegExp])[] = [
  ["matrix products", /Gemm|MatMul/],
  ["reductions", /^Reduce|ArgMax/],
  ["gather and scatter", /Gather|Scatter/],
  ["copies and shapes", /^(Identity|Reshape|Expand|Transpose|Concat|Slice|Cast|Pad|Squeeze|Unsqueeze|Split)$/],
];
const kindOf = (op: string): string => KINDS.find(([, pattern]) => pattern.test(op))?.[0] ?? "elementwise";

const shapes = (list: Event["args"]["input_type_shape"]): string =>
  (list ?? []).map((type) => `[${Object.values(type)[0]!.join(", ")}]`).join(" ");

/** The mean without the slowest tenth, which something else on the machine held up. */
function trimmedMean(values: readonly number[]): number {
  const kept = [...values].sort((a, b) => a - b).slice(0, Math.max(1, Math.floor(0.9 * values.length)));
  return kept.reduce((sum, v) => sum + v, 0) / kept.length;
}

function shares(events: readonly Event[], steps: number, name: (event: Event) => string): readonly Share[] {
  const durations = new Map<string, { readonly event: Event; readonly each: number[] }>();
  for (const event of events) {
    const entry = durations.get(event.name);
    if (entry === undefined) durations.set(event.name, { event, each: [event.dur] });
    else entry.each.push(event.dur);
  }
  const total = new Map<string, Share>();
  for (const { event, each } of durations.values()) {
    const group = name(event);
    const before = total.get(group) ?? { perStep: 0, microseconds: 0 };
    const perStep = each.length / steps;
    total.set(group, {
      name: group,
      perStep: before.perStep + perStep,
      microseconds: before.microseconds + perStep * trimmedMean(each),
    });
  }
  return [...total.values()].sort((a, b) => b.microseconds - a.microseconds);
}

const counter = (): ort.Tensor =>
  new ort.Tensor(
    "int32",
    Int32Array.from({ length: STEPS }, (_, t) => t),
    [STEPS],
  );

async function profileOne(problem: Problem, name: string, program: Program): Promise<Profile> {
  const { bytes, inputs } = toModel(program, "float32");
  const feeds: Record<string, ort.Tensor> = Object.fromEntries(
    inputs.map((input) => [input.name, feed(problem, input)]),
  );
  const plain = await ort.InferenceSession.create(bytes, SESSION);
  const given = (session: ort.InferenceSession): Record<string, ort.Tensor> =>
    Object.fromEntries(
      Object.entries({
        ...feeds,
        [COUNTERS.t]: counter(),
        [COUNTERS.k]: counter(),
      }).filter(([input]) => session.inputNames.includes(input)),
    );
  const milliseconds: number[] = [];
  for (let run = 0; run <= RUNS; run++) {
    const start = performance.now();
    await plain.run(given(plain));
    if (run > 0) milliseconds.push((performance.now() - start) / STEPS);
  }
  await plain.release();

  const folder = mkdtempSync(join(tmpdir(), "drmad-profile-"));
  try {
    const traced = await ort.InferenceSession.create(bytes, {
      ...SESSION,
      enableProfiling: true,
      profileFilePrefix: join(folder, "trace"),
    });
    for (let run = 0; run < PROFILED_RUNS; run++) await traced.run(given(traced));
    traced.endProfiling();
    await traced.release();
    const trace = JSON.parse(readFileSync(join(folder, readdirSync(folder)[0]!), "utf8")) as readonly Event[];
    const nodes = trace.filter(
      ({ cat, args }) => cat === "Node" && args.op_name !== undefined && args.op_name !== "Scan",
    );
    const steps = STEPS * PROFILED_RUNS;
    return {
      name,
      millisecondsPerStep: milliseconds,
      flopPerStep: flopOf(program.graph),
      kinds: shares(nodes, steps, ({ args }) => kindOf(args.op_name!)),
      largest: shares(
        nodes,
        steps,
        ({ args }) => `${args.op_name} ${shapes(args.input_type_shape)} → ${shapes(args.output_type_shape)}`,
      ).slice(0, 10),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function print({ name, millisecondsPerStep, flopPerStep, kinds, largest }: Profile): void {
  const middle = median(millisecondsPerStep);
  const least = Math.min(...millisecondsPerStep);
  const total = kinds.reduce((sum, { microseconds }) => sum + microseconds, 0);
  const lines = [
    `\n${name}: ${middle.toFixed(3)} ms/step (least ${least.toFixed(3)}), ${(flopPerStep / 1e6).toFixed(1)} Mflop/step, ` +
      `${(flopPerStep / middle / 1e6).toFixed(0)} Gflop/s`,
    ...kinds.map(
      ({ name, perStep, microseconds }) =>
        `  ${`${((100 * microseconds) / total).toFixed(0)} %`.padStart(5)}  ${name.padEnd(20)} ` +
        `${perStep.toFixed(1).padStart(6)} ops  ${microseconds.toFixed(1).padStart(7)} µs`,
    ),
    ...largest.map(
      ({ name, perStep, microseconds }) =>
        `         ${microseconds.toFixed(1).padStart(7)} µs  ${perStep.toFixed(1).padStart(5)} × ${name}`,
    ),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}

/** Where the time of a step goes, by kind of operation, as ONNX Runtime's own profiler sees it. */
export async function profile(): Promise<readonly Profile[]> {
  const problem = await resolveProblem(publishedExperiment(published(), TABLE_STEPS, true), { seed: 0 });
  const stored = sweepProgram(problem, storedPath(TABLE_STEPS));
  const line = sweepProgram(problem, publishedChord(TABLE_STEPS, TABLE_STEPS / 10));
  process.stdout.write(
    `One thread, ${STEPS} steps a run. ms/step: the model alone, without the profiler. µs and shares: under the profiler, ` +
      "which adds\nabout a microsecond to each operation, so that small ones look larger than they are.\n",
  );
  const profiles: Profile[] = [];
  for (const [name, program] of [
    ["training step", trainProgram(problem)],
    ["training step that keeps what the sweep reads", trainProgram(problem, { keep: stored.reads })],
    ["sweep step along stored states", stored.program],
    ["sweep step along the published line", line.program],
  ] as const) {
    const result = await profileOne(problem, name, program);
    print(result);
    profiles.push(result);
  }
  return profiles;
}
