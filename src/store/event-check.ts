import type { StopReason } from "../study/events.ts";
import type { StudyEvent } from "../study/state.ts";

/** Whether a value is of a kind. */
type Check = (value: unknown) => boolean;
type Fields = Readonly<Record<string, Check>>;

const number: Check = (value) => typeof value === "number";
const whole: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const text: Check = (value) => typeof value === "string";
const flag: Check = (value) => typeof value === "boolean";
const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
const list =
  (each: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(each);
const recordOf =
  (each: Check): Check =>
  (value) =>
    isRecord(value) && Object.values(value).every(each);
const either =
  (...values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value);
/** Fields that must be there, and those that may be; others are let through, for a later drmad may tell more. */
const fields =
  (required: Fields, optional: Fields = {}): Check =>
  (value) =>
    isRecord(value) &&
    Object.entries(required).every(([key, check]) => check(value[key])) &&
    Object.entries(optional).every(([key, check]) => value[key] === undefined || check(value[key]));

const metrics: Check = (value) => recordOf(number)(value) && fields({ loss: number })(value);
const shape = list(whole);
const growth = fields({ growth: number }, { growthPassedAt: number });

const REASONS: readonly StopReason[] = [
  "budget",
  "plateau",
  "non-finite",
  "not-stationary",
  "not-converged",
  "invalid-experiment",
  "chaotic",
  "cancelled",
];

const agreement = fields(
  {
    length: number,
    exactLength: number,
    signs: fields({ same: number, opposite: number, missing: number, none: number }),
  },
  { cosine: number, cosineDistance: number, lengthRatio: number, signAgreement: number },
);
const PARTS = { coordinates: number, total: agreement, through: agreement, direct: agreement, trust: text };
const measured = fields(
  {
    step: whole,
    outcome: text,
    method: text,
    exact: text,
    verdict: text,
    remarks: list(text),
    exactGrowth: growth,
    seconds: fields({ training: number, method: number, exact: number }),
  },
  {},
);
const groups = recordOf(fields(PARTS, { tensors: recordOf(fields(PARTS)) }));
const fidelity: Check = (value) =>
  measured(value) &&
  ((value as { outcome: string }).outcome === "ok"
    ? fields({ ...PARTS, groups, growth })(value)
    : fields({ message: text, outcome: either("non-finite", "not-stationary", "not-converged") })(value));

const chosen: Fields = { name: text, exact: flag, megabytes: number, timeFactor: number, why: text };
const step: Check = fields(
  { step: whole, train: metrics, valid: metrics, seconds: number },
  {
    test: metrics,
    prior: number,
    validStandardError: number,
    gradientNorm: number,
    directNorm: number,
    growth: number,
    growthPassedAt: number,
    chaotic: flag,
    clipped: flag,
    inner: fields({ at: list(number), loss: list(number) }),
  },
);
const START: Fields = {
  experiment: text,
  seed: whole,
  method: text,
  optimizer: text,
  engine: text,
  precision: either("float32", "float64"),
  threads: whole,
  weights: whole,
  hyperparameters: whole,
  groups: recordOf(whole),
  innerSteps: whole,
  outerSteps: whole,
  rows: recordOf(whole),
};
const settings = recordOf((value) => ["string", "number", "boolean"].includes(typeof value));
const START_TOO: Fields = {
  methodSettings: settings,
  optimizerSettings: settings,
  batch: whole,
  seeds: list(whole),
  tensors: list(
    fields({ name: text, shape, perStep: flag, transform: text }, { sharing: text, uses: list(text), biases: number }),
  ),
  parameters: list(fields({ path: text, shape })),
  image: fields({ height: whole, width: whole }),
  fidelityPlan: fields({ exact: text, trainings: number }, { every: whole }),
  resumedAt: whole,
};

/** What `fold` and everything that shows a study reads of each event, besides its arrays. */
const EVENTS: Readonly<Record<StudyEvent["type"], Check>> = {
  start: fields(START, {
    ...START_TOO,
    identity: fields(
      { fingerprint: text, patience: whole, onChaos: either("continue", "stop"), testCurve: flag },
      { parts: recordOf(text) },
    ),
  }),
  resume: fields({ at: whole, engine: text }),
  fork: fields({
    of: text,
    step: whole,
    changes: list(fields({ what: text, was: text, is: text })),
    goesOn: flag,
    optimizerState: either("kept", "new"),
  }),
  step: (value) => step(value) && fields({ best: flag })(value),
  chosen: fields({ outerStep: whole, ...chosen }),
  fidelity,
  warning: fields(
    { message: text },
    { chaos: fields({ outerStep: whole, growth: number }), uncompared: list(text), unmeasured: whole, left: text },
  ),
  stop: fields({ pause: flag, reason: either(...REASONS) }, { detail: text }),
  result: fields(
    { ...START, steps: list(step), best: whole, stop: either(...REASONS), seconds: number },
    {
      ...START_TOO,
      chosen: fields(chosen),
      stopDetail: text,
      test: fields({ start: metrics, tuned: metrics }),
      fidelity: list(fidelity),
    },
  ),
};

/** Why events, without their arrays, are no log of a study; undefined where they are one. */
export function eventProblem(events: readonly StudyEvent[]): string | undefined {
  let [steps, ended] = [0, false];
  for (const [i, event] of events.entries()) {
    const { type } = event;
    if (!Object.hasOwn(EVENTS, type)) return `event ${i} is of the type ${JSON.stringify(type)}, which is not known`;
    if ((type === "start") !== (i === 0))
      return i === 0 ? "the first event is no start" : `event ${i} is a second start`;
    if (ended) return `event ${i} comes after the result`;
    if (!EVENTS[type](event)) return `event ${i}, a ${type}, lacks what such an event has`;
    if (event.type === "step") {
      if (event.step !== steps) return `event ${i} is step ${event.step} where step ${steps} is next`;
      if (event.step === 0 && !event.best) return "the first step is not the best so far";
      steps++;
    }
    if (event.type === "result") {
      ended = true;
      if (event.steps.length !== steps || event.best >= steps) return `event ${i} is the result of other steps`;
    }
  }
  return undefined;
}
