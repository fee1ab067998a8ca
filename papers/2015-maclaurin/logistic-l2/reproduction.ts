import { methods, outer, reverse, type DefinedExperiment } from "drmad";
import type { Drawing, Expectation, Reproduction } from "../../../src/cli/reproduction.ts";
import { lowest, mean, paired, plusMinus, show } from "../../statistics.ts";
import { withOrder } from "../../verdict.ts";
import { allOutcomes, controlsOf, curvesOf, type Outcome, type Way } from "../../ways.ts";
import { type Figures, figuresOf } from "../figures.ts";
import { logistic, type Size } from "./experiments.ts";

const FULL: Size = {
  rows: { train: 10_000, valid: 10_000, test: 10_000 },
  steps: 50,
  batch: 200,
  outerSteps: 50,
  seeds: [0, 1, 2, 3, 4],
};
const SMALL: Size = { rows: { train: 500, valid: 500, test: 500 }, steps: 20, batch: 50, outerSteps: 4, seeds: [0] };

const OURS = "a penalty for each weight";
const SIGNS = "the same by signs";
const DIRECT = "direct part only";
const each = (folder: string, size: Size): DefinedExperiment => logistic(folder, size);
const WAYS: readonly Way<Size>[] = [
  {
    name: OURS,
    paper: { valid: ".622 (an earlier variant, 10 steps)", test: ".632 (the same)" },
    experiment: each,
    method: () => reverse(),
    optimizer: () => outer.sgd({ rate: 1000 }),
  },
  { name: SIGNS, experiment: each, method: () => reverse(), optimizer: () => outer.sign({ rate: 0.1 }) },
  {
    name: "one tuned penalty",
    control: true,
    experiment: (folder, size) => logistic(folder, size, "network"),
    method: () => reverse(),
    optimizer: () => outer.adam({ rate: 0.1 }),
  },
  {
    name: DIRECT,
    control: true,
    experiment: each,
    method: () => methods.directOnly(),
    optimizer: () => outer.sgd({ rate: 1000 }),
  },
  {
    name: "random signs",
    control: true,
    experiment: each,
    method: (seed) => methods.randomSign({ seed }),
    optimizer: () => outer.sign({ rate: 0.1 }),
  },
];

const UNTUNED = {
  name: "untuned",
  control: true,
  paper: { valid: ".682 (an earlier variant)", test: ".688 (the same)" },
} as const;

const SIDE = 28;

/** The penalties of the weights to one digit, none shown above the 98th percentile of all, as in the paper. */
function map(penalties: readonly number[], digit: number): number[] {
  const most = penalties.toSorted((a, b) => a - b)[Math.floor(0.98 * penalties.length)]!;
  return penalties.filter((_, i) => i % 10 === digit).map((penalty) => Math.min(penalty, most));
}

/** Correlation of penalties over neighbouring pixels, side by side, mean of digits: about 0 for noise. */
function neighbours(penalties: readonly number[]): number {
  const each = Array.from({ length: 10 }, (_, digit) => {
    const logs = penalties.filter((_value, i) => i % 10 === digit).map(Math.log);
    const m = mean(logs);
    const pairs = logs.flatMap((v, i) => (i % SIDE === 0 ? [] : [(v - m) * (logs[i - 1]! - m)]));
    const variance = mean(logs.map((v) => (v - m) ** 2));
    return variance === 0 ? 0 : mean(pairs) / variance;
  });
  return mean(each);
}

function conclusions({ untuned, tuned }: Figures, likeness: number): string[] {
  const controls = controlsOf(WAYS);
  const best = lowest(controls, (name) => tuned(name, "test"));
  const minus = (way: string, name: string): string =>
    `minus ${name}: ${withOrder(paired(tuned(way, "test"), tuned(name, "test")), 4)}`;
  return [
    `A penalty for each weight comes to a test loss of ${plusMinus(tuned(OURS, "test"), 4)}, from ${plusMinus(untuned("test"), 4)} untuned; ${controls.map((name) => minus(OURS, name)).join("; ")}.`,
    `By signs, of the same hypergradient, it comes to ${plusMinus(tuned(SIGNS, "test"), 4)}; ${minus(SIGNS, best)}, the best control.`,
    `Learned penalties of neighbouring pixels correlate by ${show(likeness)}: ${likeness > 0.5 ? "the maps have structure" : "the maps have little structure"}.`,
  ];
}

