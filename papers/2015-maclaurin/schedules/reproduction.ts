import { methods, reverse, type Method } from "drmad";
import type { Drawing, Expectation, Reproduction, ReproductionContext } from "../../../src/cli/reproduction.ts";
import type { Plain } from "../../descent.ts";
import { type Entry, type HeldOut, heldOut } from "../../held-out.ts";
import { lowest, mean, paired, plusMinus, show } from "../../statistics.ts";
import { order, withError } from "../../verdict.ts";
import {
  constant,
  type Constants,
  drawn,
  FULL_SIZE,
  GROUPS,
  judgedOn,
  learn,
  type Learned,
  logistic,
  SMALL_SIZE,
  type Size,
  START_RATE,
  START_SCALE,
} from "./experiments.ts";

interface Config extends Size {
  readonly outerSteps: number;
  /** Seeds of initial weights and minibatches: the same for every way to tune, none of them judged on. */
  readonly tuningSeed: number;
  readonly heldOut: readonly number[];
  /** Constant settings tried with each seed of tuning; the first of each make a sweep of as many trainings. */
  readonly draws: number;
}

const FULL: Config = {
  ...FULL_SIZE,
  outerSteps: 50,
  tuningSeed: 1000,
  heldOut: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  draws: 3,
};
const SMALL: Config = { ...SMALL_SIZE, outerSteps: 2, tuningSeed: 1000, heldOut: [0, 1], draws: 2 };

interface Tried {
  readonly constants: Constants;
  readonly loss: number;
}

async function sweep(size: Config, context: ReproductionContext): Promise<readonly (readonly Tried[])[]> {
  const tried: (readonly Tried[])[] = [];
  for (let i = 0; i < size.outerSteps; i++) {
    const seed = size.tuningSeed + i;
    const constants = Array.from({ length: size.draws }, (_, k) => drawn(i + k * size.outerSteps));
    const points = constants.map((each) => constant(size, each));
    tried.push(
      await context.part(`sweep, seed ${seed}`, async () => {
        const found = await judgedOn(seed, points, context.folder("mnist"), size, context.signal);
        return constants.map((each, k) => ({ constants: each, loss: Math.min(found[k]!.loss, Number.MAX_VALUE) }));
      }),
    );
  }
  return tried;
}

const best = (tried: readonly Tried[]): Constants => lowest(tried, ({ loss }) => [loss]).constants;
const told = ({ rate, decay, scale }: Plain): string =>
  `rate ${show(Math.exp(rate![0]!))}, decay ${show(logistic(decay![0]!))}, scale ${show(Math.exp(scale![0]!), 3)}`;

interface Way extends Entry {
  readonly learned?: Learned;
}

const CALM = "untuned, decay .5";
const HEAVY = "untuned, decay .9";
const FROM_CALM = "schedules from decay .5";
const FROM_HEAVY = "schedules from decay .9";
const FROM_SWEPT = "schedules from the sweep's best";
/** Of as many trainings as a way that learns has. */
const sweptName = ({ outerSteps }: Config): string => `best constants of ${outerSteps} trainings`;
const longSweptName = ({ outerSteps, draws }: Config): string => `best constants of ${outerSteps * draws} trainings`;

async function ways(size: Config, context: ReproductionContext): Promise<readonly Way[]> {
  const tried = await sweep(size, context);
  const calm = constant(size, { rate: START_RATE, decay: 0.5, scale: START_SCALE });
  const heavy = constant(size, { rate: START_RATE, decay: 0.9, scale: START_SCALE });
  const swept = constant(size, best(tried.map((each) => each[0]!)));
  const longSwept = constant(size, best(tried.flat()));
  /** A way to a point that was learned; `part` is what its work is kept as. */
  const learned = async (
    name: string,
    part: string,
    start: Plain,
    more: Pick<Way, "control" | "paper"> & { readonly method?: Method; readonly shared?: true } = {},
  ): Promise<Way> => {
    const { method = reverse(), shared = false, ...row } = more;
    const { tuningSeed: seed, outerSteps } = size;
    const options = { seed, outerSteps, method, signal: context.signal, shared };
    const found = await context.part(part, () => learn(context.folder("mnist"), size, start, options));
    return { name, point: found.point, learned: found, ...row };
  };
  return [
    { name: CALM, control: true, point: calm },
    { name: HEAVY, control: true, paper: { loss: ".638" }, point: heavy },
    { name: sweptName(size), control: true, paper: { loss: ".177 (95 suggestions of a search)" }, point: swept },
    { name: longSweptName(size), control: true, point: longSwept },
    await learned(FROM_CALM, "learn from decay .5", calm),
    await learned(FROM_HEAVY, "learn from decay .9", heavy, { paper: { loss: ".141 last, .139 lowest" } }),
    await learned(FROM_SWEPT, "learn from the sweep's best", swept, { paper: { loss: ".156 last, .110 lowest" } }),
    await learned("constants by hypergradient, from decay .9", "learn constants from decay .9", heavy, {
      control: true,
      shared: true,
    }),
    await learned("random signs, from decay .9", "random signs from decay .9", heavy, {
      control: true,
      method: methods.randomSign({ seed: 0 }),
    }),
  ];
}

type Run = Way & { readonly learned: Learned };
const runsOf = (all: readonly Way[]): readonly Run[] => all.filter((way): way is Run => way.learned !== undefined);

