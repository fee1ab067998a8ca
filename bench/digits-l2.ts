/**
 * Does tuning a penalty for each input pay on the embedded digits? A coarse grid of one rate and one penalty, the best of
 * it as the start, and from there: one tuned penalty, one for each input, and two controls, over five seeds.
 *
 *     npm run bench:digits [-- --json FILE]
 */
import { writeFileSync } from "node:fs";
import { digitsL2, type DigitsL2Options } from "../src/experiments/digits-l2.ts";
import { directOnly, randomSign } from "../src/hypergradient/controls.ts";
import type { Method } from "../src/hypergradient/method.ts";
import { reverse } from "../src/hypergradient/reverse.ts";
import { openSession } from "../src/study/session.ts";
import { tune } from "../src/study/tune.ts";
import type { TuneResult } from "../src/study/events.ts";

const SEEDS = [0, 1, 2, 3, 4];
const RATES = [0.2, 0.5, 1];
const PENALTIES = [1e-5, 1e-4, 1e-3, 3e-3, 1e-2];

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
/** Standard error of the mean. */
const spread = (values: readonly number[]): number => {
  const m = mean(values);
  return Math.sqrt(values.reduce((s, v) => s + (v - m) ** 2, 0) / (values.length - 1) / values.length);
};
const show = (values: readonly number[], digits = 4): string =>
  `${mean(values).toFixed(digits)} ± ${spread(values).toFixed(digits)}`;
const out = (line = ""): void => void process.stdout.write(`${line}\n`);

/** Validation loss of an untuned training. */
async function untuned(options: DigitsL2Options, seed: number): Promise<number> {
  const session = await openSession(digitsL2(options), { seed, trustEngine: true });
  try {
    const start = await session.rollout.start();
    const { final } = await session.rollout.train(start);
    return (await session.rollout.outer(final)).value;
  } finally {
    await session.close();
  }
}

interface Row {
  readonly name: string;
  readonly valid: readonly number[];
  readonly testLoss: readonly number[];
  readonly testError: readonly number[];
}

const rowOf = (name: string, results: readonly TuneResult[], which: "start" | "tuned"): Row => ({
  name,
  valid: results.map((r) => r.steps[which === "start" ? 0 : r.best]!.valid.loss),
  testLoss: results.map((r) => r.test![which].loss),
  testError: results.map((r) => 100 * r.test![which]["error"]!),
});

async function tuned(options: DigitsL2Options, method: (seed: number) => Method): Promise<readonly TuneResult[]> {
  const results: TuneResult[] = [];
  for (const seed of SEEDS) {
    results.push(await tune(digitsL2(options), { seed, method: method(seed), patience: 40, trustEngine: true }));
  }
  return results;
}

out(`Validation loss of one rate and one penalty, mean of ${SEEDS.length} seeds:`);
out(`  rate \\ penalty  ${PENALTIES.map((p) => String(p).padStart(8)).join("")}`);
const grid: { rate: number; penalty: number; loss: number }[] = [];
for (const rate of RATES) {
  for (const penalty of PENALTIES) {
    const losses: number[] = [];
    for (const seed of SEEDS) losses.push(await untuned({ rate, penalty, sharing: "network" }, seed));
    grid.push({ rate, penalty, loss: mean(losses) });
  }
  out(
    `  ${String(rate).padEnd(16)}${grid
      .slice(-PENALTIES.length)
      .map((g) => g.loss.toFixed(4).padStart(8))
      .join("")}`,
  );
}
const { rate, penalty } = grid.reduce((a, b) => (b.loss < a.loss ? b : a));
out(`Start: rate ${rate}, penalty ${penalty} (the best of the grid).`);
out();

const perInput = await tuned({ rate, penalty }, () => reverse());
const single = await tuned({ rate, penalty, sharing: "network" }, () => reverse());
const rows = [
  rowOf("start (best of the grid)", perInput, "start"),
  rowOf("one penalty, tuned", single, "tuned"),
  rowOf(`${perInput[0]!.hyperparameters} penalties, tuned`, perInput, "tuned"),
  rowOf("control: direct part only", await tuned({ rate, penalty }, () => directOnly()), "tuned"),
  rowOf("control: random signs", await tuned({ rate, penalty }, (seed) => randomSign({ seed })), "tuned"),
];
out(
  `${perInput[0]!.outerSteps} outer steps of ${perInput[0]!.optimizer}, ${perInput[0]!.innerSteps} training steps, mean ± standard error of ${SEEDS.length} seeds:`,
);
out(`${"".padEnd(28)}${"validation loss".padEnd(20)}${"test loss".padEnd(20)}test error (%)`);
for (const row of rows) {
  out(`${row.name.padEnd(28)}${show(row.valid).padEnd(20)}${show(row.testLoss).padEnd(20)}${show(row.testError, 2)}`);
}
out();

const [start, one, many] = rows as [Row, Row, Row];
for (const other of [start, one]) {
  const better = mean(other.valid) - mean(many.valid);
  const verdict = better > 0 ? `lower by ${better.toFixed(4)} than` : `NOT lower than (by ${(-better).toFixed(4)})`;
  out(`Mean validation loss of the tuned penalties is ${verdict} "${other.name}".`);
}
const gain = start.testLoss.map((loss, i) => loss - many.testLoss[i]!);
out(
  mean(gain) > 0
    ? `On test data the loss falls by ${show(gain)} (paired).`
    : `On test data it does NOT win: the loss rises by ${show(gain.map((g) => -g))} (paired).`,
);

const at = process.argv.indexOf("--json");
if (at > 0)
  writeFileSync(process.argv[at + 1]!, `${JSON.stringify({ grid, start: { rate, penalty }, rows }, null, 1)}\n`);
