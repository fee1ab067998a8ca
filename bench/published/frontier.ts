/**
 * How near approximate hypergradients come to the exact one on the published problem, at its start and after ten exact outer
 * steps (sign, 0.07, one direction for all weights of an input unit), with the memory that each keeps. Prints a table.
 *
 *     DRMAD_DATA=FOLDER jiti bench/published/frontier.ts [--steps T]
 */
import { parseArgs } from "node:util";
import type { Point } from "../../src/data/point.ts";
import { openEngine } from "../../src/engine/choose.ts";
import { directOnly } from "../../src/hypergradient/controls.ts";
import { drmad } from "../../src/hypergradient/drmad.ts";
import { evograd } from "../../src/hypergradient/evograd.ts";
import type { Method } from "../../src/hypergradient/method.ts";
import { oneStep } from "../../src/hypergradient/one-step.ts";
import { reverse } from "../../src/hypergradient/reverse.ts";
import { reversible } from "../../src/hypergradient/reversible.ts";
import { truncated } from "../../src/hypergradient/truncated.ts";
import { resolveProblem } from "../../src/problem/problem.ts";
import { createRollout } from "../../src/rollout/create.ts";
import type { Rollout } from "../../src/rollout/rollout.ts";
import { published, publishedExperiment, TABLE_STEPS } from "./problem.ts";

const { values: options } = parseArgs({ options: { steps: { type: "string", default: String(TABLE_STEPS) } } });
const T = Number(options.steps);
const OUTER_STEPS = 10;
const OUTER_RATE = 0.07;

const { engine } = await openEngine({ engine: "native", threads: 1 });
const start = createRollout(await resolveProblem(publishedExperiment(published(), T, true), { seed: 0 }), engine, {
  trustEngine: true,
});
const P = start.hypers.reduce((n, { shape }) => n + shape.reduce((a, b) => a * b, 1), 0);
/** Numbers of the layers' outputs of a step: minibatches of 50, layers of 50, 50, 50 and 10. */
const A = 50 * 160;

/** A method, and the bytes it keeps beside two states. */
const ROWS: readonly (readonly [string, Method, number])[] = [
  ["direct part only", directOnly(), 0],
  ["drmad as published", drmad({ samples: "T/10" }), 0],
  ["drmad, every step", drmad(), 0],
  [`truncated to ${T / 10}`, truncated({ steps: T / 10 }), (T / 10) * (P + A) * 4],
  ["one step at a time, every tenth", oneStep(), 0],
  ["evograd, two copies", evograd(), 2 * P * 4],
  ...([16, 32, 128] as const).flatMap((k) => [
    [`${k} points`, drmad({ snapshots: k }), k * P * 4] as const,
    [`${k} means`, drmad({ snapshots: k, of: "means" }), k * P * 4] as const,
    [`${k} points by arc length`, drmad({ snapshots: k, place: "arc-length" }), 8 * k * P * 4] as const,
  ]),
  ...([32, 16, 8, 4] as const).map(
    (every) =>
      [
        `every ${every} steps in int8`,
        drmad({ snapshots: Math.ceil(T / every), storage: "int8" }),
        (T / every) * P,
      ] as const,
  ),
  [
    "every 8 steps and activations in int8",
    drmad({ snapshots: Math.ceil(T / 8), storage: "int8", activations: "int8" }),
    (T / 8) * P + T * A,
  ],
  ["32 points, replay beyond growth 200", drmad({ snapshots: 32, growthLimit: 200 }), (32 + 16 * 2) * P * 4],
  // The bits that a decay of 0.95 loses, integers at work, and a run of restored steps.
  ["reversible", reversible(), (T * P * Math.log2(1 / 0.95)) / 8 + 32 * P + 6e6],
  ["every state in int8", reverse({ storage: "int8" }), T * P],
  ["every state in float16", reverse({ storage: "float16" }), T * P * 2],
  ["every state in float32", reverse(), T * (P + A) * 4],
];

interface Result {
  readonly gradient: Point;
  readonly growth: number;
  readonly replayed: number;
}

async function run(rollout: Rollout, method: Method): Promise<Result | undefined> {
  try {
    const { gradient, growth, final, replayedSteps = 0 } = await method.run(rollout);
    rollout.free(final);
    return { gradient, growth, replayed: replayedSteps };
  } catch {
    return undefined;
  }
}

function agreement(a: Point, b: Point): { readonly cosine: number; readonly length: number } {
  let ab = 0;
  let aa = 0;
  let bb = 0;
  for (const [name, values] of Object.entries(b)) {
    values.forEach((y, i) => {
      const x = a[name]![i]!;
      ab += x * y;
      aa += x * x;
      bb += y * y;
    });
  }
  return { cosine: ab / Math.sqrt(aa * bb), length: Math.sqrt(aa / bb) };
}

/** A step against the sign of the mean over the weights of each input unit; biases stay. */
function stepped(rollout: Rollout, gradient: Point): Point {
  return Object.fromEntries(
    rollout.hypers.map(({ name, shape }) => {
      const values = rollout.point[name]!.slice();
      const [rows, columns] = shape as readonly [number, number | undefined];
      if (columns === undefined) return [name, values];
      for (let i = 0; i < rows; i++) {
        const row = gradient[name]!.subarray(i * columns, (i + 1) * columns);
        const sign = Math.sign(row.reduce((sum, v) => sum + v, 0));
        for (let j = 0; j < columns; j++) values[i * columns + j]! -= OUTER_RATE * sign;
      }
      return [name, values];
    }),
  );
}

const say = (text: string): boolean => process.stdout.write(`${text}\n`);
const cell = ({ gradient, growth, replayed }: Result, exact: Point): string => {
  const { cosine, length } = agreement(gradient, exact);
  const steps = replayed > 0 ? `, ${replayed} replayed` : "";
  return `${cosine.toFixed(5)} (${length.toPrecision(3)} ×, growth ${growth.toPrecision(3)}${steps})`;
};

let later = start;
for (let k = 0; k < OUTER_STEPS; k++) later = later.at(stepped(later, (await run(later, reverse()))!.gradient));
const exact = [(await run(start, reverse()))!.gradient, (await run(later, reverse()))!.gradient] as const;
say(`| path | kept (MB) | cosine at the start (length) | after ${OUTER_STEPS} exact outer steps |`);
say("| --- | --- | --- | --- |");
for (const [name, method, bytes] of ROWS) {
  const results = [await run(start, method), await run(later, method)];
  const cells = results.map((result, i) => (result === undefined ? "no finite number" : cell(result, exact[i]!)));
  say(`| ${name} | ${(bytes / 1e6).toFixed(1)} | ${cells.join(" | ")} |`);
}
await engine.close();
