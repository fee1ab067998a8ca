import { methods, outer, reverse, tune, type DefinedExperiment, type Method, type TuneOptions } from "drmad";
import type { Reproduction, ReproductionContext, Row } from "../../../src/cli/reproduction.ts";
import { correlation, mean, paired, plusMinus, show } from "../../statistics.ts";
import { CLASSES, givenImages, learnedImages, means, noise, PIXELS, real, type Size } from "./experiments.ts";

const FULL: Size = { rows: { valid: 10_000, test: 10_000 }, steps: 20, outerSteps: 40, seeds: [0, 1, 2, 3, 4] };
const SMALL: Size = { rows: { valid: 300, test: 300 }, steps: 8, outerSteps: 3, seeds: [0] };

interface Way {
  readonly name: string;
  readonly control?: true;
  readonly paper?: { readonly valid: string; readonly test: string };
  readonly experiment: (folder: string, size: Size, seed: number) => DefinedExperiment;
  readonly method: (seed: number) => Method;
  readonly optimizer: () => TuneOptions["optimizer"];
}

const fromNoise: Way["experiment"] = (folder, size, seed) => learnedImages(folder, size, seed, noise(seed));

const WAYS: readonly Way[] = [
  {
    name: "ten learned images",
    paper: { valid: ".655 (a variant: 40 training, 20 outer steps)", test: ".733 (the same)" },
    experiment: fromNoise,
    method: () => reverse(),
    optimizer: () => outer.sgd({ rate: 1 }),
  },
  {
    name: "ten images learned from class means",
    experiment: (folder, size, seed) => learnedImages(folder, size, seed, means(folder, size, seed)),
    method: () => reverse(),
    optimizer: () => outer.sgd({ rate: 1 }),
  },
  {
    name: "ten real images, penalty tuned",
    control: true,
    experiment: (folder, size, seed) => givenImages(folder, size, seed, real(folder, size, seed)),
    method: () => reverse(),
    optimizer: () => outer.adam({ rate: 0.2 }),
  },
  {
    name: "class means, penalty tuned",
    control: true,
    experiment: (folder, size, seed) => givenImages(folder, size, seed, means(folder, size, seed)),
    method: () => reverse(),
    optimizer: () => outer.adam({ rate: 0.2 }),
  },
  {
    name: "random signs",
    control: true,
    experiment: fromNoise,
    method: (seed) => methods.randomSign({ seed }),
    optimizer: () => outer.sign({ rate: 0.05 }),
  },
];

interface Judged {
  readonly valid: number;
  readonly test: number;
  /** % of test images */
  readonly error: number;
}

interface Outcome {
  readonly start: Judged;
  readonly tuned: Judged;
  readonly stop: string;
  readonly curve: readonly number[];
  /** Of the first way and seed only. */
  readonly images?: readonly number[];
}

