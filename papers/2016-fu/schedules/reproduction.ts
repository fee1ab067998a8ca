import { DrmadError, drmad, fidelity, methods, reverse } from "drmad";
import type { Drawing, Reproduction, ReproductionContext, Row, Table } from "../../../src/cli/reproduction.ts";
import {
  constant,
  type Constants,
  drawn,
  FULL_SIZE,
  GROUPS,
  judged,
  type Plain,
  schedules,
  SMALL_SIZE,
  type Size,
  START_RATE,
  START_SCALE,
} from "../../2015-maclaurin/schedules/experiments.ts";
import { onRollout, type Rollout } from "../../rollout.ts";
import { mean, paired, plusMinus, show } from "../../statistics.ts";
import { agreement, type Agreement, type Course, found, SCHEDULES, sideBySide, type Way } from "./experiments.ts";

interface Config extends Size {
  readonly outerSteps: number;
  readonly tuningSeed: number;
  /** Outer steps between two measurements along the exact course. */
  readonly every: number;
  /** Seeds on which hypergradients are compared, and seeds on which trainings are judged; none is tuned on. */
  readonly compared: readonly number[];
  readonly heldOut: readonly number[];
  readonly snapshots: readonly [few: number, more: number];
}

const FULL: Config = {
  ...FULL_SIZE,
  outerSteps: 50,
  tuningSeed: 1000,
  every: 5,
  compared: [2000, 2001, 2002, 2003, 2004],
  heldOut: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  snapshots: [8, 32],
};
const SMALL: Config = {
  ...SMALL_SIZE,
  outerSteps: 2,
  tuningSeed: 1000,
  every: 1,
  compared: [2000],
  heldOut: [0, 1],
  snapshots: [3, 6],
};

const EXACT = "exact";
const LINE = "DrMAD, a sample for every step";
const along = (k: number): string => `${k} snapshots`;
const last = (steps: number): string => `the last ${steps} steps only`;
const RANDOM = "random signs";
const INTEGERS = "exact, reversible in integers";

function waysOf({ steps, snapshots: [few, more] }: Config): readonly Way[] {
  const tenth = Math.max(1, Math.floor(steps / 10));
  return [
    { name: EXACT, method: () => reverse() },
    { name: LINE, method: () => drmad() },
    { name: along(few), method: () => drmad({ snapshots: few }) },
    { name: along(more), method: () => drmad({ snapshots: more }) },
    { name: last(tenth), method: () => methods.truncated({ steps: tenth }) },
    { name: RANDOM, control: true, method: (seed) => methods.randomSign({ seed }) },
  ];
}

type Part = "both" | "rate" | "decay";
const PARTS: Readonly<Record<Part, readonly string[]>> = { both: SCHEDULES, rate: ["rate"], decay: ["decay"] };
type Agreements = Readonly<Record<Part, Agreement>>;

/** Agreements with the exact hypergradient at a point, by method; one a seed, none where one was not finite. */
interface Compared {
  readonly agreements: Readonly<Record<string, readonly (Agreements | null)[]>>;
  /** Of the exact adjoint, and of the line's. */
  readonly growth: readonly { readonly exact: number; readonly line: number | null }[];
  readonly direct: number;
}

interface At {
  readonly agreements: Readonly<Record<string, Agreements | null>>;
  readonly growth: Compared["growth"][number];
  readonly direct: number;
}

async function agreementsAt(rollout: Rollout, point: Plain, size: Config): Promise<At> {
  const exact = (await found(rollout, point, reverse()))!;
  const agreements: Record<string, Agreements | null> = {};
  let line: number | null = null;
  const approximate = waysOf(size).filter(({ name }) => name !== EXACT);
  for (const { name, method } of [...approximate, { name: INTEGERS, method: () => methods.reversible() }]) {
    const other = await found(rollout, point, method(0));
    if (name === LINE) line = other?.growth ?? null;
    const over = (part: Part): Agreement => agreement(other!.gradient, exact.gradient, PARTS[part]);
    agreements[name] = other === null ? null : { both: over("both"), rate: over("rate"), decay: over("decay") };
  }
  return { agreements, growth: { exact: exact.growth, line }, direct: exact.direct };
}

