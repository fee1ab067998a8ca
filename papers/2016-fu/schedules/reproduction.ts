import { drmad, fidelity } from "drmad";
import type { Drawing, Expectation, Reproduction, ReproductionContext, Table } from "../../../src/cli/reproduction.ts";
import {
  constant,
  drawn,
  FULL_SIZE,
  GROUPS,
  judgedOn,
  schedules,
  SMALL_SIZE,
  START_RATE,
  START_SCALE,
} from "../../2015-maclaurin/schedules/experiments.ts";
import type { Plain } from "../../descent.ts";
import { type Entry, type HeldOut, heldOut } from "../../held-out.ts";
import { mean, paired, plusMinus, show } from "../../statistics.ts";
import { clearlyBelow, withOrder } from "../../verdict.ts";
import {
  along,
  compare,
  type Compared,
  comparedRows,
  type Config,
  EXACT,
  figures,
  INTEGERS,
  LINE,
  type Part,
  RANDOM,
  waysOf,
} from "./compared.ts";
import { type Agreement, type Course, type Learned, sideBySide, type Way } from "./experiments.ts";

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

const UNTUNED = "untuned";
const searchName = ({ outerSteps }: Config): string => `best constants of ${outerSteps} trainings`;
const scheduled = (way: string): string => `schedules, ${way}`;

/** Where the training loss seen was lowest. */
const bestOf = ({ curve, points }: Course): Plain => points[curve.indexOf(Math.min(...curve))]!;

/** Whose schedules and constants are judged on seeds not tuned on. */
const entriesOf = (size: Config, calm: Plain, searched: Plain, { courses }: Learned): readonly Entry[] => [
  { name: UNTUNED, control: true, point: calm },
  { name: searchName(size), control: true, point: searched },
  ...waysOf(size).map(({ name, control }) => ({
    name: control === true ? name : scheduled(name),
    ...(control === undefined ? {} : { control }),
    point: bestOf(courses.get(name)!),
  })),
];

/** Hypergradients compared at four points, and what DrMAD as published says of values for every step. */
interface Places {
  readonly start: Compared;
  readonly momentum: Compared;
  readonly swept: Compared;
  readonly end: Compared;
  readonly refused: string;
}

const table = (title: string, unit: string, rows: Table["rows"]): Table => ({ title, unit, rows });
const FIRST = "of the first hypergradient: rates and decays";
const COSINE = "Cosine in rates and decays";

const tablesOf = (judged: HeldOut, { start, momentum, swept, end }: Places): Table[] => [
  table("Training loss at the last step, on seeds not tuned on", "nats", judged.rows("loss")),
  table("Test error of the same trainings; nothing was tuned for it", "% of test images", judged.rows("error")),
  table("Cosine to the exact first hypergradient: rates", "cosine", comparedRows(start, "rate", "cosine")),
  table("Cosine to the exact first hypergradient: decays", "cosine", comparedRows(start, "decay", "cosine")),
  table(`Length ${FIRST}`, "times the exact", comparedRows(start, "both", "length")),
  table(`Signs ${FIRST}`, "% right; a zero is not", comparedRows(start, "both", "signs", 100)),
  table(`${COSINE} from decay .9`, "cosine", comparedRows(momentum, "both", "cosine")),
  table(`${COSINE} at the best constants`, "cosine", comparedRows(swept, "both", "cosine")),
  table(`${COSINE} at the schedules learned exactly`, "cosine", comparedRows(end, "both", "cosine")),
];

const cosine = (compared: Compared, method: string, part: Part): string => {
  const values = figures(compared, method, part, "cosine");
  return values.length === 0 ? "not finite" : plusMinus(values, 3);
};
const largest = (values: readonly (number | null)[]): string =>
  values.some((value) => value === null) ? "more than can be told" : Math.max(...(values as number[])).toPrecision(2);
/** Of the adjoint along a path, over the seeds. */
const grown = ({ growth }: Compared, path: "line" | "exact"): string => largest(growth.map((each) => each[path]));

const minus = ({ figures: of }: HeldOut, a: string, b: string): string =>
  withOrder(paired(of(a, "loss"), of(b, "loss")), 3, [
    "better by more than two paired standard errors",
    "worse by more than two paired standard errors",
  ]);

