import { reverse } from "drmad";
import type { Reproduction } from "../../../src/cli/reproduction.ts";
import { typed } from "../../descent.ts";
import { onRollout } from "../../rollout.ts";
import { correlation, mean, show } from "../../statistics.ts";
import {
  constant,
  FULL_SIZE,
  GROUPS,
  schedules,
  SMALL_SIZE,
  START_RATE,
  START_SCALE,
} from "../schedules/experiments.ts";

const FULL = { ...FULL_SIZE, seeds: 50 };
const SMALL = { ...SMALL_SIZE, seeds: 4 };

/** A series of each group, over the training steps. */
type ByGroup = readonly (readonly number[])[];

const series = (gradient: readonly number[]): ByGroup =>
  GROUPS.map((_, g) => gradient.filter((_value, i) => i % GROUPS.length === g));

/** Correlation of a series with itself one step later: 1 for a smooth one, about 0 for noise. */
export function neighbours(values: readonly number[]): number {
  const m = mean(values);
  const products = values.slice(1).map((v, i) => (v - m) * (values[i]! - m));
  const squares = values.map((v) => (v - m) ** 2);
  return products.reduce((a, b) => a + b, 0) / squares.reduce((a, b) => a + b, 0);
}

const reproduction: Reproduction = {
  title: "Hypergradients of learning rates, step by step",
  source: "Maclaurin, Duvenaud, Adams 2015 (arXiv 1502.03492), section 3.1, figure 4, and the authors' repository",
  claim:
    "The first hypergradient of a learning rate for each step, averaged over seeds, is smooth over the steps though nothing makes it so.",
  data: ["mnist"],
  minutes: 11,
  config: { full: FULL, small: SMALL },

  async run({ small, folder, part, signal }) {
    const size = small ? SMALL : FULL;
    const start = typed(constant(size, { rate: START_RATE, decay: 0.5, scale: START_SCALE }));
    const found: { readonly rate: readonly number[]; readonly growth: number }[] = [];
    for (let seed = 0; seed < size.seeds; seed++) {
      found.push(
        await part(`seed ${seed}`, () =>
          onRollout(schedules(folder("mnist"), size), { seed, signal }, async (rollout) => {
            const { gradient, growth, final } = await reverse().run(rollout.at(start));
            rollout.free(final);
            return { rate: [...gradient["rate"]!], growth };
          }),
        ),
      );
    }
    const each = found.map(({ rate }) => series(rate));
    const average = series(found[0]!.rate.map((_, i) => mean(found.map(({ rate }) => rate[i]!))));
    const half = (odd: number): ByGroup =>
      series(found[0]!.rate.map((_, i) => mean(found.flatMap(({ rate }, s) => (s % 2 === odd ? [rate[i]!] : [])))));
    const [even, odd] = [half(0), half(1)];
    const single = GROUPS.map((_, g) => each.map((of) => neighbours(of[g]!)));
    const averaged = average.map(neighbours);
    const weights = GROUPS.flatMap((name, g) => (name.startsWith("weights") ? [g] : []));
    const steps = average[0]!.map((_, t) => t);
    const gain = mean(averaged) - mean(single.map(mean));
    /** What two halves of the seeds agree on is not noise. */
    const agreement = (g: number): number => correlation(even[g]!, odd[g]!);
    const negative = average.map((of) => of.filter((v) => v < 0).length / of.length);
    return {
      tables: [
        {
          title: "Correlation of neighbouring steps in one seed's hypergradient of the rates",
          unit: "correlation, 1 for smooth",
          rows: GROUPS.map((name, g) => ({ name, values: single[g]! })),
        },
        {
          title: `The same in the mean of ${size.seeds} seeds`,
          unit: "correlation, 1 for smooth",
          rows: GROUPS.map((name, g) => ({ name, values: [averaged[g]!], paper: "smooth, by eye" })),
        },
        {
          title: "Agreement of the means of two halves of the seeds, over the steps",
          unit: "correlation",
          rows: GROUPS.map((name, g) => ({ name, values: [agreement(g)] })),
        },
      ],
      conclusions: [
        `In the mean of ${size.seeds} seeds neighbouring steps correlate by ${show(Math.min(...averaged))} to ${show(Math.max(...averaged))}, in single seeds by ${show(mean(single.map(mean)))} on average: averaging makes it ${gain > 0.05 ? "smoother" : gain < -0.05 ? "rougher" : "no smoother"}.`,
        averaged.every((v) => v > 0.8)
          ? "The claim holds for every layer: each correlation of the mean is above .8."
          : `The claim does not hold for every layer: the mean of ${GROUPS.filter((_, g) => averaged[g]! <= 0.8).join(", ")} has a correlation of .8 or less.`,
        `A larger rate would lower the training loss at ${show(100 * mean(negative), 0)} % of steps and groups; the largest growth of the adjoint is ${show(Math.max(...found.map(({ growth }) => growth)), 1)}.`,
      ],
      expectations: [
        {
          what: "every hypergradient is finite, and none is zero throughout",
          holds: each.flat().every((of) => of.every(Number.isFinite) && of.some((v) => v !== 0)),
          found: `${found.length} seeds of ${found[0]!.rate.length} numbers`,
        },
        {
          what: "there is one number for each step and group",
          holds: found.every(({ rate }) => rate.length === size.steps * GROUPS.length),
          found: `${found[0]!.rate.length} for ${size.steps} steps of ${GROUPS.length} groups`,
        },
        {
          what: "at this low a start, larger rates lower the training loss for most steps",
          holds: mean(negative) > 0.5,
          found: `${show(100 * mean(negative), 0)} % of steps and groups`,
        },
        ...(small
          ? []
          : [
              {
                what: "neighbouring steps correlate more in the mean over seeds than in single seeds, for every group",
                holds: averaged.every((v, g) => v > mean(single[g]!)),
                found: averaged.map((v, g) => `${show(v)} against ${show(mean(single[g]!))}`).join(", "),
              },
            ]),
      ],
      drawings: {
        gradients: {
          kind: "lines",
          title: "How the rate of each step changes the final training loss",
          subtitle: `first hypergradient in the log rate of each layer's weights, mean of ${size.seeds} seeds`,
          xLabel: "training step",
          yLabel: "d loss / d log rate (nats)",
          series: weights.map((g, i) => ({
            name: `layer ${i + 1}`,
            x: steps,
            y: average[g]!,
            emphasis: i === weights.length - 1,
          })),
        },
        "one-seed": {
          kind: "lines",
          title: "The same of one seed",
          subtitle: "first hypergradient in the log rate of each layer's weights, seed 0",
          xLabel: "training step",
          yLabel: "d loss / d log rate (nats)",
          series: weights.map((g, i) => ({
            name: `layer ${i + 1}`,
            x: steps,
            y: each[0]![g]!,
            emphasis: i === weights.length - 1,
          })),
        },
      },
    };
  },
};
export default reproduction;
