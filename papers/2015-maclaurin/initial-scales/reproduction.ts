import { methods, reverse, type Method } from "drmad";
import type { Reproduction } from "../../../src/cli/reproduction.ts";
import { mean, plusMinus, show } from "../../statistics.ts";
import {
  constant,
  FAN_IN,
  FULL_SIZE,
  GROUPS,
  learn,
  type Learned,
  SMALL_SIZE,
  START_RATE,
  START_SCALE,
} from "../schedules/experiments.ts";

/** Each tuning run takes seeds of its own, from these on. */
const FULL = { ...FULL_SIZE, outerSteps: 50, tuningSeeds: [1000, 2000, 3000] };
const SMALL = { ...SMALL_SIZE, outerSteps: 4, tuningSeeds: [1000] };

const WAYS: readonly { readonly name: string; readonly control?: true; readonly method: (seed: number) => Method }[] = [
  { name: "learned", method: () => reverse() },
  { name: "random signs", control: true, method: (seed) => methods.randomSign({ seed }) },
];

/** By what factor a scale differs from one over the root of its inputs; a logarithm. */
const away = (scale: number, g: number): number => Math.abs(Math.log(scale * Math.sqrt(FAN_IN[g]!)));
const ratio = (log: number): string => `a factor of ${show(Math.exp(log))}`;

const reproduction: Reproduction = {
  title: "Initial scales learned beside the schedules",
  source: "Maclaurin, Duvenaud, Adams 2015 (arXiv 1502.03492), section 3.1, figure 5, and the authors' repository",
  claim:
    "The learned initial scale of each layer comes near the heuristic of one over the root of its inputs, above all the first layer's.",
  data: ["mnist"],
  minutes: 7,
  config: { full: FULL, small: SMALL },

  async run({ small, folder, part, signal }) {
    const size = small ? SMALL : FULL;
    const start = constant(size, { rate: START_RATE, decay: 0.5, scale: START_SCALE });
    const found = new Map<string, Learned[]>(WAYS.map(({ name }) => [name, []]));
    for (const seed of size.tuningSeeds) {
      for (const { name, method } of WAYS) {
        const options = { seed, outerSteps: size.outerSteps, method: method(seed), signal };
        found
          .get(name)!
          .push(await part(`${name} from seed ${seed}`, () => learn(folder("mnist"), size, start, options)));
      }
    }
    const scales = (way: string, g: number): number[] =>
      found.get(way)!.map(({ point }) => Math.exp(point["scale"]![g]!));
    const learned = found.get("learned")!;
    const weights = GROUPS.flatMap((name, g) => (name.startsWith("weights") ? [g] : []));
    const before = weights.map((g) => away(START_SCALE, g));
    const after = weights.map((g) => mean(scales("learned", g).map((scale) => away(scale, g))));
    const nearer = weights.filter((_, i) => after[i]! < before[i]!);
    return {
      tables: [
        {
          title: "Standard deviation of initial weights",
          unit: "learned, at the outer step with the lowest training loss",
          rows: GROUPS.map((name, g) => ({
            name,
            values: scales("learned", g),
            ...(name.startsWith("weights")
              ? { paper: `compared with 1/√${FAN_IN[g]} = ${show(1 / Math.sqrt(FAN_IN[g]!), 3)}` }
              : {}),
          })),
        },
        {
          title: "The same by random signs",
          unit: "learned, at the outer step with the lowest training loss",
          rows: GROUPS.map((name, g) => ({ name, values: scales("random signs", g), control: true as const })),
        },
      ],
      conclusions: [
        `From ${show(START_SCALE, 3)} everywhere, the first layer's weights come to ${plusMinus(scales("learned", 0), 3)}; 1/√784 is ${show(1 / 28, 3)}: from ${ratio(before[0]!)} away to ${ratio(after[0]!)}.`,
        `The other layers' weights, compared with 1/√50 = ${show(1 / Math.sqrt(50), 3)}, come to ${weights
          .slice(1)
          .map((g) => show(mean(scales("learned", g)), 3))
          .join(", ")}: from ${ratio(before[1]!)} away to ${weights
          .slice(1)
          .map((_, i) => show(Math.exp(after[i + 1]!)))
          .join(", ")}.`,
        nearer.length === weights.length
          ? "All layers come nearer to the heuristic."
          : `Only ${nearer.length} of ${weights.length} layers come nearer to the heuristic${nearer.length === 0 ? "" : ` (${nearer.map((g) => GROUPS[g]!).join(", ")})`}: the claim does not hold for the others.`,
      ],
      expectations: [
        {
          what: "no tuning run diverged",
          holds: learned.every(({ curve }) => curve.length === size.outerSteps),
          found: learned.map(({ curve }) => curve.length).join(", ") + " outer steps",
        },
        {
          what: "tuning lowers the training loss",
          holds: learned.every(({ curve, best }) => curve[best]! < curve[0]! && best > 0),
          found: learned.map(({ curve, best }) => `${show(curve[best]!, 3)} from ${show(curve[0]!, 3)}`).join(", "),
        },
        {
          what: "every initial scale has moved",
          holds: GROUPS.every((_, g) => scales("learned", g).every((scale) => scale !== START_SCALE && scale > 0)),
          found: GROUPS.map((_, g) => show(mean(scales("learned", g)), 4)).join(", "),
        },
      ],
      drawings: {
        scales: {
          kind: "lines",
          title: "Learned initial scales of weights, and the heuristic",
          subtitle: `mean of ${size.tuningSeeds.length} tuning runs; dashed: controls`,
          xLabel: "layer",
          yLabel: "standard deviation of initial weights",
          logY: true,
          series: [
            { name: "learned", y: weights.map((g) => mean(scales("learned", g))), emphasis: true },
            { name: "1/√inputs", y: weights.map((g) => 1 / Math.sqrt(FAN_IN[g]!)), dashed: true },
            { name: "start", y: weights.map(() => START_SCALE), dashed: true },
            { name: "random signs", y: weights.map((g) => mean(scales("random signs", g))), dashed: true },
          ].map((series) => ({ ...series, x: weights.map((_, i) => i + 1) })),
        },
      },
    };
  },
};
export default reproduction;
