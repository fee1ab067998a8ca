import { inOneCall, MEGABYTE, planWithin, segmentsRun } from "./binomial.ts";
import type { Candidate, Limits, Plan, SizesForExact } from "./budget.ts";
import { checkpointed } from "./checkpointed.ts";
import { drmad } from "./drmad.ts";
import { forward } from "./forward.ts";
import type { Method } from "./method.ts";
import { reverse } from "./reverse.ts";
import { reversible } from "./reversible.ts";
import { truncated } from "./truncated.ts";

/*
 * Times as multiples of plain training, measured on the published problem (docs/performance.md). Memory is what is kept of
 * training, counted from the sizes; the runtime's own work space comes on top with every method.
 */
/** The sweep back along stored steps, storing them included: `reverse` is 3.15. */
const SWEEP = 2.2;
/** The same in one call with the training that it follows, whose steps stay in the engine. */
const SWEEP_REPLAYED = 2.1;
/** The same along packed steps, whose layers' outputs are computed again. */
const SWEEP_PACKED = { float16: 2.7, int8: 2.7 } as const;
/** The sweep along a line or snapshots. */
const SWEEP_SNAPSHOTS = 2.2;
/** Training in integers, taking it back, and the sweep. */
const REVERSIBLE = 6;
/** Forward mode's training with n tangents is 0.65 + 1.55 n: 2.2 for one, 13 for eight. */
const FORWARD = { base: 0.65, tangent: 1.55 } as const;

/** Beyond so many hyperparameters forward mode is no choice, and beyond so many tangents at once it gets no faster. */
const FEW = 32;
const MOST_TANGENTS = 8;
/** Fewer snapshots, or a smaller part of training, say too little of the whole to be chosen for anyone. */
const LEAST_SNAPSHOTS = 8;
const LEAST_PART = 0.1;

/** A method that keeps so many bytes and takes so many times plain training, where that is within the limits. */
function within(limits: Limits, method: Method, bytes: number, timeFactor: number, why: string): Plan | undefined {
  if (bytes > limits.bytes || timeFactor > limits.time) return undefined;
  return { method, name: method.name, exact: method.exact, megabytes: bytes / MEGABYTE, timeFactor, why };
}

const mb = (bytes: number): string => `${Number((bytes / MEGABYTE).toPrecision(3))} MB`;

const everyStep: Candidate<SizesForExact> = ({ steps, stepBytes }, limits) =>
  within(limits, reverse(), steps * stepBytes, 1 + SWEEP, "every step fits in memory");

const someStates: Candidate<SizesForExact> = ({ steps, stateBytes, stepBytes }, limits) => {
  const { bytes } = limits;
  if (bytes < stateBytes + stepBytes) return undefined;
  const { segment, checkpoints } = planWithin(steps, bytes, stateBytes, stepBytes);
  const trainings = (segmentsRun(Math.ceil(steps / segment), checkpoints) * segment) / steps;
  const kept = (checkpoints + 1) * stateBytes + segment * stepBytes;
  const why = `every step would take ${mb(steps * stepBytes)}, so ${checkpoints + 1} states and a segment of ${segment} steps are kept`;
  const sweep = segment < steps && inOneCall(segment, stepBytes) ? SWEEP_REPLAYED : SWEEP;
  return within(limits, checkpointed({ megabytes: bytes / MEGABYTE }), kept, trainings + sweep, why);
};

const carriedForward: Candidate<SizesForExact> = ({ stateBytes, coordinates }, limits) => {
  if (coordinates > FEW) return undefined;
  // A chunk of steps has its tangents twice: as they came and as they go.
  const tangentBytes = 2 * stateBytes;
  const most = Math.min(coordinates, MOST_TANGENTS, Math.floor(limits.bytes / tangentBytes));
  const chunks = Array.from({ length: most }, (_, i) => i + 1);
  const cost = (n: number): number => Math.ceil(coordinates / n) * (FORWARD.base + FORWARD.tangent * n);
  const chunk = chunks.reduce((best, n) => (cost(n) < cost(best) ? n : best), 1);
  const why = `${coordinates === 1 ? "one hyperparameter is" : `${coordinates} hyperparameters are`} carried along with training`;
  return within(limits, forward({ chunk }), chunk * tangentBytes, cost(chunk), why);
};

/** Whether `reversible`, whose memory takes a program to reckon, can be the faster one. */
export const reversibleIsFaster = (timeFactor: number): boolean => REVERSIBLE <= timeFactor;

const takenBack: Candidate<SizesForExact> = ({ reversibleBytes = Infinity }, limits) =>
  within(limits, reversible(), reversibleBytes, REVERSIBLE, "only the bits that momentum loses are kept");

const packedSteps =
  (storage: "float16" | "int8"): Candidate =>
  ({ steps, packed }, limits) => {
    const why = `every step fits in memory as ${storage}`;
    return within(limits, reverse({ storage }), steps * packed[storage], 1 + SWEEP_PACKED[storage], why);
  };

/** Knots that a run of the sweep has in its tables, which exist twice while they are loaded. */
const tableKnots = (snapshots: number): number => 2 * (Math.min(snapshots + 1, 64) + 2);

const someSnapshots: Candidate = ({ steps, stateBytes, snapshotBytes }, limits) => {
  const knots = (limits.bytes - stateBytes) / snapshotBytes;
  const count = Math.min(steps, Math.floor(Math.max((knots - 8) / 3, 0)), 63);
  const snapshots = Math.max(count, Math.min(steps, Math.floor(knots - 2 - tableKnots(Infinity))));
  if (snapshots < Math.min(LEAST_SNAPSHOTS, steps)) return undefined;
  const kept = stateBytes + (snapshots + 2 + tableKnots(snapshots)) * snapshotBytes;
  const why = `${snapshots} snapshots of the weights stand for the path between them`;
  return within(limits, drmad({ snapshots, storage: "int8" }), kept, 1 + SWEEP_SNAPSHOTS, why);
};

const lastSteps: Candidate = ({ steps, stepBytes }, limits) => {
  const affordable = Math.floor(((limits.time - 1) / SWEEP) * steps);
  const last = Math.min(steps - 1, Math.floor(limits.bytes / stepBytes), affordable);
  if (last < 1 || last < LEAST_PART * steps) return undefined;
  const why = `only the last ${last} of ${steps} steps are differentiated`;
  // Rounding must not make it a little dearer than what it was made to fit.
  const factor = Math.min(limits.time, 1 + (SWEEP * last) / steps);
  return within(limits, truncated({ steps: last }), last * stepBytes, factor, why);
};

/** Exact methods, of which the fastest is taken; of equally fast ones the first. Another exact method is one more line. */
export const EXACT: readonly Candidate<SizesForExact>[] = [everyStep, someStates, carriedForward, takenBack];

/** Approximations, of which the first that fits is taken: the closest first. */
export const APPROXIMATE: readonly Candidate[] = [
  packedSteps("float16"),
  packedSteps("int8"),
  someSnapshots,
  lastSteps,
];
