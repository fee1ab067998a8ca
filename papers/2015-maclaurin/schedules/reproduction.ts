import { methods, reverse, type Method } from "drmad";
import type { Drawing, Reproduction, ReproductionContext, Row } from "../../../src/cli/reproduction.ts";
import { mean, paired, plusMinus, show } from "../../statistics.ts";
import {
  constant,
  type Constants,
  drawn,
  FULL_SIZE,
  GROUPS,
  judged,
  learn,
  type Learned,
  logistic,
  type Plain,
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
        const found = await judged(context.folder("mnist"), size, seed, points, context.signal);
        return constants.map((each, k) => ({ constants: each, loss: Math.min(found[k]!.loss, Number.MAX_VALUE) }));
      }),
    );
  }
  return tried;
}

const lowest = (tried: readonly Tried[]): Tried => tried.reduce((a, b) => (a.loss <= b.loss ? a : b));
const told = ({ rate, decay, scale }: Plain): string =>
  `rate ${show(Math.exp(rate![0]!))}, decay ${show(logistic(decay![0]!))}, scale ${show(Math.exp(scale![0]!), 3)}`;

interface Way {
  readonly name: string;
  readonly control?: true;
  readonly paper?: string;
  readonly point: Plain;
  readonly learned?: Learned;
}

/** A way to a point that was learned. */
async function made(name: string, found: Promise<Learned>, more: Pick<Way, "control" | "paper">): Promise<Way> {
  const learned = await found;
  return { name, point: learned.point, learned, ...more };
}