function conclusions(all: readonly Way[], { figures }: HeldOut, size: Config): string[] {
  const losses = (name: string): readonly number[] => figures(name, "loss");
  const verdict = (name: string, against: string): string => {
    const difference = paired(losses(name), losses(against));
    const so = order(difference, ["better by more than two standard errors", "worse by more than two standard errors"]);
    return `${name}: ${plusMinus(losses(name), 3)}; minus ${against}: ${withError(difference, 3)}, ${so}.`;
  };
  const constants = all.map(({ name }) => name).filter((name) => name.includes("constants"));
  const rival = lowest(constants, losses);
  const swept = sweptName(size);
  const grown = (name: string): number => Math.max(...all.find((way) => way.name === name)!.learned!.growth);
  return [
    verdict(FROM_CALM, CALM),
    verdict(FROM_CALM, swept),
    verdict(FROM_HEAVY, swept),
    verdict(FROM_SWEPT, swept),
    `The sweep of ${size.outerSteps} found ${told(all.find(({ name }) => name === swept)!.point!)} (the paper's search: rate 2.4, decay .6, scale .196).`,
    `The best way to constants is ${rival}, at ${plusMinus(losses(rival), 3)}; ${verdict(FROM_SWEPT, rival)}`,
    `Largest growth of the adjoint while tuning: ${show(grown(FROM_CALM), 1)} from decay .5, ${show(grown(FROM_HEAVY), 1)} from decay .9, ${grown(FROM_SWEPT).toExponential(1)} from the sweep's best.`,
  ];
}

function expectations(all: readonly Way[], { figures }: HeldOut, size: Config, small: boolean): Expectation[] {
  const losses = (name: string): readonly number[] => figures(name, "loss");
  const told = (name: string): string => plusMinus(losses(name), 3);
  const lengths = runsOf(all).map(({ learned }) => learned.curve.length);
  const lower = (name: string, start: string): boolean => losses(name).every((loss, i) => loss < losses(start)[i]!);
  const swept = sweptName(size);
  const atFullSize: Expectation = {
    what: "schedules learned from the sweep's best train lower than it, on the mean of seeds",
    holds: mean(losses(FROM_SWEPT)) < mean(losses(swept)),
    found: `${told(FROM_SWEPT)} against ${told(swept)}`,
  };
  return [
    {
      what: "no tuning run diverged",
      holds: lengths.every((length) => length === size.outerSteps),
      found: lengths.join(", ") + " outer steps",
    },
    {
      what: "learned schedules train lower than the start that they were learned from, on every seed judged on",
      holds: lower(FROM_CALM, CALM) && lower(FROM_HEAVY, HEAVY),
      found: `${told(FROM_CALM)} from ${told(CALM)}, ${told(FROM_HEAVY)} from ${told(HEAVY)}`,
    },
    ...(small ? [] : [atFullSize]),
  ];
}

const curves = (all: readonly Way[]): Drawing => ({
  kind: "lines",
  title: "Training loss after the last step, by outer step",
  subtitle: "every outer step has initial weights and minibatches of its own; dashed: controls",
  xLabel: "outer step",
  yLabel: "training loss (nats)",
  series: runsOf(all).map(({ name, learned, control }) => ({
    name,
    x: learned.curve.map((_, i) => i),
    y: learned.curve,
    dashed: control === true,
    emphasis: name === FROM_HEAVY,
  })),
});

/** By step, of the weights of each layer. */
function byStep(point: Plain, name: "rate" | "decay", natural: (u: number) => number, title: string): Drawing {
  const steps = Array.from({ length: point[name]!.length / GROUPS.length }, (_, t) => t);
  return {
    kind: "lines",
    title,
    subtitle: "schedules from decay .5, at the outer step with the lowest training loss",
    xLabel: "training step",
    yLabel: name === "rate" ? "learning rate" : "decay of the velocity",
    series: GROUPS.flatMap((group, g) =>
      group.startsWith("weights")
        ? [
            {
              name: group.replace("weights", "layer"),
              x: steps,
              y: steps.map((t) => natural(point[name]![t * GROUPS.length + g]!)),
              emphasis: group === "weights 4",
            },
          ]
        : [],
    ),
  };
}

const reproduction: Reproduction = {
  title: "Learning rates and momentum for every step and layer",
  source:
    "Maclaurin, Duvenaud, Adams 2015 (arXiv 1502.03492), section 3.1, figures 2 and 3, and the authors' repository",
  claim:
    "1,600 settings of a training run, learned by hypergradients in 50 steps, train lower than the best constants.",
  data: ["mnist"],
  minutes: 14,
  config: { full: FULL, small: SMALL },

  async run(context) {
    const size = context.small ? SMALL : FULL;
    const all = await ways(size, context);
    const judged = await heldOut(all, size.heldOut, context, (seed, points) =>
      judgedOn(seed, points, context.folder("mnist"), size, context.signal),
    );
    const { point } = all.find(({ name }) => name === FROM_CALM)!;
    return {
      tables: [
        { title: "Training loss at the last step, on seeds not tuned on", unit: "nats", rows: judged.rows("loss") },
        {
          title: "Test error of the same trainings; nothing was tuned for it",
          unit: "% of test images",
          rows: judged.rows("error"),
        },
      ],
      conclusions: conclusions(all, judged, size),
      expectations: expectations(all, judged, size, context.small),
      drawings: {
        rates: byStep(point!, "rate", Math.exp, "Learned rates of the weights of each layer"),
        decays: byStep(point!, "decay", logistic, "Learned decays of the weights of each layer"),
        curves: curves(all),
      },
    };
  },
};
export default reproduction;