function conclusions(judged: HeldOut, { start, momentum, swept, end }: Places, size: Config): string[] {
  const [few, more] = size.snapshots;
  const [exactly, byLine, search] = [scheduled(EXACT), scheduled(LINE), searchName(size)];
  const told = (name: string): string => plusMinus(judged.figures(name, "loss"), 3);
  const against = (a: string, b: string): string => minus(judged, a, b);
  return [
    `Schedules by DrMAD train to ${told(byLine)}, by the exact hypergradient to ${told(exactly)}; DrMAD minus exact: ${against(byLine, exactly)}.`,
    `DrMAD minus ${search}: ${against(byLine, search)}; minus random signs: ${against(byLine, RANDOM)}; minus untuned: ${against(byLine, UNTUNED)}.`,
    `DrMAD's first hypergradient has cosine ${cosine(start, LINE, "rate")} to the exact one in the rates and ${cosine(start, LINE, "decay")} in the decays; over both, ${cosine(start, LINE, "both")}, with ${plusMinus(figures(start, LINE, "both", "signs", 100), 0)} % of signs right; from decay .9 ${cosine(momentum, LINE, "both")}, at the best constants ${cosine(swept, LINE, "both")}, and at the schedules learned exactly ${cosine(end, LINE, "both")}.`,
    `With ${few} snapshots the cosine over both is ${cosine(start, along(few), "both")} at the start and ${cosine(end, along(few), "both")} at the schedules learned exactly, with ${more} ${cosine(start, along(more), "both")} and ${cosine(end, along(more), "both")}; their schedules train to ${told(scheduled(along(few)))} and ${told(scheduled(along(more)))}; with ${more} minus exact: ${against(scheduled(along(more)), exactly)}.`,
    `The adjoint grows up to ${grown(start, "line")} times along DrMAD's line at the start and ${grown(end, "line")} at the schedules learned exactly; on the true path ${grown(start, "exact")} and ${grown(end, "exact")}.`,
    "The training loss does not read rates, decays or scales of the start: the direct part is 0, and a control by it alone would stay untuned.",
    "Unlike the authors' code: their published tenth of the samples has no gradient for a value of every step, so that DrMAD has one sample for each; velocities are differences along the line, without the first one that their code takes from its end.",
  ];
}

/** DrMAD's cosine in the rates as the library's own report has it. */
async function reported(size: Config, { folder, part }: ReproductionContext): Promise<number> {
  return part("fidelity", async () => {
    const report = await fidelity(schedules(folder("mnist"), size), drmad(), {
      seed: size.compared[0]!,
      trustEngine: true,
      worker: false,
    });
    return report.outcome === "ok" ? report.groups["rate"]!.total.cosine! : NaN;
  });
}

function expectations(
  judged: HeldOut,
  { start, momentum, swept, end, refused }: Places,
  official: number,
  size: Config,
  small: boolean,
): Expectation[] {
  const more = along(size.snapshots[1]);
  const direct = [start, momentum, swept, end].map((place) => place.direct);
  const integers = figures(start, INTEGERS, "both", "cosine");
  const ours = figures(start, LINE, "rate", "cosine")[0]!;
  const [exactly, untuned, random] = [scheduled(EXACT), UNTUNED, RANDOM].map((name) =>
    judged.figures(name, "loss"),
  ) as [readonly number[], readonly number[], readonly number[]];
  const atFullSize: Expectation = {
    what: "exact schedules train lower than random signs, by more than two paired standard errors",
    holds: clearlyBelow(paired(exactly, random)),
    found: minus(judged, scheduled(EXACT), RANDOM),
  };
  return [
    {
      what: "DrMAD as published refuses a value for every step",
      holds: refused.includes("a value for every step"),
      found: refused,
    },
    {
      what: "the direct part is 0",
      holds: direct.every((value) => value === 0),
      found: String(Math.max(...direct)),
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
      what: `${more} are nearer to the exact first hypergradient than DrMAD's line`,
      holds: mean(figures(start, more, "both", "cosine")) > mean(figures(start, LINE, "both", "cosine")),
      found: `${cosine(start, more, "both")} against ${cosine(start, LINE, "both")}`,
    },
    {
      what: "exact schedules train lower than untuned, on every seed judged on",
      holds: exactly.every((loss, i) => loss < untuned[i]!),
      found: `${plusMinus(exactly, 3)} from ${plusMinus(untuned, 3)}`,
    },
    ...(small ? [] : [atFullSize]),
  ];
}

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
    const calm = constant(size, { rate: START_RATE, decay: 0.5, scale: START_SCALE });
    const heavy = constant(size, { rate: START_RATE, decay: 0.9, scale: START_SCALE });
    const ways = waysOf(size);
    const learned = await sideBySide(ways, calm, size, context);
    const course = (name: string): Course => learned.courses.get(name)!;
    const tried = learned.tried.map((loss) => loss ?? Infinity);
    const searched = constant(size, drawn(tried.indexOf(Math.min(...tried))));

    const { at, refused } = await compare([calm, heavy, searched, bestOf(course(EXACT))], size, context);
    const [start, momentum, swept, end] = at as readonly [Compared, Compared, Compared, Compared];
    const places: Places = { start, momentum, swept, end, refused };
    const entries = entriesOf(size, calm, searched, learned);
    const judged = await heldOut(entries, size.heldOut, context, (seed, points) =>
      judgedOn(seed, points, context.folder("mnist"), size, context.signal),
    );
    const official = await reported(size, context);
    return {
      tables: tablesOf(judged, places),
      conclusions: conclusions(judged, places, size),
      expectations: expectations(judged, places, official, size, context.small),
      drawings: { curves: curves(ways, course), cosines: cosines(ways, learned.along) },
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
