import { expect } from "vitest";
import { finiteDifference } from "../../src/hypergradient/finite-difference.ts";
import { reverse } from "../../src/hypergradient/reverse.ts";
import * as nn from "../../src/nn/nn.ts";
import type { Rollout } from "../../src/rollout/rollout.ts";
import * as ops from "../../src/tensor/ops.ts";
import { formula, numbersOf, relativeError } from "./measure.ts";

/** Parts of experiments so small that a central difference in every coordinate costs little. */
export type Layers = readonly nn.Layer<ops.Tensor>[];
export interface Batch {
  readonly x: ops.Tensor;
  readonly y: ops.Tensor;
}

export const split = (seed: number, n: number) => ({
  x: { data: formula(seed, 3 * n), shape: [n, 3] },
  y: { data: Int32Array.from({ length: n }, (_, i) => (i * seed + 1) % 2), shape: [n] },
});
export const entropy = (w: Layers, { x, y }: Batch): ops.Tensor => ops.crossEntropy(nn.forward(w, x), y);
export const small = {
  data: { train: split(1, 7), valid: split(2, 5) },
  params: nn.mlp([3, 2, 2], { deviation: 0.7 }),
  valid: { loss: (w: Layers, _: unknown, batch: Batch) => entropy(w, batch) },
};
export const training = { steps: 5, batch: 3 };

/** The rollout at a point where no two coordinates are alike. */
export const spread = (rollout: Rollout): Rollout =>
  rollout.at(
    Object.fromEntries(
      Object.entries(rollout.point).map(([name, u], k) => [
        name,
        u.map((v, i) => v + 0.4 * formula(50 + k, u.length)[i]!),
      ]),
    ),
  );

/** Reverse and central differences in every coordinate, tensor by tensor. */
export async function expectAgreement(rollout: Rollout): Promise<void> {
  const { gradient } = await numbersOf(rollout, reverse());
  const numeric = await numbersOf(rollout, finiteDifference());
  for (const name of Object.keys(rollout.point)) {
    expect(relativeError(gradient[name]!, numeric.gradient[name]!), name).toBeLessThan(1e-8);
  }
}
