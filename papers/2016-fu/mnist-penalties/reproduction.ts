import { drmad, methods, outer, reverse, tune, type DefinedExperiment, type Method, type TuneOptions } from "drmad";
import type { ReproductionContext, Reproduction, Row, Table } from "../../../src/cli/reproduction.ts";
import { mean, paired, plusMinus, show } from "../../statistics.ts";
import { always, published, recipe, type Size } from "./experiments.ts";

const FULL: Size = {
  rows: { train: 15_000, valid: 5_000, test: 5_000 },
  steps: 2000,
  outerSteps: 20,
  seeds: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
};
const SMALL: Size = { rows: { train: 1000, valid: 500, test: 500 }, steps: 100, outerSteps: 2, seeds: [0] };

/** Every way does all its steps, so that none is stopped by luck. */
const PATIENCE = 1000;

interface Way {
  readonly name: string;
  readonly control?: true;
  readonly paper?: string;
  readonly experiment: (folder: string, size: Size) => DefinedExperiment;
  readonly method: (seed: number) => Method;
  readonly optimizer?: TuneOptions["optimizer"];
}

const shared = (folder: string, size: Size): DefinedExperiment => published(folder, size, "network");
const snapshots = (): Method => drmad({ snapshots: 250, storage: "int8", activations: "int8" });
const few = (): Method => drmad({ snapshots: 32, of: "means" });

const WAYS: readonly Way[] = [
  {
    name: "DrMAD as published",
    paper: "8.40 (934 t, one run)",
    experiment: published,
    method: () => drmad({ samples: "T/10" }),
  },
  { name: "exact", paper: "7.80 (one run, T and decay of its own)", experiment: published, method: () => reverse() },
  { name: "DrMAD, a sample for every step", experiment: published, method: () => drmad() },
  { name: "32 window means", experiment: published, method: few },
  { name: "250 snapshots in int8", experiment: published, method: snapshots },
  { name: "recipe: 934 t, penalty, rate and decay, exact, Adam", experiment: recipe, method: () => reverse() },
  {
    name: "recipe with one t for all",
    experiment: (folder, size) => recipe(folder, size, "network"),
    method: () => reverse(),
  },
  { name: "direct part only", control: true, experiment: published, method: () => methods.directOnly() },
  { name: "random signs", control: true, experiment: published, method: (seed) => methods.randomSign({ seed }) },
  { name: "+0.07 every step", control: true, experiment: published, method: () => always(methods.directOnly()) },
  { name: "one tuned t, sign", control: true, experiment: shared, method: () => reverse() },
  {
    name: "one tuned t, Adam",
    control: true,
    experiment: shared,
    method: () => reverse(),
    optimizer: outer.adam({ rate: 0.1 }),
  },
];

/** What one tuning run gave: errors in percent, at the untuned start and at the step with the lowest validation loss. */
interface Outcome {
  readonly start: number;
  readonly tuned: number;
  readonly validLoss: number;
  readonly best: number;
  readonly stop: string;
  readonly curve: readonly number[];
}

async function outcome(way: Way, folder: string, size: Size, seed: number, signal: AbortSignal): Promise<Outcome> {
  const { test, steps, best, stop } = await tune(way.experiment(folder, size), {
    seed,
    method: way.method(seed),
    signal,
    trustEngine: true,
    patience: PATIENCE,
    ...(way.optimizer === undefined ? {} : { optimizer: way.optimizer }),
  });
  return {
    start: 100 * test!.start["error"]!,
    tuned: 100 * test!.tuned["error"]!,
    validLoss: steps[best]!.valid.loss,
    best,
    stop,
    curve: steps.map(({ valid }) => 100 * valid["error"]!),
  };
}

/** One seed after the other, so that a seed's images are read once. */
async function outcomes({ small, folder, part, signal }: ReproductionContext): Promise<Map<Way, Outcome[]>> {
  const size = small ? SMALL : FULL;
  const found = new Map<Way, Outcome[]>(WAYS.map((way) => [way, []]));
  for (const seed of size.seeds) {
    for (const way of WAYS) {
      const compute = (): Promise<Outcome> => outcome(way, folder("mnist"), size, seed, signal);
      found.get(way)!.push(await part(`seed ${seed}, ${way.name}`, compute));
    }
  }
  return found;
}