/** At every point, on every seed that is compared on; and what DrMAD as published says of values for every step. */
async function compare(
  points: readonly Plain[],
  size: Config,
  { folder, part, signal }: ReproductionContext,
): Promise<{ readonly at: readonly Compared[]; readonly refused: string }> {
  const seeds: { readonly at: readonly At[]; readonly refused: string }[] = [];
  for (const seed of size.compared) {
    const compute = (): Promise<(typeof seeds)[number]> =>
      onRollout(schedules(folder("mnist"), size), { seed, signal }, async (rollout) => {
        const at: At[] = [];
        for (const point of points) at.push(await agreementsAt(rollout, point, size));
        return { at, refused: await refusal(rollout) };
      });
    seeds.push(await part(`compare on seed ${seed}`, compute));
  }
  const names = Object.keys(seeds[0]!.at[0]!.agreements);
  const at = points.map((_, i) => ({
    agreements: Object.fromEntries(names.map((name) => [name, seeds.map((one) => one.at[i]!.agreements[name]!)])),
    growth: seeds.map((one) => one.at[i]!.growth),
    direct: Math.max(...seeds.map((one) => one.at[i]!.direct)),
  }));
  return { at, refused: seeds[0]!.refused };
}

async function refusal(rollout: Rollout): Promise<string> {
  try {
    await drmad({ samples: "T/10" }).run(rollout);
    return "it gave a gradient";
  } catch (error) {
    if (error instanceof DrmadError && error.code === "unsupported") return error.message;
    throw error;
  }
}

const figures = ({ agreements }: Compared, method: string, part: Part, of: keyof Agreement, unit = 1): number[] =>
  agreements[method]!.map((each) => unit * (each?.[part][of] ?? NaN)).filter(Number.isFinite);

const comparedRows = (compared: Compared, part: Part, of: keyof Agreement, unit = 1): readonly Row[] =>
  Object.keys(compared.agreements).map((name) => ({
    name,
    values: figures(compared, name, part, of, unit),
    ...(name === RANDOM ? { control: true as const } : {}),
  }));

/** Where the training loss seen was lowest. */
const bestOf = ({ curve, points }: Course): Plain => points[curve.indexOf(Math.min(...curve))]!;

const largest = (values: readonly (number | null)[]): string =>
  values.some((value) => value === null) ? "more than can be told" : Math.max(...(values as number[])).toPrecision(2);
const table = (title: string, unit: string, rowsOf: readonly Row[]): Table => ({ title, unit, rows: rowsOf });