async function ways(size: Config, context: ReproductionContext): Promise<readonly Way[]> {
  const tried = await sweep(size, context);
  const first = lowest(tried.map((each) => each[0]!));
  const best = lowest(tried.flat());
  const calm = constant(size, { rate: START_RATE, decay: 0.5, scale: START_SCALE });
  const heavy = constant(size, { rate: START_RATE, decay: 0.9, scale: START_SCALE });
  const swept = constant(size, first.constants);
  const learned = (name: string, start: Plain, method: Method, shared = false): Promise<Learned> =>
    context.part(name, () =>
      learn(context.folder("mnist"), size, start, {
        seed: size.tuningSeed,
        outerSteps: size.outerSteps,
        method,
        signal: context.signal,
        shared,
      }),
    );
  const trainings = size.outerSteps;
  return [
    { name: "untuned, decay .5", control: true, point: calm },
    { name: "untuned, decay .9", control: true, paper: ".638", point: heavy },
    {
      name: `best constants of ${trainings} trainings`,
      control: true,
      paper: ".177 (95 suggestions of a search)",
      point: swept,
    },
    {
      name: `best constants of ${trainings * size.draws} trainings`,
      control: true,
      point: constant(size, best.constants),
    },
    await made("schedules from decay .5", learned("learn from decay .5", calm, reverse()), {}),
    await made("schedules from decay .9", learned("learn from decay .9", heavy, reverse()), {
      paper: ".141 last, .139 lowest",
    }),
    await made("schedules from the sweep's best", learned("learn from the sweep's best", swept, reverse()), {
      paper: ".156 last, .110 lowest",
    }),
    await made(
      "constants by hypergradient, from decay .9",
      learned("learn constants from decay .9", heavy, reverse(), true),
      { control: true },
    ),
    await made(
      "random signs, from decay .9",
      learned("random signs from decay .9", heavy, methods.randomSign({ seed: 0 })),
      { control: true },
    ),
  ];
}

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
    const judgements: { readonly loss: number; readonly error: number }[][] = [];
    for (const seed of size.heldOut) {
      judgements.push(
        await context.part(`judge on seed ${seed}`, async () => [
          ...(await judged(
            context.folder("mnist"),
            size,
            seed,
            all.map(({ point }) => point),
            context.signal,
          )),
        ]),
      );
    }
    const of = (i: number, what: "loss" | "error", unit = 1): number[] =>
      judgements.map((each) => unit * each[i]![what]);
    const rows = (what: "loss" | "error", unit: number): Row[] =>
      all.map(({ name, control, paper }, i) => ({
        name,
        values: of(i, what, unit),
        ...(control === undefined ? {} : { control }),
        ...(paper === undefined || what === "error" ? {} : { paper }),
      }));
    const index = (name: string): number => all.findIndex((way) => way.name === name);
    const losses = (name: string): number[] => of(index(name), "loss");
    const constants = all.flatMap(({ name }, i) => (name.includes("constants") ? [i] : []));
    const rival = constants.reduce((a, b) => (mean(of(a, "loss")) <= mean(of(b, "loss")) ? a : b));
    const sweptName = all[2]!.name;
    const verdict = (name: string, against: string): string => {
      const { difference, error } = paired(losses(name), losses(against));
      const clear = Math.abs(difference) > 2 * error;
      return (
        `${name}: ${plusMinus(losses(name), 3)}; minus ${against}: ${show(difference, 3)} ± ${show(error, 3)}, ` +
        (clear ? (difference < 0 ? "better" : "worse") + " by more than two standard errors." : "no clear difference.")
      );
    };
    const from5 = all[index("schedules from decay .5")]!.learned!;
    const from9 = all[index("schedules from decay .9")]!.learned!;
    const fromSwept = all[index("schedules from the sweep's best")]!.learned!;
    const runs = all.flatMap(({ name, learned, control }) =>
      learned === undefined ? [] : [{ name, learned, control }],
    );
    return {
      tables: [
        { title: "Training loss at the last step, on seeds not tuned on", unit: "nats", rows: rows("loss", 1) },
        {
          title: "Test error of the same trainings; nothing was tuned for it",
          unit: "% of test images",
          rows: rows("error", 100),
        },
      ],
      conclusions: [
        verdict("schedules from decay .5", "untuned, decay .5"),
        verdict("schedules from decay .5", sweptName),
        verdict("schedules from decay .9", sweptName),
        verdict("schedules from the sweep's best", sweptName),
        `The sweep of ${size.outerSteps} found ${told(all[2]!.point)} (the paper's search: rate 2.4, decay .6, scale .196).`,
        `The best way to constants is ${all[rival]!.name}, at ${plusMinus(of(rival, "loss"), 3)}; ${verdict("schedules from the sweep's best", all[rival]!.name)}`,
        `Largest growth of the adjoint while tuning: ${show(Math.max(...from5.growth), 1)} from decay .5, ${show(Math.max(...from9.growth), 1)} from decay .9, ${Math.max(...fromSwept.growth).toExponential(1)} from the sweep's best.`,
      ],
      expectations: [
        {
          what: "no tuning run diverged",
          holds: runs.every(({ learned }) => learned.curve.length === size.outerSteps),
          found: runs.map(({ learned }) => learned.curve.length).join(", ") + " outer steps",
        },
        {
          what: "learned schedules train lower than the start that they were learned from, on every seed judged on",
          holds: ([5, 9] as const).every((d) =>
            losses(`schedules from decay .${d}`).every((v, i) => v < losses(`untuned, decay .${d}`)[i]!),
          ),
          found: `${plusMinus(losses("schedules from decay .5"), 3)} from ${plusMinus(losses("untuned, decay .5"), 3)}, ${plusMinus(losses("schedules from decay .9"), 3)} from ${plusMinus(losses("untuned, decay .9"), 3)}`,
        },
        ...(context.small
          ? []
          : [
              {
                what: "schedules learned from the sweep's best train lower than it, on the mean of seeds",
                holds: mean(losses("schedules from the sweep's best")) < mean(losses(sweptName)),
                found: `${plusMinus(losses("schedules from the sweep's best"), 3)} against ${plusMinus(losses(sweptName), 3)}`,
              },
            ]),
      ],
      drawings: {
        rates: byStep(from5.point, "rate", Math.exp, "Learned rates of the weights of each layer"),
        decays: byStep(from5.point, "decay", logistic, "Learned decays of the weights of each layer"),
        curves: {
          kind: "lines",
          title: "Training loss after the last step, by outer step",
          subtitle: "every outer step has initial weights and minibatches of its own; dashed: controls",
          xLabel: "outer step",
          yLabel: "training loss (nats)",
          series: runs.map(({ name, learned, control }) => ({
            name,
            x: learned.curve.map((_, i) => i),
            y: learned.curve,
            dashed: control === true,
            emphasis: name === "schedules from decay .9",
          })),
        },
      },
    };
  },
};
export default reproduction;
