import { defineExperiment, digits, hyper, momentum, nn, ops, outer, type NdArray } from "drmad";

// Test rows that no seed chooses by, and the rest, to be split anew for every seed.
const { train: rest, test } = digits({ train: 1299, valid: 1, test: 497 });

/** The whole numbers below n in an order of the seed's own (Fisher and Yates). */
function shuffled(n: number, seed: number): number[] {
  let state = (seed + 1) * 48271;
  const order = Array.from({ length: n }, (_, i) => i);
  for (let last = n - 1; last > 0; last--) {
    state = (state * 48271) % 2147483647;
    const chosen = state % (last + 1);
    [order[last], order[chosen]] = [order[chosen]!, order[last]!];
  }
  return order;
}

/** Some rows of an array, of the same kind of numbers. */
function taken({ data, shape }: NdArray, rows: readonly number[]): NdArray {
  const width = data.length / shape[0]!;
  const chosen = data.slice(0, rows.length * width);
  rows.forEach((row, i) => chosen.set(data.subarray(row * width, (row + 1) * width), i * width));
  return { data: chosen, shape: [rows.length, ...shape.slice(1)] };
}

const rowsOf = (rows: readonly number[]) => ({ x: taken(rest.x, rows), y: taken(rest.y, rows) });

export default defineExperiment({
  data: (seed) => {
    const order = shuffled(1299, seed);
    return { train: rowsOf(order.slice(0, 500)), valid: rowsOf(order.slice(500)), test: test! };
  },
  params: nn.mlp([64, 50, 10]),
  hyper: { l2: hyper.perInput(1e-4, { transform: "log", biases: 0 }) },
  train: {
    loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.l2)),
    dynamics: momentum({ rate: 0.5, decay: 0.95 }),
    steps: 300,
    batch: 50,
  },
  valid: {
    loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y),
    // Penalties are about 1e-4, give or take a factor of e²: −log of a normal density of log l2, over 799 rows.
    prior: ({ l2 }) => {
      const off = ops.div(ops.sub(ops.log(l2[0]!.W), Math.log(1e-4)), 2);
      return ops.div(ops.sum(ops.square(off)), 2 * 799);
    },
  },
  metrics: { error: (w, _, { x, y }) => nn.errorRate(nn.forward(w, x), y) },
  outer: { optimizer: outer.coarseToFine(outer.adam({ rate: 0.2 }), { hyperparameter: 5, tensor: 5 }), steps: 30 },
});
