// Which tasks share weights, layer by layer: two on upright digits, two on turned ones, with 25 rows each
//     npx drmad tune examples/weight-sharing.ts
import { defineExperiment, digits, hyper, momentum, nn, ops, outer, type Split, type Tensor } from "drmad";

const TASKS = 4;

/** Row i has one digit for each task, x [n, tasks, 64] and y [n, tasks]; tasks 2 and 3 see rows for columns. */
function tasksOf({ x, y }: { readonly x: Split[string]; readonly y: Split[string] }) {
  const n = Math.floor(y.data.length / TASKS);
  const pixels = Float32Array.from({ length: n * TASKS * 64 }, (_, at) => {
    const [row, i] = [Math.floor(at / 64), at % 64];
    return x.data[64 * row + (row % TASKS < 2 ? i : 8 * (i % 8) + Math.floor(i / 8))]!;
  });
  return { x: { data: pixels, shape: [n, TASKS, 64] }, y: { data: y.data.slice(0, n * TASKS), shape: [n, TASKS] } };
}

/** Every task starts with half its own weights and half the mean of all. */
const halfShared = nn.given([TASKS, TASKS], Array.from({ length: TASKS ** 2 }, (_, i) => (i % (TASKS + 1) ? 0 : 0.5) + 0.5 / TASKS)); // prettier-ignore

type Weights = { readonly first: Tensor; readonly second: Tensor };
type Sharing = { readonly share1: Tensor; readonly share2: Tensor };

/** w_s = Σ_t T_st z_t in each layer, then each task's network on its own digits. */
function outputs(z: Weights, h: Sharing, x: Tensor) {
  const [first, second] = [ops.einsum("st,tio->sio", h.share1, z.first), ops.einsum("st,tio->sio", h.share2, z.second)];
  const hidden = ops.tanh(ops.einsum("nti,tio->nto", x, first));
  return ops.reshape(ops.einsum("nti,tio->nto", hidden, second), [-1, 10]);
}

export default defineExperiment({
  data: (seed) => {
    const { train, valid, test } = digits({ train: 25 * TASKS, valid: 800, test: 897, seed });
    return { train: tasksOf(train), valid: tasksOf(valid), test: tasksOf(test!) };
  },
  params: { first: nn.normal([TASKS, 64, 30], 0.1), second: nn.normal([TASKS, 30, 10], 0.1) },
  hyper: {
    share1: hyper.array(halfShared),
    share2: hyper.array(halfShared),
    l2: hyper.scalar(1e-4, { transform: "log" }),
  },
  train: {
    loss: (z, h, { x, y }) => ops.add(ops.crossEntropy(outputs(z, h, x), ops.reshape(y, [-1])), nn.l2(z, h.l2)),
    dynamics: momentum({ rate: 2, decay: 0.9 }),
    steps: 100,
  },
  valid: { loss: (z, h, { x, y }) => ops.crossEntropy(outputs(z, h, x), ops.reshape(y, [-1])) },
  metrics: { error: (z, h, { x, y }) => nn.errorRate(outputs(z, h, x), ops.reshape(y, [-1])) },
  outer: { optimizer: outer.adam({ rate: 0.03 }), steps: 40 },
});