async function outcome(way: Way, folder: string, size: Size, seed: number, signal: AbortSignal): Promise<Outcome> {
  const { test, steps, best, stop, values } = await tune(way.experiment(folder, size, seed), {
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
  const judged = (step: number, on: { readonly loss: number; readonly [metric: string]: number }): Judged => ({
    valid: steps[step]!.valid.loss,
    test: on.loss,
    error: 100 * on["error"]!,
  });
  return {
    start: judged(0, test!.start),
    tuned: judged(best, test!.tuned),
    stop,
    curve: steps.map(({ valid }) => valid.loss),
    ...(way === WAYS[0] && seed === size.seeds[0] ? { images: [...values["images"]!.data] } : {}),
  };
}

async function outcomes(
  size: Size,
  { folder, part, signal }: ReproductionContext,
): Promise<ReadonlyMap<Way, readonly Outcome[]>> {
  const found = new Map<Way, Outcome[]>(WAYS.map((way) => [way, []]));
  for (const seed of size.seeds) {
    for (const way of WAYS) {
      found
        .get(way)!
        .push(await part(`seed ${seed}, ${way.name}`, () => outcome(way, folder("mnist"), size, seed, signal)));
    }
  }
  return found;
}

const reproduction: Reproduction = {
  title: "A training set of ten learned images",
  source: "Maclaurin, Duvenaud, Adams 2015 (arXiv 1502.03492), section 3.3, figure 7, and the authors' repository",
  claim:
    "Ten images, one for each digit, learned pixel by pixel from nothing, train logistic regression to recognise MNIST, and look like digits.",
  data: ["mnist"],
  minutes: 4,
  config: { full: FULL, small: SMALL },

  async run(context) {
    const size = context.small ? SMALL : FULL;
    const found = await outcomes(size, context);
    const values = (name: string, what: keyof Judged): number[] =>
      found.get(WAYS.find((way) => way.name === name)!)!.map(({ tuned }) => tuned[what]);
    const starts = (what: keyof Judged): number[] => found.get(WAYS[0]!)!.map(({ start }) => start[what]);
    const rows = (what: keyof Judged): Row[] => [
      {
        name: "untuned: noise",
        values: starts(what),
        control: true,
        ...(what === "error" ? {} : { paper: what === "valid" ? "2.37" : "2.36" }),
      },
      ...WAYS.map(({ name, control, paper }) => ({
        name,
        values: values(name, what),
        ...(control === undefined ? {} : { control }),
        ...(paper === undefined || what === "error" ? {} : { paper: paper[what] }),
      })),
    ];
    const ours = WAYS[0]!.name;
    const against = (name: string): string => {
      const { difference, error } = paired(values(ours, "test"), values(name, "test"));
      const clear = Math.abs(difference) > 2 * error;
      return `minus ${name}: ${show(difference, 3)} ± ${show(error, 3)} (${clear ? (difference < 0 ? "better" : "worse") : "no clear difference"})`;
    };
    const images = found.get(WAYS[0]!)![0]!.images!;
    const controls = WAYS.filter(({ control }) => control === true);
    const digits = means(context.folder("mnist"), size, size.seeds[0]!);
    const likeness = Array.from({ length: CLASSES }, (_, digit) => {
      const pixels = images.slice(digit * PIXELS, (digit + 1) * PIXELS);
      const each = Array.from({ length: CLASSES }, (_of, other) =>
        correlation(pixels, [...digits.subarray(other * PIXELS, (other + 1) * PIXELS)]),
      );
      return { own: each[digit]!, highest: each.indexOf(Math.max(...each)) === digit };
    });
    const alike = likeness.filter(({ highest }) => highest).length;
    return {
      tables: [
        { title: "Validation loss, after training on ten images only", unit: "nats", rows: rows("valid") },
        { title: "Test loss of the same", unit: "nats", rows: rows("test") },
        { title: "Test error of the same", unit: "% of test images", rows: rows("error") },
      ],
      conclusions: [
        `Ten learned images come to a test loss of ${plusMinus(values(ours, "test"), 3)} and a test error of ${plusMinus(values(ours, "error"), 1)} %, from ${plusMinus(starts("test"), 3)} and ${plusMinus(starts("error"), 1)} %; ${controls.map(({ name }) => against(name)).join("; ")}.`,
        `Of the learned images, ${alike} of ${CLASSES} correlate most with the mean image of their own digit (correlations ${show(Math.min(...likeness.map(({ own }) => own)))} to ${show(Math.max(...likeness.map(({ own }) => own)))}).`,
        `Learned from the class means instead, they come to ${plusMinus(values("ten images learned from class means", "test"), 3)}; ${against("ten images learned from class means")}.`,
      ],
      expectations: [
        {
          what: "there are ten images of 784 finite pixels",
          holds: images.length === CLASSES * PIXELS && images.every(Number.isFinite),
          found: `${images.length} pixels`,
        },
        {
          what: "learning lowers the validation loss of every seed by a tenth or more",
          holds: values(ours, "valid").every((v, i) => v < 0.9 * starts("valid")[i]!),
          found: `${plusMinus(values(ours, "valid"), 3)} from ${plusMinus(starts("valid"), 3)}`,
        },
        {
          what: "random signs do less",
          holds: mean(values("random signs", "valid")) > mean(values(ours, "valid")),
          found: `${plusMinus(values("random signs", "valid"), 3)} against ${plusMinus(values(ours, "valid"), 3)}`,
        },
        ...(context.small
          ? []
          : [
              {
                what: "the learned images train lower than ten real ones",
                holds: mean(values(ours, "test")) < mean(values("ten real images, penalty tuned", "test")),
                found: `${plusMinus(values(ours, "test"), 3)} against ${plusMinus(values("ten real images, penalty tuned", "test"), 3)}`,
              },
            ]),
      ],
      drawings: {
        images: {
          kind: "maps",
          columns: 5,
          maps: Array.from({ length: CLASSES }, (_, digit) => ({
            title: `Digit ${digit}`,
            values: images.slice(digit * PIXELS, (digit + 1) * PIXELS),
            height: 28,
            width: 28,
            label: "learned pixel (1 is the range of a real one)",
          })),
        },
        curves: {
          kind: "lines",
          title: "Validation loss by outer step",
          subtitle: `mean of ${size.seeds.length} seeds; dashed: controls`,
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