const rowOf = ({ name, paper, control }: Way, values: readonly number[]): Row => ({
  name,
  values,
  ...(paper === undefined ? {} : { paper }),
  ...(control === undefined ? {} : { control }),
});

const reproduction: Reproduction = {
  title: "A penalty for each input of a network on MNIST",
  source: "Fu, Luo, Feng, Low, Chua 2016 (arXiv 1601.00917), section 4, and the authors' repository",
  claim:
    "DrMAD tunes hundreds of penalties of a network on MNIST to almost the test error of the exact hypergradient, with none of its memory.",
  data: ["mnist"],
  minutes: 104,
  config: { full: { ...FULL, patience: PATIENCE }, small: { ...SMALL, patience: PATIENCE } },

  async run(context) {
    const found = await outcomes(context);
    const values = (way: Way): number[] => found.get(way)!.map(({ tuned }) => tuned);
    const by = (name: string): number[] => values(WAYS.find((way) => way.name === name)!);
    const starts = found.get(WAYS[0]!)!.map(({ start }) => start);
    const controls = WAYS.filter(({ control }) => control === true);
    const bestControl = controls.reduce((a, b) => (mean(values(a)) <= mean(values(b)) ? a : b));
    const ours = WAYS.find(({ name }) => name.startsWith("recipe: 934"))!;
    const table: Table = {
      title: "Test error at the outer step with the lowest validation loss",
      unit: "% of test images",
      rows: [
        { name: "untuned", values: starts, control: true, paper: "15.1" },
        ...WAYS.map((way) => rowOf(way, values(way))),
      ],
    };
    const against = (a: string, b: string): string => {
      const { difference, error } = paired(by(a), by(b));
      return `${a} minus ${b}: ${show(difference)} ± ${show(error)} points`;
    };
    const won = paired(values(ours), values(bestControl));
    const recipeWins = won.difference < -2 * won.error;
    const steps = Array.from({ length: found.get(WAYS[0]!)![0]!.curve.length }, (_, i) => i);
    return {
      tables: [table],
      conclusions: [
        `DrMAD as published ends at ${plusMinus(by("DrMAD as published"))} % test error, from ${plusMinus(starts)} % untuned; ${against("DrMAD as published", "exact")}.`,
        `The best control is ${bestControl.name}, at ${plusMinus(values(bestControl))} %; ${against("exact", bestControl.name)}; ${against("DrMAD as published", bestControl.name)}.`,
        `Our recipe ends at ${plusMinus(values(ours))} %, ${show(won.difference)} ± ${show(won.error)} points from the best control: ` +
          (recipeWins
            ? "better by more than two paired standard errors."
            : "not better by two paired standard errors."),
        `With one t in place of 934 the recipe ends at ${plusMinus(by("recipe with one t for all"))} %; ${against(ours.name, "recipe with one t for all")}: that is what the many are worth.`,
        `Every way does all ${context.small ? SMALL.outerSteps : FULL.outerSteps} outer steps, and of these the one with the lowest validation loss is taken.`,
      ],
      expectations: [
        {
          what: "every run ends with a result",
          holds: [...found.values()].flat().every(({ tuned }) => Number.isFinite(tuned)),
          found: `${[...found.values()].flat().length} runs`,
        },
        {
          what: "the exact hypergradient lowers the test error of every seed",
          holds: by("exact").every((v, i) => v < starts[i]!),
          found: `${plusMinus(by("exact"))} % from ${plusMinus(starts)} %`,
        },
        ...(context.small
          ? []
          : [
              {
                what: "DrMAD as published ends at 9.3 % or less",
                holds: mean(by("DrMAD as published")) <= 9.3,
                found: `${plusMinus(by("DrMAD as published"))} %`,
              },
            ]),
      ],
      drawings: {
        curves: {
          kind: "lines",
          title: "MNIST: validation error by outer step",
          subtitle: `mean of ${starts.length} seeds; dashed: controls`,
          xLabel: "outer step",
          yLabel: "error (% of validation images)",
          series: WAYS.map((way) => ({
            name: way.name,
            x: steps,
            y: steps.map((i) => mean(found.get(way)!.map(({ curve }) => curve[i] ?? NaN))),
            dashed: way.control === true,
            emphasis: way.name === "DrMAD as published",
          })),
        },
      },
    };
  },
};
export default reproduction;
