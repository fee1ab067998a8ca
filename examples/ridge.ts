// Ridge regression on data made here: one penalty for each feature, and the learning rate
import { defineExperiment, hyper, momentum, nn, ops, outer, type Tensor } from "drmad";

const FEATURES = 20;

/** Rows of a linear law in which only the first four features count, with noise. */
function rows(n: number, seed: number) {
  let state = seed;
  const uniform = () => (state = (state * 48271) % 2147483647) / 2147483647;
  const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  const x = Float64Array.from({ length: n * FEATURES }, normal);
  const y = Float64Array.from({ length: n }, (_, i) => {
    const row = x.subarray(i * FEATURES, (i + 1) * FEATURES);
    return row[0]! + 2 * row[1]! + 3 * row[2]! + 4 * row[3]! + 2 * normal();
  });
  return { x: { data: x, shape: [n, FEATURES] }, y: { data: y, shape: [n, 1] } };
}

const squaredError = (
  w: { readonly W: Tensor; readonly b: Tensor },
  { x, y }: { readonly x: Tensor; readonly y: Tensor },
) => ops.mse(ops.add(ops.matmul(x, w.W), w.b), y);

export default defineExperiment({
  data: { train: rows(30, 1), valid: rows(100, 2), test: rows(1000, 3) },
  params: { W: nn.normal([FEATURES, 1], 0.1), b: nn.constant([1]) },
  hyper: {
    l2: hyper.perInput(0.1, { transform: "log", biases: 0 }),
    rate: hyper.scalar(0.1, { transform: "log" }),
  },
  train: {
    loss: (w, h, batch) => ops.add(squaredError(w, batch), nn.l2(w, h.l2)),
    dynamics: (h) => momentum({ rate: h.rate, decay: 0.9 }),
    steps: 200,
  },
  valid: { loss: (w, _, batch) => squaredError(w, batch) },
  outer: { optimizer: outer.adam({ rate: 0.2 }), steps: 30 },
});
