import { DrmadError } from "../../src/errors.ts";
import type { Store } from "../../src/store/store.ts";
import type { StudyEvent } from "../../src/study/state.ts";

/** Rows, and pixels of each, of the study "pictures". */
export const [ROWS, HEIGHT, WIDTH] = [40, 4, 3] as const;
const PIXELS = HEIGHT * WIDTH;

const values = (n: number, step: number): Float64Array =>
  Float64Array.from({ length: n }, (_, i) => 1 + Math.sin(i * i + step) / 2);

const TENSORS = [
  { name: "weight", shape: [ROWS], perStep: false, transform: "softplus" },
  { name: "l2.0.weights", shape: [PIXELS, 1], perStep: false, transform: "log" },
  { name: "l2.1.weights", shape: [5, 1], perStep: false, transform: "log" },
  { name: "rate", shape: [6], perStep: true, transform: "log" },
  { name: "inputs", shape: [2, PIXELS], perStep: false, transform: "identity" },
  { name: "big", shape: [3000, 10], perStep: false, transform: "identity" },
  { name: "odd/~name", shape: [], perStep: false, transform: "bounds(0, 1)" },
] as const;

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);
const record = <T>(of: (tensor: (typeof TENSORS)[number]) => T): Record<string, T> =>
  Object.fromEntries(TENSORS.map((tensor) => [tensor.name, of(tensor)]));

const INFO = {
  experiment: "pictures.ts",
  seed: 0,
  method: "reverse",
  optimizer: "adam",
  engine: "none",
  precision: "float64",
  threads: 1,
  weights: 9,
  hyperparameters: TENSORS.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
  groups: { weight: ROWS, l2: PIXELS + 5, rate: 6, inputs: 2 * PIXELS, big: 30_000, "odd/~name": 1 },
  innerSteps: 6,
  outerSteps: 4,
  rows: { train: ROWS, valid: 20 },
} as const;

const point = (step: number): Record<string, Float64Array> => record(({ shape }) => values(sizeOf(shape), step));

/** The natural value of a tensor at a step, as it is kept. */
export const valueAt = (name: string, step: number): Float64Array => {
  const found = values(sizeOf(TENSORS.find((tensor) => tensor.name === name)!.shape), step + 100);
  if (name === "weight") [found[3], found[5]] = [NaN, -7];
  if (name === "big") found.fill(NaN, 0, 30);
  return found;
};

/** The hypergradient in the same way: without length at step 1, and with what is not finite at step 2. */
export const gradientAt = (name: string, step: number): Float64Array => {
  const found = values(sizeOf(TENSORS.find((tensor) => tensor.name === name)!.shape), step + 200);
  if (step === 1) found.fill(0);
  if (step === 2) [found[0]] = [Infinity];
  return found;
};

export const startEvent: StudyEvent = {
  type: "start",
  ...INFO,
  tensors: TENSORS.map((tensor) => ({ ...tensor })),
  image: { height: HEIGHT, width: WIDTH },
  at: { point: point(0), optimizer: { rate: 0.1 } },
  examples: {
    pixels: { data: Uint8Array.from({ length: ROWS * PIXELS }, (_, i) => i % 256), shape: [ROWS, PIXELS] },
    labels: { data: Int32Array.from({ length: ROWS }, (_, i) => i % 10), shape: [ROWS] },
  },
};

/** As a drmad kept it that said nothing of tensors. */
export const olderStart: StudyEvent = { type: "start", ...INFO, at: { point: point(0), optimizer: null } };

export const stepEvent = (step: number): StudyEvent => ({
  type: "step",
  step,
  best: step < 3,
  train: { loss: 1 / (step + 1), error: 0.5 },
  valid: { loss: 2 - step / 4, error: 0.5 },
  seconds: 3,
  ...(step < INFO.outerSteps && {
    gradientNorm: 1,
    directNorm: 0,
    growth: step === 2 ? Infinity : 2,
    chaotic: step === 2,
  }),
  inner: { at: [3, 6], loss: [1, step === 2 ? NaN : 0.5] },
  kept: {
    point: point(step),
    optimizer: { rate: 0.1, count: step },
    ...(step < INFO.outerSteps && { found: { gradient: record(({ name }) => gradientAt(name, step)), value: 1 } }),
  },
  values: record(({ name, shape }) => ({ data: valueAt(name, step), shape: [...shape] })),
});

/** Texts that would do harm where they are taken for more than text. */
export const HOSTILE = [
  "<script>alert(1)</script>",
  "__proto__",
  "a\u202eb",
  "../../etc/passwd",
  "' or 1=1; --",
  "%00",
  "💥",
];

/** A study of a name with these events; it says that it runs until `over` is called. */
export async function keep(
  store: Store,
  name: string,
  events: readonly StudyEvent[],
): Promise<{ over(): Promise<void> }> {
  await store.create({
    name,
    experiment: "pictures.ts",
    source: "export default 1;",
    tags: ["a", "b"],
    notes: "first",
  });
  const claim = await store.claim(name);
  for (const event of events) await claim.append([event]);
  return { over: () => claim.release("stopped") };
}

/** A running study, an ended one, one of an older drmad, one that failed, one that waits, and some of hostile names. */
export async function fill(store: Store): Promise<void> {
  const steps = [0, 1, 2, 3].map(stepEvent);
  const ended = await keep(store, "ended", [
    startEvent,
    { type: "chosen", outerStep: 0, name: "checkpointed", exact: true, megabytes: 1, timeFactor: 3, why: "it fits" },
    ...steps,
    stepEvent(4),
    { type: "warning", message: "the hypergradient is chaotic", chaos: { outerStep: 2, growth: Infinity } },
    {
      type: "result",
      ...INFO,
      steps: [],
      best: 2,
      stop: "plateau",
      stopDetail: "no better one",
      test: { start: { loss: 2 }, tuned: { loss: NaN } },
      seconds: 15,
      values: {},
    },
  ]);
  await ended.over();
  await keep(store, "pictures", [startEvent, ...steps]);
  const older = await keep(store, "older", [
    olderStart,
    stepEvent(0),
    { type: "stop", pause: true, reason: "cancelled" },
  ]);
  await older.over();
  await store.create({ name: "failed", experiment: "e" });
  await (await store.claim("failed")).release("failed", new DrmadError("non-finite", "training diverged"));
  await store.create({ name: "waiting", experiment: "e" });
  for (const name of HOSTILE) await store.create({ name, experiment: name, notes: name, tags: [name], source: name });
}