function expectations(
  { untuned, tuned }: Figures,
  outcomes: readonly Outcome[],
  penalties: readonly number[],
): Expectation[] {
  const lowers = (name: string): Omit<Expectation, "what"> => ({
    holds: tuned(name, "valid").every((v, i) => v < untuned("valid")[i]!),
    found: `${plusMinus(tuned(name, "valid"), 4)} from ${plusMinus(untuned("valid"), 4)}`,
  });
  return [
    {
      what: "every run ends with a result",
      holds: WAYS.every(({ name }) => tuned(name, "test").every(Number.isFinite)),
      found: outcomes.map(({ stop }) => stop).join(", "),
    },
    {
      what: "there is one penalty for each weight, all above 0, and they differ",
      holds: penalties.length === 7840 && penalties.every((v) => v > 0) && new Set(penalties).size > 1000,
      found: `${new Set(penalties).size} values of ${penalties.length}`,
    },
    { what: "the hypergradient by signs lowers the validation loss of every seed", ...lowers(SIGNS) },
    {
      what: "the whole hypergradient lowers it more than its direct part does, with the paper's step",
      holds: mean(tuned(OURS, "valid")) < mean(tuned(DIRECT, "valid")),
      found: `${plusMinus(tuned(OURS, "valid"), 4)} against ${plusMinus(tuned(DIRECT, "valid"), 4)}`,
    },
    { what: "gradient descent with the paper's step lowers it for every seed", ...lowers(OURS) },
  ];
}

const maps = (penalties: readonly number[]): Drawing => ({
  kind: "maps",
  columns: 5,
  maps: Array.from({ length: 10 }, (_, digit) => ({
    title: `Digit ${digit}`,
    values: map(penalties, digit),
    height: SIDE,
    width: SIDE,
    label: "learned penalty (cut at the 98th percentile)",
    log: true,
  })),
});

const reproduction: Reproduction = {
  title: "A penalty for every weight of logistic regression",
  source: "Maclaurin, Duvenaud, Adams 2015 (arXiv 1502.03492), section 3.2, figure 6, and the authors' repository",
  claim:
    "Penalties of 7,850 weights, learned by hypergradients, show which pixels tell each digit, and lower the validation loss.",
  data: ["mnist"],
  minutes: 10,
  config: { full: FULL, small: SMALL },

  async run(context) {
    const size = context.small ? SMALL : FULL;
    const of = await allOutcomes(WAYS, size, context.folder("mnist"), context, ["l2"], { worker: false });
    const figures = figuresOf(WAYS, of, UNTUNED, "nll");
    const penalties = of(OURS)[0]!.values["l2.0.W"]!;
    return {
      tables: [
        {
          title: "Validation loss at the lowest outer loss",
          unit: "nats, without penalties",
          rows: figures.rows("valid"),
        },
        { title: "Test loss of the same", unit: "nats, without penalties", rows: figures.rows("test") },
        { title: "Test error of the same", unit: "% of test images", rows: figures.rows("error") },
      ],
      conclusions: conclusions(figures, neighbours(penalties)),
      expectations: expectations(
        figures,
        WAYS.flatMap(({ name }) => of(name)),
        penalties,
      ),
      drawings: {
        maps: maps(penalties),
        curves: {
          kind: "lines",
          title: "Validation loss by outer step",
          subtitle: `mean of ${size.seeds.length} seeds, without penalties; dashed: controls`,
          xLabel: "outer step",
          yLabel: "validation loss (nats)",
          series: curvesOf(WAYS, of, (valid) => valid["nll"]!, OURS),
        },
      },
    };
  },
};
export default reproduction;
