import { drmad, methods, outer, reverse, type Method } from "drmad";
import type { Expectation, Reproduction } from "../../../src/cli/reproduction.ts";
import { lowest, mean, paired, plusMinus } from "../../statistics.ts";
import { won, withError } from "../../verdict.ts";
import { allOutcomes, controlsOf, curvesOf, PATIENCE, rowOf, type Way } from "../../ways.ts";
import { always, published, recipe, type Size } from "./experiments.ts";

const FULL: Size = {
  rows: { train: 15_000, valid: 5_000, test: 5_000 },
  steps: 2000,
  outerSteps: 20,
  seeds: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
};
const SMALL: Size = { rows: { train: 1000, valid: 500, test: 500 }, steps: 100, outerSteps: 2, seeds: [0] };

const PUBLISHED = "DrMAD as published";
const EXACT = "exact";
const RECIPE = "recipe: 934 t, penalty, rate and decay, exact, Adam";
const ONE = "recipe with one t for all";

const many = published("input");
const one = published("network");
const snapshots = (): Method => drmad({ snapshots: 250, storage: "int8", activations: "int8" });
const few = (): Method => drmad({ snapshots: 32, of: "means" });

const WAYS: readonly Way<Size>[] = [
  {
    name: PUBLISHED,
    paper: "8.40 (934 t, one run)",
    experiment: many,
    method: () => drmad({ samples: "T/10" }),
  },
  { name: EXACT, paper: "7.80 (one run, T and decay of its own)", experiment: many, method: () => reverse() },
  { name: "DrMAD, a sample for every step", experiment: many, method: () => drmad() },
  { name: "32 window means", experiment: many, method: few },
  { name: "250 snapshots in int8", experiment: many, method: snapshots },
  { name: RECIPE, experiment: recipe("input"), method: () => reverse() },
  {
    name: ONE,
    experiment: recipe("network"),
    method: () => reverse(),
  },
  { name: "direct part only", control: true, experiment: many, method: () => methods.directOnly() },
  { name: "random signs", control: true, experiment: many, method: (seed) => methods.randomSign({ seed }) },
  { name: "+0.07 every step", control: true, experiment: many, method: () => always(methods.directOnly()) },
  { name: "one tuned t, sign", control: true, experiment: one, method: () => reverse() },
  {
    name: "one tuned t, Adam",
    control: true,
    experiment: one,
    method: () => reverse(),
    optimizer: () => outer.adam({ rate: 0.1 }),
  },
];

/** Test errors in percent, a number for each seed. */
interface Errors {
  readonly untuned: readonly number[];
  readonly tuned: (name: string) => readonly number[];
}

function conclusions({ untuned, tuned }: Errors, outerSteps: number): string[] {
  const best = lowest(controlsOf(WAYS), tuned);
  const minus = (a: string, b: string): string => `${a} minus ${b}: ${withError(paired(tuned(a), tuned(b)))} points`;
  const ours = paired(tuned(RECIPE), tuned(best));
  return [
    `DrMAD as published ends at ${plusMinus(tuned(PUBLISHED))} % test error, from ${plusMinus(untuned)} % untuned; ${minus(PUBLISHED, EXACT)}.`,
    `The best control is ${best}, at ${plusMinus(tuned(best))} %; ${minus(EXACT, best)}; ${minus(PUBLISHED, best)}.`,
    `Our recipe ends at ${plusMinus(tuned(RECIPE))} %, ${withError(ours)} points from the best control: ${won(ours)}.`,
    `With one t in place of 934 the recipe ends at ${plusMinus(tuned(ONE))} %; ${minus(RECIPE, ONE)}: that is what the many are worth.`,
    `Every way does all ${outerSteps} outer steps, and of these the one with the lowest validation loss is taken.`,
  ];
}

function expectations({ untuned, tuned }: Errors, small: boolean): Expectation[] {
  const all = WAYS.flatMap(({ name }) => tuned(name));
  const atFullSize: Expectation = {
    what: "DrMAD as published ends at 9.3 % or less",
    holds: mean(tuned(PUBLISHED)) <= 9.3,
    found: `${plusMinus(tuned(PUBLISHED))} %`,
  };
  return [
    { what: "every run ends with a result", holds: all.every(Number.isFinite), found: `${all.length} runs` },
    {
      what: "the exact hypergradient lowers the test error of every seed",
      holds: tuned(EXACT).every((v, i) => v < untuned[i]!),
      found: `${plusMinus(tuned(EXACT))} % from ${plusMinus(untuned)} %`,
    },
    ...(small ? [] : [atFullSize]),
  ];
}

const reproduction: Reproduction = {
  title: "A penalty for each input of a network on MNIST",
  source: "Fu, Luo, Feng, Low, Chua 2016 (arXiv 1601.00917), section 4, and the authors' repository",
  claim:
    "DrMAD tunes hundreds of penalties of a network on MNIST to almost the test error of the exact hypergradient, with none of its memory.",
  data: ["mnist"],
  minutes: 142,
  config: { full: { ...FULL, patience: PATIENCE }, small: { ...SMALL, patience: PATIENCE } },

  async run(context) {
    const size = context.small ? SMALL : FULL;
    const of = await allOutcomes(WAYS, size, context.folder("mnist"), context);
    const errors: Errors = {
      untuned: of(PUBLISHED).map(({ start }) => 100 * start["error"]!),
      tuned: (name) => of(name).map(({ tuned }) => 100 * tuned["error"]!),
    };
    return {
      tables: [
        {
          title: "Test error at the outer step with the lowest validation loss",
          unit: "% of test images",
          rows: [
            { name: "untuned", values: errors.untuned, control: true, paper: "15.1" },
            ...WAYS.map((way) => rowOf(way, errors.tuned(way.name))),
          ],
        },
      ],
      conclusions: conclusions(errors, size.outerSteps),
      expectations: expectations(errors, context.small),
      drawings: {
        curves: {
          kind: "lines",
          title: "MNIST: validation error by outer step",
          subtitle: `mean of ${size.seeds.length} seeds; dashed: controls`,
          xLabel: "outer step",
          yLabel: "error (% of validation images)",
          series: curvesOf(WAYS, of, (valid) => 100 * valid["error"]!, PUBLISHED),
        },
      },
    };
  },
};
export default reproduction;
