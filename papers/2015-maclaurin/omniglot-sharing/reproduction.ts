import { drmad, methods, reverse } from "drmad";
import type { Drawing, Reproduction } from "../../../src/cli/reproduction.ts";
import { lowest, mean, paired, plusMinus, show } from "../../statistics.ts";
import { clearlyBelow, withError, won } from "../../verdict.ts";
import { allOutcomes, controlsOf, rowOf, type Outcome, type Way } from "../../ways.ts";
import { ALPHABETS, amounts, fixed, learned, TASKS, type Size } from "./experiments.ts";

const FULL: Size = {
  images: { train: 5, valid: 5, test: 10 },
  hidden: [50, 25],
  steps: 100,
  outerSteps: 12,
  seeds: [0, 1, 2, 3, 4],
};
const SMALL: Size = {
  images: { train: 2, valid: 1, test: 1 },
  hidden: [10, 8],
  steps: 25,
  outerSteps: 2,
  seeds: [0],
};

const LEARNED = "learned sharing (300), exact";
const APART = "separate networks";
const TIED = "all layers tied";
const RANDOM = "sharing by random signs";
const WAYS: readonly Way<Size>[] = [
  { name: LEARNED, paper: { loss: "0.60 / 1.13" }, experiment: learned, method: () => reverse() },
  { name: "learned sharing (300), DrMAD", paper: { loss: "0.52 / 1.10" }, experiment: learned, method: () => drmad() },
  { name: APART, paper: { loss: "0.61 / 1.34" }, control: true, experiment: fixed(0) },
  { name: "lower two layers tied", paper: { loss: "0.90 / 1.25" }, control: true, experiment: fixed(2) },
  { name: TIED, control: true, experiment: fixed(3) },
  { name: "separate, penalty and rate tuned", control: true, experiment: fixed(0), method: () => reverse() },
  {
    name: "lower two tied, penalty and rate tuned",
    control: true,
    experiment: fixed(2),
    method: () => reverse(),
  },
  { name: "two tuned amounts for each layer", control: true, experiment: amounts, method: () => reverse() },
  {
    name: "direct part only",
    control: true,
    experiment: learned,
    method: () => methods.directOnly(),
  },
  {
    name: RANDOM,
    control: true,
    experiment: learned,
    method: (seed) => methods.randomSign({ seed }),
  },
];

/** Correlations between the networks' weights in a layer: T Tᵀ with a diagonal of 1. */
function correlation(sharing: readonly number[]): number[] {
  const inner = (a: number, b: number): number =>
    Array.from({ length: TASKS }, (_, k) => sharing[a * TASKS + k]! * sharing[b * TASKS + k]!).reduce((x, y) => x + y);
  return sharing.map((_, i) => {
    const [a, b] = [Math.floor(i / TASKS), i % TASKS];
    return inner(a, b) / Math.sqrt(inner(a, a) * inner(b, b));
  });
}

/** Mean correlation of an alphabet's network with that of the same one turned, and of all other pairs. */
function twins(correlations: readonly number[]): { readonly twins: number; readonly others: number } {
  const pairs = correlations
    .map((value, i) => ({ value, apart: Math.abs(Math.floor(i / TASKS) - (i % TASKS)) }))
    .filter(({ apart }) => apart > 0);
  const meanOf = (twin: boolean): number =>
    mean(pairs.filter(({ apart }) => (apart === ALPHABETS.length) === twin).map(({ value }) => value));
  return { twins: meanOf(true), others: meanOf(false) };
}

/** One map of three matrices with an empty column between them. */
function sideBySide(matrices: readonly (readonly number[])[]): Drawing {
  const across = TASKS + 1;
  const width = matrices.length * across - 1;
  return {
    kind: "maps",
    columns: 1,
    maps: [
      {
        title: "Learned sharing in the bottom, the middle and the top layer",
        subtitle: `${ALPHABETS.join(", ")}, then the same turned by 90°; mean over seeds`,
        values: Array.from({ length: TASKS * width }, (_, i) => {
          const [row, column] = [Math.floor(i / width), i % width];
          return column % across === TASKS
            ? NaN
            : matrices[Math.floor(column / across)]![row * TASKS + (column % across)]!;
        }),
        height: TASKS,
        width,
        label: "correlation of T Tᵀ",
      },
    ],
  };
}

const least = ({ valid, best }: Outcome): number => valid[best]!["loss"]!;

const LAYERS = ["bottom", "middle", "top"] as const;

