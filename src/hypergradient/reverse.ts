import { DrmadError, requireOptions } from "../errors.ts";
import { gather } from "../tensor/layout.ts";
import { unpack } from "../tensor/pack.ts";
import type { DType, Packed, Tensor } from "../tensor/tensor.ts";
import { scaleName, storedName, type Path, type PathContext } from "../rollout/path.ts";
import { isPackable } from "../rollout/state.ts";
import type { Method } from "./method.ts";
import { sweepKept } from "./sweep-back.ts";

const stored = (name: string, shape: readonly number[], { k, input }: PathContext): Tensor =>
  gather(input(storedName(name), [1, ...shape], { rows: true }), k);

/** The true trajectory, read from tables with a row for every step. */
export const storedPath = (steps: number): Path => ({
  name: "stored",
  length: steps,
  state: (leaf, context) => stored(leaf.name, leaf.shape, context),
  product: stored,
});

/** A row of a packed table. */
export function unpacked(name: string, shape: readonly number[], packed: Packed, { k, input }: PathContext): Tensor {
  const row = (of: string, each: readonly number[], dtype: DType): Tensor =>
    gather(input(storedName(of), [1, ...each], { rows: true, dtype }), k);
  const scale = packed === "int8" ? row(scaleName(name), [], "float") : undefined;
  return unpack({ values: row(name, shape, packed), scale });
}

/**
 * The same from packed tables; slots like second moments keep their precision. What follows from the weights is computed from
 * the weights as they were kept.
 */
export const packedPath = (steps: number, packed: Packed): Path => ({
  name: `stored as ${packed}`,
  length: steps,
  state: (leaf, context) =>
    isPackable(leaf) ? unpacked(leaf.name, leaf.shape, packed, context) : stored(leaf.name, leaf.shape, context),
});

export interface ReverseOptions {
  /** How states are kept; in the engine's own precision unless told. */
  readonly storage?: Packed;
}

/**
 * Reverse mode with every state stored.
 *
 *     (dw, ds)_t = (∂Φ_t/∂(w, s))ᵀ (dw, ds)_{t+1},   dλ = ∂f/∂λ + Σ_t (∂Φ_t/∂λ)ᵀ (dw, ds)_{t+1}
 *
 * Right wherever it fits in memory: T·P numbers, where P counts the weights, and the optimiser's slots too when a rate or
 * decay is a hyperparameter or the dynamics keep more than a velocity (slots like second moments are never packed); the layers'
 * small outputs are kept as well, up to half as much again. Cost: training once, and about twice that again for the sweep.
 *
 * Source: Domke 2012; Maclaurin, Duvenaud, Adams 2015, algorithm 2 (in the order of their code).
 */
export function reverse(options: ReverseOptions = {}): Method {
  requireOptions("methods.reverse", options, { storage: "text?" });
  const { storage } = options;
  if (storage !== undefined && storage !== "float16" && storage !== "int8") {
    throw new DrmadError("invalid-argument", `methods.reverse has storage ${JSON.stringify(storage)}`, {
      hint: 'Give "float16" or "int8", or leave it out.',
    });
  }
  return {
    name: storage === undefined ? "reverse" : `reverse ${storage}`,
    exact: storage === undefined,
    settings: { storage },
    async run(rollout) {
      const { steps } = rollout;
      const sweep = await rollout.sweep(storage === undefined ? storedPath(steps) : packedPath(steps, storage));
      const start = await rollout.start();
      const keep = { keep: sweep.reads, ...(storage === undefined ? {} : { packed: storage }) };
      return sweepKept(rollout, sweep, await rollout.train(start, keep).finally(() => rollout.free(start)));
    },
  };
}
