import { methods, reverse } from "drmad";
import type { Reproduction } from "../../../src/cli/reproduction.ts";
import { mean, paired, plusMinus, show } from "../../statistics.ts";
import { withError, won } from "../../verdict.ts";
import { allOutcomes, curvesOf, rowOf, type Way } from "../../ways.ts";
import { NOISE, penalised, regularised, type Size } from "./experiments.ts";

const FULL: Size = {
  rows: { train: 1000, valid: 1000, test: 10_000 },
  steps: 500,
  outerSteps: 12,
  seeds: [0, 1, 2, 3, 4],
};
const SMALL: Size = { rows: { train: 200, valid: 200, test: 400 }, steps: 40, outerSteps: 3, seeds: [0] };

/** Of each training, twenty one-step gradients, or five in a small run: each takes several calls of the engine. */
const oneStep = ({ steps }: Size): ReturnType<typeof methods.oneStep> =>
  methods.oneStep({ every: steps / (steps < 100 ? 5 : 20) });
const layers = regularised("layers");

const T1_T2 = "noise and penalties of each layer, T1–T2";
const EXACT = "noise and penalties of each layer, exact";
const SCALAR = "one penalty, exact";
const UNTUNED = "untuned noise and penalty";

const waysOf = (size: Size): readonly Way<Size>[] => [
  { name: T1_T2, experiment: layers, method: () => oneStep(size) },
  { name: EXACT, experiment: layers, method: () => reverse() },
  { name: UNTUNED, control: true, experiment: layers },
  { name: SCALAR, control: true, experiment: penalised, method: () => reverse() },
  { name: "one penalty, T1–T2", control: true, experiment: penalised, method: () => oneStep(size) },
  {
    name: "one noise level and one penalty, exact",
    control: true,
    experiment: regularised("network"),
    method: () => reverse(),
  },
  { name: "random signs", control: true, experiment: layers, method: (seed) => methods.randomSign({ seed }) },
];

const LAYERS = ["image", "first hidden layer", "second hidden layer"];

const reproduction: Reproduction = {
  title: "Noise and penalties tuned through one training step",
  source: "Luketina, Berglund, Greff, Raiko 2016 (arXiv 1511.06727), noise and L2 on MNIST",
  claim:
    "Gradients through a single training step tune the noise and the penalties of each layer well: networks trained with the values found have lower test errors than untuned ones.",
  data: ["mnist"],
  minutes: 13,
  config: { full: FULL, small: SMALL },

  async run(context) {
    const size = context.small ? SMALL : FULL;
    const ways = waysOf(size);
    const of = await allOutcomes(ways, size, context.folder("mnist"), context, ["noise", "penalty"]);
    const errors = (name: string): number[] => of(name).map(({ tuned }) => 100 * tuned["error"]!);
    const losses = (name: string): number[] => of(name).map(({ tuned }) => tuned["loss"]!);
    const noise = (name: string, layer: number): number[] => of(name).map(({ values }) => values["noise"]![layer]!);
    const against = (a: string, b: string): string =>
      `${withError(paired(losses(a), losses(b)), 3)} in test loss and ${withError(paired(errors(a), errors(b)))} points in test error`;
    const scalar = paired(losses(T1_T2), losses(SCALAR));
    const grown = (name: string, layer: number): number => Math.log(mean(noise(name, layer)) / NOISE);
    const opposite = LAYERS.filter((_, i) => grown(T1_T2, i) * grown(EXACT, i) < -1e-6);
    return {
      tables: [
        {
          title: "Test error at the outer step with the lowest validation loss",
          unit: "% of test images",
          rows: ways.map((way) => rowOf(way, errors(way.name))),
        },
        {
          title: "Test loss at that step",
          unit: "nats per image",
          rows: ways.map((way) => rowOf(way, losses(way.name))),
        },
        {
          title: `Standard deviation of the noise at that step, from ${NOISE}`,
          unit: "units of the layer's values",
          rows: [T1_T2, EXACT].flatMap((name) =>
            LAYERS.map((layer, i) => ({ name: `${layer}, ${name.split(", ")[1]!}`, values: noise(name, i) })),
          ),
        },
      ],
      conclusions: [
        `T1–T2 ends at ${plusMinus(errors(T1_T2))} % test error, from ${plusMinus(errors(UNTUNED))} % untuned: ${against(T1_T2, UNTUNED)}.`,
        `T1–T2 minus the exact hypergradient of the same six hyperparameters: ${against(T1_T2, EXACT)}.`,
        `T1–T2 minus one penalty tuned exactly: ${against(T1_T2, SCALAR)}; in loss ${won(scalar)}.`,
        opposite.length === 0
          ? "In no layer do T1–T2 and the exact hypergradient move the noise in opposite ways."
          : `T1–T2 and the exact hypergradient move the noise in opposite ways in: ${opposite.join(", ")}.`,
        "Unlike the paper: 1,000 training images, a network of 784, 50, 50 (tanh) and 10 units without batch normalisation, and hyperparameters that are held for a whole training, which is repeated, " +
          "with the mean of 20 one-step gradients, instead of being moved during one. Noise comes from a fixed bank, paired anew with images in every epoch. The validation loss reads neither noise nor penalties, so there is no direct part to compare with.",
      ],
      expectations: [
        {
          what: "the exact hypergradient lowers the validation loss of every seed",
          holds: of(EXACT).every(({ valid, best }) => valid[best]!["loss"]! < valid[0]!["loss"]!),
          found: of(EXACT)
            .map(({ valid, best }) => `${show(valid[0]!["loss"]!, 3)} to ${show(valid[best]!["loss"]!, 3)}`)
            .join(", "),
        },
        {
          what: "every run ends with a finite loss",
          holds: ways.every(({ name }) => losses(name).every(Number.isFinite)),
          found: `${ways.length * size.seeds.length} runs`,
        },
        ...(context.small
          ? []
          : [
              {
                what: "T1–T2 lowers the validation loss of every seed",
                holds: of(T1_T2).every(({ valid, best }) => valid[best]!["loss"]! < valid[0]!["loss"]!),
                found: of(T1_T2)
                  .map(({ valid, best }) => `${show(valid[0]!["loss"]!, 3)} to ${show(valid[best]!["loss"]!, 3)}`)
                  .join(", "),
              },
              {
                what: "T1–T2 has a lower test loss than untuned",
                holds: mean(losses(T1_T2)) < mean(losses(UNTUNED)),
                found: against(T1_T2, UNTUNED),
              },
            ]),
      ],
      drawings: {
        curves: {
          kind: "lines",
          title: `MNIST, ${size.rows.train} training images: validation loss by outer step`,
          subtitle: `mean over seeds (${size.seeds.length}); dashed: controls`,
          xLabel: "outer step",
          yLabel: "loss (nats per validation image)",
          series: curvesOf(
            ways.filter(({ method }) => method !== undefined),
            of,
            (valid) => valid["loss"]!,
            T1_T2,
          ),
        },
      },
    };
  },
};
export default reproduction;
