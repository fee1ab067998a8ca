import { methods, outer, reverse, tune, type DefinedExperiment, type Method, type TuneOptions } from "drmad";
import type { Reproduction, ReproductionContext, Row } from "../../../src/cli/reproduction.ts";
import { mean, paired, plusMinus, show } from "../../statistics.ts";
import { logistic, type Size } from "./experiments.ts";

const FULL: Size = {
  rows: { train: 10_000, valid: 10_000, test: 10_000 },
  steps: 50,
  batch: 200,
  outerSteps: 50,
  seeds: [0, 1, 2, 3, 4],
};
const SMALL: Size = { rows: { train: 500, valid: 500, test: 500 }, steps: 20, batch: 50, outerSteps: 4, seeds: [0] };

interface Way {
  readonly name: string;
  readonly control?: true;
  readonly paper?: { readonly valid: string; readonly test: string };
  readonly sharing?: "network";
  readonly method: (seed: number) => Method;
  readonly optimizer: () => TuneOptions["optimizer"];
}

const WAYS: readonly Way[] = [
  {
    name: "a penalty for each weight",
    paper: { valid: ".622 (an earlier variant, 10 steps)", test: ".632 (the same)" },
    method: () => reverse(),
    optimizer: () => outer.sgd({ rate: 1000 }),
  },
  { name: "the same by signs", method: () => reverse(), optimizer: () => outer.sign({ rate: 0.1 }) },
  {
    name: "one tuned penalty",
    control: true,
    sharing: "network",
    method: () => reverse(),
    optimizer: () => outer.adam({ rate: 0.1 }),
  },
  {
    name: "direct part only",
    control: true,
    method: () => methods.directOnly(),
    optimizer: () => outer.sgd({ rate: 1000 }),
  },
  {
    name: "random signs",
    control: true,
    method: (seed) => methods.randomSign({ seed }),
    optimizer: () => outer.sign({ rate: 0.1 }),
  },
];

/** Losses without penalties, in nats, and errors in percent. */
interface Judged {
  readonly valid: number;
  readonly test: number;
  readonly error: number;
}

interface Outcome {
  readonly start: Judged;
  readonly tuned: Judged;
  readonly best: number;
  readonly stop: string;
  readonly growth: number;
  /** Validation losses without penalties. */
  readonly curve: readonly number[];
  /** Learned penalties of the weights, [784, 10]; of one way and seed only. */
  readonly penalties?: readonly number[];
}

async function outcome(
  experiment: DefinedExperiment,
  way: Way,
  size: Size,
  seed: number,
  signal: AbortSignal,
): Promise<Outcome> {
  const { test, steps, best, stop, values } = await tune(experiment, {
    seed,
    method: way.method(seed),
    optimizer: way.optimizer()!,
    outerSteps: size.outerSteps,
    // As many steps as the paper's, whatever happens on the way.
    patience: size.outerSteps,
    signal,
    trustEngine: true,
    worker: false,
  });
  const judged = (step: number, on: { readonly [metric: string]: number }): Judged => ({
    valid: steps[step]!.valid["nll"]!,
    test: on["nll"]!,
    error: 100 * on["error"]!,
  });
  return {
    start: judged(0, test!.start),
    tuned: judged(best, test!.tuned),
    best,
    stop,
    growth: Math.max(...steps.map(({ growth }) => growth ?? 0)),
    curve: steps.map(({ valid }) => valid["nll"]!),
    ...(way === WAYS[0] && seed === size.seeds[0] ? { penalties: [...values["l2.0.W"]!.data] } : {}),
  };
}

