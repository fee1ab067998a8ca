import type { ErrorCode } from "../../src/errors.ts";
import type { Method } from "../../src/hypergradient/method.ts";
import * as methods from "../../src/hypergradient/methods.ts";
import type { TinyName } from "./tiny.ts";

/** What a refusal says: its code, and a part of its message. */
export type Refusal = readonly [code: ErrorCode, part: string];

/** One way to call a method, and what its documentation says of it that the contract has to know. */
export interface Listed {
  make(): Method;
  /** It runs training steps again, or trains more than once. */
  readonly trainsAgain?: true;
  /** Every call is another draw; the series is the same for the same seed. */
  readonly series?: true;
  /** Its training step is compiled with more beside it, so that the last bits of training may be others. */
  readonly ownStep?: true;
  /** It trains in numbers of its own: how far value, state and gradient may be from plain training's, relatively. */
  readonly near?: number;
  /** What it says where training diverges, if not that a number is not finite. */
  readonly diverged?: Refusal;
  /** Its gradient may be the same at all points. */
  readonly blind?: true;
  readonly refusesFloat32?: Refusal;
  readonly refuses?: Partial<Record<TinyName, Refusal>>;
}

const SCHEDULE = "rate per step, momentum, minibatches";
const SCALE = "decay and initial scale, momentum, minibatches";
const RATE = "rate per layer, sgd, full batch";
const PENALTY = "penalty per weight, sgd, full batch";
const dynamics = (name: string): Refusal => ["unsupported", name];
const insideTheLoss: Listed["refuses"] = { [SCHEDULE]: dynamics("rate"), [SCALE]: dynamics("scale"), [RATE]: dynamics("rate") }; // prettier-ignore

/** Every method of the library: one that is missing here does not type-check. */
export const METHODS: { readonly [Name in keyof typeof methods]: readonly Listed[] } = {
  reverse: [
    { make: () => methods.reverse() },
    { make: () => methods.reverse({ storage: "float16" }) },
    { make: () => methods.reverse({ storage: "int8" }) },
  ],
  checkpointed: [
    { make: () => methods.checkpointed({ checkpoints: 3 }), trainsAgain: true },
    { make: () => methods.checkpointed({ megabytes: 0.003 }), trainsAgain: true },
  ],
  reversible: [
    {
      make: () => methods.reversible(),
      near: 1e-5,
      diverged: ["non-finite", "range of fixed point"],
      refuses: { [PENALTY]: dynamics("sgd"), [RATE]: dynamics("sgd") },
    },
  ],
  truncated: [{ make: () => methods.truncated({ steps: 7 }) }, { make: () => methods.truncated({ steps: 1000 }) }],
  drmad: [
    { make: () => methods.drmad() },
    { make: () => methods.drmad({ samples: "T/10" }), refuses: { [SCHEDULE]: ["unsupported", "rate"] } },
    { make: () => methods.drmad({ snapshots: 4 }) },
    { make: () => methods.drmad({ snapshots: 5, of: "means", storage: "int8" }) },
    { make: () => methods.drmad({ snapshots: 3, place: "arc-length" }) },
    { make: () => methods.drmad({ snapshots: 4, growthLimit: 0.5 }), trainsAgain: true },
  ],
  forward: [
    { make: () => methods.forward(), ownStep: true, trainsAgain: true },
    { make: () => methods.forward({ chunk: 2 }), ownStep: true, trainsAgain: true },
  ],
  implicit: [
    { make: () => methods.implicit(), refuses: insideTheLoss },
    { make: () => methods.implicit({ solver: "normal-cg" }), refuses: insideTheLoss },
    { make: () => methods.implicit({ solver: "neumann" }), refuses: insideTheLoss },
    { make: () => methods.implicit({ solver: "fixed-point" }), refuses: insideTheLoss },
  ],
  oneStep: [{ make: () => methods.oneStep({ every: 5 }) }, { make: () => methods.oneStep({ every: 1000 }) }],
  evograd: [
    { make: () => methods.evograd({ copies: 3 }), series: true, refuses: insideTheLoss },
    { make: () => methods.evograd({ every: 9 }), series: true, refuses: insideTheLoss },
  ],
  persistentEvolution: [
    { make: () => methods.persistentEvolution({ pairs: 1 }), series: true, trainsAgain: true },
    { make: () => methods.persistentEvolution({ pairs: 2, segments: 3 }), series: true, trainsAgain: true },
  ],
  finiteDifference: [
    { make: () => methods.finiteDifference(), trainsAgain: true, refusesFloat32: ["unsupported", "float64"] },
  ],
  auto: [
    { make: () => methods.auto({ megabytes: 5 }) },
    { make: () => methods.auto({ megabytes: 0.003 }), trainsAgain: true },
  ],
  oneScalar: [{ make: () => methods.oneScalar(), ownStep: true, trainsAgain: true }],
  directOnly: [{ make: () => methods.directOnly(), blind: true }],
  randomSign: [{ make: () => methods.randomSign({ seed: 3 }), series: true, blind: true }],
};

/** All of them with their names. */
export const LISTED: readonly (readonly [name: string, listed: Listed])[] = Object.values(METHODS).flatMap((calls) =>
  calls.map((listed) => [listed.make().name, listed] as const),
);
