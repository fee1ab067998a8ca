/**
 * A learning rate for each of the 934 inputs of all layers at each of 1,000 steps of the published problem: 934,000
 * hyperparameters beside its penalties. What one exact hypergradient costs with them and without, in time and memory.
 *
 *     DRMAD_DATA=FOLDER npx jiti bench/published/rates.ts [--rounds N]
 *     … --memory-of rates|none reverse|checkpointed|plain       one run in this process, and its peak size
 */
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { openEngine } from "../../src/engine/choose.ts";
import type { Setting } from "../../src/dynamics/dynamics.ts";
import { momentum } from "../../src/dynamics/momentum.ts";
import { checkpointed } from "../../src/hypergradient/checkpointed.ts";
import type { Method } from "../../src/hypergradient/method.ts";
import { reverse } from "../../src/hypergradient/reverse.ts";
import { hyper } from "../../src/problem/hyper.ts";
import { makeExperiment, type Experiment } from "../../src/problem/experiment.ts";
import { resolveProblem } from "../../src/problem/problem.ts";
import { createRollout } from "../../src/rollout/create.ts";
import { fromSource } from "./contestants.ts";
import { figure, line, ratios } from "./figures.ts";
import { load, machine, peakResident } from "./machine.ts";
import { published } from "./problem.ts";

const STEPS = 1000;
const BOUND = 1.3;
const METHODS: Readonly<Record<string, Method>> = {
  reverse: reverse(),
  checkpointed: checkpointed({ checkpoints: 30 }),
};

const problem = published();
const { alpha, beta } = problem.task;

const dynamics = (h: unknown) => momentum({ rate: (h as { rate: Setting }).rate, decay: beta });

/** The published problem, with a t for each weight as it comes, and the rates where they are asked for. */
function experiment(rates: boolean): Experiment {
  const { spec } = problem.experiment(STEPS);
  if (!rates) return makeExperiment(spec, {});
  // Biases keep the published rate: the inputs of four layers are 784 + 50 + 50 + 50.
  const rate = hyper.perInput(alpha, { transform: "log", perStep: true, biases: alpha });
  return makeExperiment({ ...spec, hyper: { ...spec.hyper, rate }, train: { ...spec.train, dynamics } }, {});
}

async function open(rates: boolean) {
  const { engine } = await openEngine({ engine: "native", threads: 1 });
  return createRollout(await resolveProblem(experiment(rates), { seed: 0 }), engine, { trustEngine: true });
}
type Opened = Awaited<ReturnType<typeof open>>;

async function plain(rollout: Opened): Promise<void> {
  const start = await rollout.start();
  const { final } = await rollout.train(start);
  const { adjoint } = await rollout.outer(final);
  rollout.free(start, final, adjoint);
}

async function seconds(run: () => Promise<void>): Promise<number> {
  const begin = performance.now();
  await run();
  return (performance.now() - begin) / 1000;
}

async function times(rounds: number): Promise<void> {
  const [without, all] = [await open(false), await open(true)];
  const count = all.hypers.filter(({ name }) => name.startsWith("rate")).reduce((n, { start }) => n + start.length, 0);
  process.stdout.write(`${count} rates\n`);
  const found: Record<string, number[]> = {};
  for (let round = 0; round <= rounds; round++) {
    for (const [name, rollout] of [
      ["without", without],
      ["with", all],
    ] as const) {
      const note = (job: string, value: number): void => {
        // The first round compiles.
        if (round > 0) (found[`${job} ${name}`] ??= []).push(value);
      };
      note("plain", await seconds(() => plain(rollout)));
      for (const [job, method] of Object.entries(METHODS))
        note(job, await seconds(async () => rollout.free((await method.run(rollout)).final)));
    }
  }
  for (const job of ["plain", ...Object.keys(METHODS)]) {
    const [a, b] = [found[`${job} with`]!, found[`${job} without`]!];
    process.stdout.write(`${line(figure(`${job}, with rates`, "s", a))}\n`);
    process.stdout.write(`${line(figure(`${job}, without`, "s", b))}\n`);
    const bound = job === "plain" ? {} : { bound: BOUND };
    process.stdout.write(`${line(figure(`${job}: with / without`, "", ratios(a, b), bound))}\n`);
  }
}

/** Of a fresh process, in megabytes. */
const peak = (rates: string, method: string): number => {
  const [command, ...args] = fromSource("rates.ts", "--memory-of", rates, method);
  const { stdout } = spawnSync(command!, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  return Number(stdout) / 1e6;
};

function memory(rounds: number): void {
  peak("none", "plain");
  for (const rates of ["none", "rates"]) {
    for (const method of Object.keys(METHODS)) {
      const extra = Array.from({ length: rounds }, () => peak(rates, method) - peak(rates, "plain"));
      const shown = `${method}, ${rates === "none" ? "without rates" : "with rates"}: beyond plain training`;
      process.stdout.write(`${line(figure(shown, "MB", extra))}\n`);
    }
  }
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "7" }, "memory-of": { type: "string" } },
});
if (options["memory-of"] !== undefined) {
  const rollout = await open(options["memory-of"] === "rates");
  const method = METHODS[positionals[0]!];
  await (method === undefined ? plain(rollout) : method.run(rollout));
  process.stdout.write(String(peakResident() ?? NaN));
} else {
  const { processor, cores } = machine();
  process.stdout.write(
    `rates for each input and step, T = ${STEPS}; ${processor}, ${cores} cores, load ${load().toFixed(2)}\n`,
  );
  await times(Number(options.rounds));
  memory(3);
}
process.exit(0);
