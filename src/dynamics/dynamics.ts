import { DrmadError } from "../errors.ts";
import { constant } from "../tensor/elementwise.ts";
import { broadcastShapes, sameShape, showShape, type Shape } from "../tensor/shape.ts";
import { isTensor, type Tensor } from "../tensor/tensor.ts";
import type { Tree } from "../tensor/tree.ts";

/**
 * A setting of an optimiser: a number, a tensor for all weights, or a tree of tensors for the weights (or groups of
 * weights) at the same path. Anything that broadcasts to the weights fits.
 */
export type Setting = Tree<number | Tensor>;

/** Where the numbers of a setting must lie. */
export type Domain = "0 or above" | "above 0" | "from 0 to 1" | "from 0, below 1";
const DOMAINS: Readonly<Record<Domain, (x: number) => boolean>> = {
  "0 or above": (x: number) => x >= 0,
  "above 0": (x: number) => x > 0,
  "from 0 to 1": (x: number) => x >= 0 && x <= 1,
  "from 0, below 1": (x: number) => x >= 0 && x < 1,
};
export const inDomain = (domain: Domain, x: number): boolean => Number.isFinite(x) && DOMAINS[domain](x);

/** The open intervals inside them. */
export const INTERVALS: Readonly<Record<Domain, readonly [number, number]>> = {
  "0 or above": [0, Infinity],
  "above 0": [0, Infinity],
  "from 0 to 1": [0, 1],
  "from 0, below 1": [0, 1],
};

/** One weight tensor, its slots and its gradient, before a step. */
export interface LeafState {
  readonly weight: Tensor;
  readonly slots: Readonly<Record<string, Tensor>>;
}

/** A training algorithm as a pure step, written once for any weight tensor; its settings are arguments like any other. */
export interface Dynamics {
  readonly name: string;
  readonly settings: Readonly<Record<string, Setting>>;
  /**
   * Checked for settings that are numbers, and where a hyperparameter by itself is a setting: its start must lie inside, and
   * `tune` warns where it leaves. A transform keeps it inside.
   */
  readonly domains?: Readonly<Record<string, Domain>>;
  /** Names of the tensors kept for each weight tensor besides it, of the same shape, zero at the start. */
  readonly slots: readonly string[];
  /** @param t the number of the step, counted from 0: an integer */
  step(state: LeafState, gradient: Tensor, settings: Readonly<Record<string, Tensor>>, t: Tensor): LeafState;
  /**
   * The slots after a step in which the weights changed by `change`, for paths that know weights only. Where it divides
   * by a setting, `divisor` names it, and it must not be 0 at any step. Slots that do not follow from the weights have no
   * recovery: paths then place them as they place the weights.
   */
  readonly recover?: {
    readonly divisor?: string;
    slots(change: Tensor, settings: Readonly<Record<string, Tensor>>): Readonly<Record<string, Tensor>>;
  };
}

/** The settings of one weight tensor. */
export function settingsAt(dynamics: Dynamics, path: string, shape: Shape): Readonly<Record<string, Tensor>> {
  return Object.fromEntries(
    Object.entries(dynamics.settings).map(([name, setting]) => {
      const value = find(setting, path, `${dynamics.name}'s ${name}`);
      checkDomain(dynamics, name, value);
      if (!sameShape(broadcastShapes(`${dynamics.name}'s ${name} for weights ${path}`, [value.shape, shape]), shape)) {
        throw new DrmadError(
          "shape-mismatch",
          `${dynamics.name}'s ${name} of shape ${showShape(value.shape)} does not broadcast to weights ${path} of shape ${showShape(shape)}`,
          { hint: "A setting is one number, or a tree whose tensors broadcast to the weights at the same path." },
        );
      }
      return [name, value];
    }),
  );
}

function checkDomain({ name, domains }: Dynamics, setting: string, value: Tensor): void {
  const domain = domains?.[setting];
  if (domain === undefined || value.op !== "constant") return;
  const number = value.attributes.value;
  if (inDomain(domain, number)) return;
  throw new DrmadError("invalid-experiment", `${name}'s ${setting} is ${number}`, {
    hint: `Give a finite number ${domain}.`,
  });
}

/** Walks down a tree until a tensor or number is met: a group's value serves everything below it. */
function find(tree: unknown, path: string, what: string): Tensor {
  let at = tree;
  for (const key of path.split(".")) {
    if (isTensor(at) || typeof at !== "object" || at === null) break;
    at = (at as Record<string, unknown>)[key];
  }
  if (isTensor(at)) return at;
  if (typeof at === "number") return constant(at);
  throw new DrmadError("invalid-experiment", `${what} gives no tensor for the weights ${path}`, {
    hint: "Give a number, a tensor or a tree nested like the weights; write dynamics as a function of h to use hyperparameters.",
  });
}