const reproduction: Reproduction = {
  title: "Which layers networks for ten alphabets share",
  source: "Maclaurin, Duvenaud, Adams 2015 (arXiv 1502.03492), section 3.4, figures 8 and 9",
  claim:
    "Learned sharing between networks for alphabets and the same alphabets turned by 90° beats separate and tied networks in test loss; the bottom layer is shared by all, the top by an alphabet and its turned twin.",
  data: ["omniglot"],
  minutes: 7,
  config: { full: FULL, small: SMALL },

  async run(context) {
    const size = context.small ? SMALL : FULL;
    const of = await allOutcomes(WAYS, size, context.folder("omniglot"), context, LAYERS);
    const losses = (name: string): number[] => of(name).map(({ tuned }) => tuned["loss"]!);
    const errors = (name: string): number[] => of(name).map(({ tuned }) => 100 * tuned["error"]!);
    const best = lowest(controlsOf(WAYS), losses);
    const against = (name: string, figures = losses) => paired(figures(LEARNED), figures(name));
    const told = (name: string): string => {
      const [loss, error] = [against(name), against(name, errors)];
      return `${withError(loss)} in loss and ${withError(error, 1)} points in error (${won(loss, error)} in both)`;
    };
    const correlations = LAYERS.map((layer) => of(LEARNED).map(({ values }) => correlation(values[layer]!)));
    const shown = correlations.map((each) => each.map(twins));
    const matrices = correlations.map((each) => each[0]!.map((_, at) => mean(each.map((one) => one[at]!))));
    return {
      tables: [
        {
          title: "Test loss at the outer step with the lowest validation loss (paper: training and test loss)",
          unit: "nats per image",
          rows: WAYS.map((way) => rowOf(way, losses(way.name), "loss")),
        },
        {
          title: "Test error at that step",
          unit: "% of test images",
          rows: WAYS.map((way) => rowOf(way, errors(way.name), "error")),
        },
        {
          title: "Correlation of networks' weights by learned sharing",
          unit: "cosine",
          rows: LAYERS.flatMap((layer, i) => [
            { name: `${layer} layer, an alphabet and its turned twin`, values: shown[i]!.map((each) => each.twins) },
            { name: `${layer} layer, all other pairs`, values: shown[i]!.map((each) => each.others) },
          ]),
        },
      ],
      conclusions: [
        `Learned sharing ends at ${plusMinus(losses(LEARNED))}; minus separate networks ${told(APART)}; minus all layers tied ${told(TIED)}; minus lower two layers tied ${told("lower two layers tied")}.`,
        `Of all controls, ${best} does best, at ${plusMinus(losses(best))}; learned sharing minus that: ${told(best)}.`,
        `DrMAD ends at ${plusMinus(losses("learned sharing (300), DrMAD"))} on the same training; the largest growth of its adjoint is ${Math.max(...of("learned sharing (300), DrMAD").map(({ growth }) => growth)).toPrecision(2)}, ` +
          `that of the exact one ${Math.max(...of(LEARNED).map(({ growth }) => growth)).toPrecision(2)}.`,
        `Correlation between an alphabet and its turned twin, and between all other pairs: ${LAYERS.map(
          (layer, i) =>
            `${layer} ${show(mean(shown[i]!.map((each) => each.twins)))} and ${show(mean(shown[i]!.map((each) => each.others)))}`,
        ).join(", ")}.`,
        `Unlike the paper: other alphabets (${ALPHABETS.join(", ")}), images of 14 × 14, smaller networks, 5 images of a character to train on and 5 to tune on, ` +
          "the same throughout; 100 training steps of rate 2, penalty e⁻⁵, initial deviation e^−1.5, Adam outside. The validation loss reads the sharing matrices, so part of the hypergradient is direct, and has a control.",
      ],
      expectations: [
        {
          what: "every run ends with a finite loss",
          holds: WAYS.every(({ name }) => losses(name).every(Number.isFinite)),
          found: `${WAYS.length * size.seeds.length} runs`,
        },
        {
          what: "learned sharing lowers the validation loss at every seed",
          holds: of(LEARNED).every(({ valid, best: step }) => valid[step]!["loss"]! < valid[0]!["loss"]!),
          found: of(LEARNED)
            .map(({ valid, best: step }) => `${show(valid[0]!["loss"]!)} to ${show(valid[step]!["loss"]!)}`)
            .join(", "),
        },
        {
          what: "learned sharing ends at a lower validation loss than sharing by random signs, at every seed",
          holds: of(LEARNED).every((one, i) => least(one) < least(of(RANDOM)[i]!)),
          found: `${plusMinus(of(LEARNED).map(least))} and ${plusMinus(of(RANDOM).map(least))}`,
        },
        ...(context.small
          ? []
          : [APART, TIED].map((name) => ({
              what: `learned sharing has a lower test loss than ${name}, by more than two paired standard errors`,
              holds: clearlyBelow(against(name)),
              found: told(name),
            }))),
      ],
      drawings: { sharing: sideBySide(matrices) },
    };
  },
};
export default reproduction;