const reproduction: Reproduction = {
  title: "Schedules of learning rates and momentum by DrMAD",
  source:
    "Fu, Luo, Feng, Low, Chua 2016 (arXiv 1601.00917) and the authors' repository, on the schedules of Maclaurin, Duvenaud, Adams 2015, section 3.1",
  claim:
    "DrMAD can tune learning rates of every part of a network at every step (so the authors' pages; the paper gives no figures of it).",
  data: ["mnist"],
  minutes: 9,
  config: { full: FULL, small: SMALL },

  async run(context) {
    const size = context.small ? SMALL : FULL;
    const [few, more] = size.snapshots;
    const calm = constant(size, { rate: START_RATE, decay: 0.5, scale: START_SCALE });
    const heavy = constant(size, { rate: START_RATE, decay: 0.9, scale: START_SCALE });
    const ways = waysOf(size);
    const learned = await sideBySide(ways, calm, size, context);
    const course = (name: string): Course => learned.courses.get(name)!;
    const tried = learned.tried.map((loss) => loss ?? Infinity);
    const constants: Constants = drawn(tried.indexOf(Math.min(...tried)));
    const searched = constant(size, constants);

    const points = [calm, heavy, searched, bestOf(course(EXACT))];
    const { at, refused } = await compare(points, size, context);
    const [start, momentum, swept, end] = at as readonly [Compared, Compared, Compared, Compared];

    const searchName = `best constants of ${size.outerSteps} trainings`;
    const entries = [
      { name: "untuned", control: true as const, point: calm },
      { name: searchName, control: true as const, point: searched },
      ...ways.map(({ name, control }) => ({
        name: control === true ? name : `schedules, ${name}`,
        ...(control === undefined ? {} : { control }),
        point: bestOf(course(name)),
      })),
    ];
    const judgements: { readonly loss: number; readonly error: number }[][] = [];
    for (const seed of size.heldOut) {
      const tunedTo = entries.map(({ point }) => point);
      judgements.push(
        await context.part(`judge on seed ${seed}`, async () => [
          ...(await judged(context.folder("mnist"), size, seed, tunedTo, context.signal)),
        ]),
      );
    }
    const of = (i: number, what: "loss" | "error", unit = 1): number[] =>
      judgements.map((each) => unit * each[i]![what]);
    const losses = (name: string): number[] => of(entries.findIndex((entry) => entry.name === name), "loss"); // prettier-ignore
    const rows = (what: "loss" | "error", unit: number): Row[] =>
      entries.map(({ name, control }, i) => ({
        name,
        values: of(i, what, unit),
        ...(control === undefined ? {} : { control }),
      }));
    const against = (a: string, b: string): string => {
      const { difference, error } = paired(losses(a), losses(b));
      const clear = Math.abs(difference) > 2 * error;
      return `${show(difference, 3)} ± ${show(error, 3)} (${clear ? (difference < 0 ? "better" : "worse") + " by more than two paired standard errors" : "no clear difference"})`;
    };
    const [exactly, byLine] = [`schedules, ${EXACT}`, `schedules, ${LINE}`];
    const cosine = (compared: Compared, method: string, part: Part): string =>
      ((values) => (values.length === 0 ? "not finite" : plusMinus(values, 3)))(
        figures(compared, method, part, "cosine"),
      );
    const integers = figures(start, INTEGERS, "both", "cosine");
    const official = await context.part("fidelity", async () => {
      const report = await fidelity(schedules(context.folder("mnist"), size), drmad(), {
        seed: size.compared[0]!,
        trustEngine: true,
        worker: false,
      });
      return report.outcome === "ok" ? report.groups["rate"]!.total.cosine! : NaN;
    });
    const ours = figures(start, LINE, "rate", "cosine")[0]!;

    return {
      tables: [
        table("Training loss at the last step, on seeds not tuned on", "nats", rows("loss", 1)),
        table("Test error of the same trainings; nothing was tuned for it", "% of test images", rows("error", 100)),
        table("Cosine to the exact first hypergradient: rates", "cosine", comparedRows(start, "rate", "cosine")),
        table("Cosine to the exact first hypergradient: decays", "cosine", comparedRows(start, "decay", "cosine")),
        table(
          "Length of the first hypergradient: rates and decays",
          "times the exact",
          comparedRows(start, "both", "length"),
        ),
        table(
          "Signs of the first hypergradient: rates and decays",
          "% right; a zero is not",
          comparedRows(start, "both", "signs", 100),
        ),
        table("Cosine in rates and decays from decay .9", "cosine", comparedRows(momentum, "both", "cosine")),
        table("Cosine in rates and decays at the best constants", "cosine", comparedRows(swept, "both", "cosine")),
        table(
          "Cosine in rates and decays at the schedules learned exactly",
          "cosine",
          comparedRows(end, "both", "cosine"),
        ),
      ],
      conclusions: [
        `Schedules by DrMAD train to ${plusMinus(losses(byLine), 3)}, by the exact hypergradient to ${plusMinus(losses(exactly), 3)}; DrMAD minus exact: ${against(byLine, exactly)}.`,
        `DrMAD minus ${searchName}: ${against(byLine, searchName)}; minus random signs: ${against(byLine, RANDOM)}; minus untuned: ${against(byLine, "untuned")}.`,
        `DrMAD's first hypergradient has cosine ${cosine(start, LINE, "rate")} to the exact one in the rates and ${cosine(start, LINE, "decay")} in the decays; over both, ${cosine(start, LINE, "both")}, with ${plusMinus(figures(start, LINE, "both", "signs", 100), 0)} % of signs right; from decay .9 ${cosine(momentum, LINE, "both")}, at the best constants ${cosine(swept, LINE, "both")}, and at the schedules learned exactly ${cosine(end, LINE, "both")}.`,
        `With ${few} snapshots the cosine over both is ${cosine(start, along(few), "both")} at the start and ${cosine(end, along(few), "both")} at the schedules learned exactly, with ${more} ${cosine(start, along(more), "both")} and ${cosine(end, along(more), "both")}; their schedules train to ${plusMinus(losses(`schedules, ${along(few)}`), 3)} and ${plusMinus(losses(`schedules, ${along(more)}`), 3)}; with ${more} minus exact: ${against(`schedules, ${along(more)}`, exactly)}.`,
        `The adjoint grows up to ${largest(start.growth.map(({ line }) => line))} times along DrMAD's line at the start and ${largest(end.growth.map(({ line }) => line))} at the schedules learned exactly; on the true path ${largest(start.growth.map(({ exact }) => exact))} and ${largest(end.growth.map(({ exact }) => exact))}.`,
        "The training loss does not read rates, decays or scales of the start: the direct part is 0, and a control by it alone would stay untuned.",
        "Unlike the authors' code: their published tenth of the samples has no gradient for a value of every step, so that DrMAD has one sample for each; velocities are differences along the line, without the first one that their code takes from its end.",
      ],
      expectations: [
        {
          what: "DrMAD as published refuses a value for every step",
          holds: refused.includes("a value for every step"),
          found: refused,
        },
        {
          what: "the direct part is 0",
          holds: [start, momentum, swept, end].every(({ direct }) => direct === 0),
          found: String(Math.max(...[start, momentum, swept, end].map(({ direct }) => direct))),
        },
        {
          what: "reversible learning in integers gives the exact hypergradient, at cosine .999 or more for every seed",
          holds: integers.length === size.compared.length && integers.every((value) => value >= 0.999),
          found: integers.map((value) => show(value, 5)).join(", "),
        },
        {
          what: "the cosine in the rates is the one that fidelity reports",
          holds: Math.abs(official - ours) < 1e-3,
          found: `${show(official, 5)} and ${show(ours, 5)}`,
        },
        {
          what: `${more} snapshots are nearer to the exact first hypergradient than DrMAD's line`,
          holds: mean(figures(start, along(more), "both", "cosine")) > mean(figures(start, LINE, "both", "cosine")),
          found: `${cosine(start, along(more), "both")} against ${cosine(start, LINE, "both")}`,
        },
        {
          what: "exact schedules train lower than untuned, on every seed judged on",
          holds: losses(exactly).every((loss, i) => loss < losses("untuned")[i]!),
          found: `${plusMinus(losses(exactly), 3)} from ${plusMinus(losses("untuned"), 3)}`,
        },
        ...(context.small
          ? []
          : [
              {
                what: "exact schedules train lower than random signs, by more than two paired standard errors",
                holds: ((p) => p.difference < -2 * p.error)(paired(losses(exactly), losses(RANDOM))),
                found: against(exactly, RANDOM),
              },
            ]),
      ],
      drawings: {
        curves: curves(ways, course),
        cosines: cosines(ways, learned.along),
      },
    };
  },
};
export default reproduction;

const curves = (ways: readonly Way[], course: (name: string) => Course): Drawing => ({
  kind: "lines",
  title: "Training loss after the last step, by outer step",
  subtitle: "every outer step has initial weights and minibatches of its own, the same for all; dashed: control",
  xLabel: "outer step",
  yLabel: "training loss (nats)",
  series: ways.map(({ name, control }) => ({
    name,
    x: course(name).curve.map((_, i) => i),
    y: course(name).curve,
    dashed: control === true,
    emphasis: name === LINE,
  })),
});

const cosines = (
  ways: readonly Way[],
  measured: readonly {
    readonly step: number;
    readonly agreements: Readonly<Record<string, Agreement | null>>;
  }[],
): Drawing => ({
  kind: "lines",
  title: "Cosine to the exact hypergradient while exact schedules are learned",
  subtitle: `one seed at each outer step; ${GROUPS.length} groups of rates and decays for every step`,
  xLabel: "outer step",
  yLabel: "cosine",
  series: ways
    .filter(({ name, control }) => name !== EXACT && control !== true)
    .map(({ name }) => ({
      name,
      x: measured.map(({ step }) => step),
      y: measured.map(({ agreements }) => agreements[name]?.cosine ?? NaN),
      emphasis: name === LINE,
    })),
});
