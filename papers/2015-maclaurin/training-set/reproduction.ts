import { methods, outer, reverse } from "drmad";
import type { Drawing, Expectation, Reproduction } from "../../../src/cli/reproduction.ts";
import { correlation, mean, paired, plusMinus, show } from "../../statistics.ts";
import { withOrder } from "../../verdict.ts";
import { allOutcomes, controlsOf, curvesOf, type Way } from "../../ways.ts";
import { type Figures, figuresOf } from "../figures.ts";
import { CLASSES, givenImages, learnedImages, means, noise, PIXELS, real, type Size, type Ten } from "./experiments.ts";

const FULL: Size = { rows: { valid: 10_000, test: 10_000 }, steps: 20, outerSteps: 40, seeds: [0, 1, 2, 3, 4] };
const SMALL: Size = { rows: { valid: 300, test: 300 }, steps: 8, outerSteps: 3, seeds: [0] };

const OURS = "ten learned images";
const FROM_MEANS = "ten images learned from class means";
const REAL = "ten real images, penalty tuned";
const RANDOM = "random signs";

const fromNoise: Way<Size>["experiment"] = (folder, size, seed) => learnedImages(folder, size, seed, noise(seed));

const WAYS: readonly Way<Size>[] = [
  {
    name: OURS,
    paper: { valid: ".655 (a variant: 40 training, 20 outer steps)", test: ".733 (the same)" },
    experiment: fromNoise,
    method: () => reverse(),
    optimizer: () => outer.sgd({ rate: 1 }),
  },
  {
    name: FROM_MEANS,
    experiment: (folder, size, seed) => learnedImages(folder, size, seed, means(folder, size, seed)),
    method: () => reverse(),
    optimizer: () => outer.sgd({ rate: 1 }),
  },
  {
    name: REAL,
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
    name: RANDOM,
    control: true,
    experiment: fromNoise,
    method: (seed) => methods.randomSign({ seed }),
    optimizer: () => outer.sign({ rate: 0.05 }),
  },
];

const UNTUNED = { name: "untuned: noise", control: true, paper: { valid: "2.37", test: "2.36" } } as const;

/** Of each learned image: its correlation with the mean image of its own digit, and whether none is higher. */
function likenesses(images: readonly number[], digits: Ten): readonly { own: number; highest: boolean }[] {
  return Array.from({ length: CLASSES }, (_, digit) => {
    const pixels = images.slice(digit * PIXELS, (digit + 1) * PIXELS);
    const each = Array.from({ length: CLASSES }, (_of, other) =>
      correlation(pixels, [...digits.subarray(other * PIXELS, (other + 1) * PIXELS)]),
    );
    return { own: each[digit]!, highest: each.indexOf(Math.max(...each)) === digit };
  });
}

function conclusions({ untuned, tuned }: Figures, likeness: ReturnType<typeof likenesses>): string[] {
  const minus = (name: string): string =>
    `minus ${name}: ${withOrder(paired(tuned(OURS, "test"), tuned(name, "test")), 3)}`;
  const alike = likeness.filter(({ highest }) => highest).length;
  const own = likeness.map((each) => each.own);
  return [
    `Ten learned images come to a test loss of ${plusMinus(tuned(OURS, "test"), 3)} and a test error of ${plusMinus(tuned(OURS, "error"), 1)} %, from ${plusMinus(untuned("test"), 3)} and ${plusMinus(untuned("error"), 1)} %; ${controlsOf(WAYS).map(minus).join("; ")}.`,
    `Of the learned images, ${alike} of ${CLASSES} correlate most with the mean image of their own digit (correlations ${show(Math.min(...own))} to ${show(Math.max(...own))}).`,
    `Learned from the class means instead, they come to ${plusMinus(tuned(FROM_MEANS, "test"), 3)}; ${minus(FROM_MEANS)}.`,
  ];
}

function expectations({ untuned, tuned }: Figures, images: readonly number[], small: boolean): Expectation[] {
  const [ours, random] = [tuned(OURS, "valid"), tuned(RANDOM, "valid")];
  const atFullSize: Expectation = {
    what: "the learned images train lower than ten real ones",
    holds: mean(tuned(OURS, "test")) < mean(tuned(REAL, "test")),
    found: `${plusMinus(tuned(OURS, "test"), 3)} against ${plusMinus(tuned(REAL, "test"), 3)}`,
  };
  return [
    {
      what: "there are ten images of 784 finite pixels",
      holds: images.length === CLASSES * PIXELS && images.every(Number.isFinite),
      found: `${images.length} pixels`,
    },
    {
      what: "learning lowers the validation loss of every seed by a tenth or more",
      holds: ours.every((v, i) => v < 0.9 * untuned("valid")[i]!),
      found: `${plusMinus(ours, 3)} from ${plusMinus(untuned("valid"), 3)}`,
    },
    {
      what: "random signs do less",
      holds: mean(random) > mean(ours),
      found: `${plusMinus(random, 3)} against ${plusMinus(ours, 3)}`,
    },
    ...(small ? [] : [atFullSize]),
  ];
}

const maps = (images: readonly number[]): Drawing => ({
  kind: "maps",
  columns: 5,
  maps: Array.from({ length: CLASSES }, (_, digit) => ({
    title: `Digit ${digit}`,
    values: images.slice(digit * PIXELS, (digit + 1) * PIXELS),
    height: 28,
    width: 28,
    label: "learned pixel (1 is the range of a real one)",
  })),
});

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
    const folder = context.folder("mnist");
    const of = await allOutcomes(WAYS, size, folder, context, ["images"], { worker: false });
    const figures = figuresOf(WAYS, of, UNTUNED, "loss");
    const images = of(OURS)[0]!.values["images"]!;
    return {
      tables: [
        {
          title: "Validation loss, after training on ten images only",
          unit: "nats",
          rows: figures.rows("valid"),
        },
        { title: "Test loss of the same", unit: "nats", rows: figures.rows("test") },
        { title: "Test error of the same", unit: "% of test images", rows: figures.rows("error") },
      ],
      conclusions: conclusions(figures, likenesses(images, means(folder, size, size.seeds[0]!))),
      expectations: expectations(figures, images, context.small),
      drawings: {
        images: maps(images),
        curves: {
          kind: "lines",
          title: "Validation loss by outer step",
          subtitle: `mean of ${size.seeds.length} seeds; dashed: controls`,
          xLabel: "outer step",
          yLabel: "validation loss (nats)",
          series: curvesOf(WAYS, of, (valid) => valid["loss"]!, OURS),
        },
      },
    };
  },
};
export default reproduction;