async function outcomes(
  size: Size,
  { folder, part, signal }: ReproductionContext,
): Promise<ReadonlyMap<Way, readonly Outcome[]>> {
  const found = new Map<Way, Outcome[]>(WAYS.map((way) => [way, []]));
  for (const seed of size.seeds) {
    for (const way of WAYS) {
      const experiment = logistic(folder("mnist"), size, way.sharing);
      found.get(way)!.push(await part(`seed ${seed}, ${way.name}`, () => outcome(experiment, way, size, seed, signal)));
    }
  }
  return found;
}

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
    const found = await outcomes(size, context);
    const values = (name: string, what: keyof Judged): number[] =>
      found.get(WAYS.find((way) => way.name === name)!)!.map(({ tuned }) => tuned[what]);
    const starts = (what: keyof Judged): number[] => found.get(WAYS[0]!)!.map(({ start }) => start[what]);
    const rows = (what: keyof Judged): Row[] => [
      {
        name: "untuned",
        values: starts(what),
        control: true,
        ...(what === "error" ? {} : { paper: what === "valid" ? ".682 (an earlier variant)" : ".688 (the same)" }),
      },
      ...WAYS.map(({ name, control, paper }) => ({
        name,
        values: values(name, what),
        ...(control === undefined ? {} : { control }),
        ...(paper === undefined || what === "error" ? {} : { paper: paper[what] }),
      })),
    ];
    const ours = WAYS[0]!.name;
    const against = (way: string, name: string): string => {
      const { difference, error } = paired(values(way, "test"), values(name, "test"));
      const clear = Math.abs(difference) > 2 * error;
      return `minus ${name}: ${show(difference, 4)} ± ${show(error, 4)} (${clear ? (difference < 0 ? "better" : "worse") : "no clear difference"})`;
    };
    const penalties = found.get(WAYS[0]!)![0]!.penalties!;
    const controls = WAYS.filter(({ control }) => control === true);
    const bestControl = controls.reduce((a, b) =>
      mean(values(a.name, "test")) <= mean(values(b.name, "test")) ? a : b,
    );
    const likeness = neighbours(penalties);
    return {
      tables: [
        { title: "Validation loss at the lowest outer loss", unit: "nats, without penalties", rows: rows("valid") },
        { title: "Test loss of the same", unit: "nats, without penalties", rows: rows("test") },
        { title: "Test error of the same", unit: "% of test images", rows: rows("error") },
      ],
      conclusions: [
        `A penalty for each weight comes to a test loss of ${plusMinus(values(ours, "test"), 4)}, from ${plusMinus(starts("test"), 4)} untuned; ${controls.map(({ name }) => against(ours, name)).join("; ")}.`,
        `By signs, of the same hypergradient, it comes to ${plusMinus(values("the same by signs", "test"), 4)}; ${against("the same by signs", bestControl.name)}, the best control.`,
        `Learned penalties of neighbouring pixels correlate by ${show(likeness)}: ${likeness > 0.5 ? "the maps have structure" : "the maps have little structure"}.`,
      ],
      expectations: [
        {
          what: "every run ends with a result",
          holds: [...found.values()].flat().every(({ tuned }) => Number.isFinite(tuned.test)),
          found: [...found.values()].flatMap((each) => each.map(({ stop }) => stop)).join(", "),
        },
        {
          what: "there is one penalty for each weight, all above 0, and they differ",
          holds: penalties.length === 7840 && penalties.every((v) => v > 0) && new Set(penalties).size > 1000,
          found: `${new Set(penalties).size} values of ${penalties.length}`,
        },
        {
          what: "the hypergradient by signs lowers the validation loss of every seed",
          holds: values("the same by signs", "valid").every((v, i) => v < starts("valid")[i]!),
          found: `${plusMinus(values("the same by signs", "valid"), 4)} from ${plusMinus(starts("valid"), 4)}`,
        },
        {
          what: "the whole hypergradient lowers it more than its direct part does, with the paper's step",
          holds: mean(values(ours, "valid")) < mean(values("direct part only", "valid")),
          found: `${plusMinus(values(ours, "valid"), 4)} against ${plusMinus(values("direct part only", "valid"), 4)}`,
        },
        {
          what: "gradient descent with the paper's step lowers it for every seed",
          holds: values(ours, "valid").every((v, i) => v < starts("valid")[i]!),
          found: `${plusMinus(values(ours, "valid"), 4)} from ${plusMinus(starts("valid"), 4)}`,
        },
      ],
      drawings: {
        maps: {
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
        },
        curves: {
          kind: "lines",
          title: "Validation loss by outer step",
          subtitle: `mean of ${size.seeds.length} seeds, without penalties; dashed: controls`,
          xLabel: "outer step",
          yLabel: "validation loss (nats)",
          series: WAYS.map((way) => {
            const curves = found.get(way)!.map(({ curve }) => curve);
            const steps = Array.from({ length: Math.max(...curves.map(({ length }) => length)) }, (_, i) => i);
            return {
              name: way.name,
              x: steps,
              y: steps.map((i) => mean(curves.map((curve) => curve[i] ?? NaN))),
              dashed: way.control === true,
              emphasis: way === WAYS[0],
            };
          }),
        },
      },
    };
  },
};
export default reproduction;
