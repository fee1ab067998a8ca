// One start for many tasks: a seed is a task, and hypergradients are averaged over them
//     npx drmad tune examples/tasks.ts --seeds 8
import { defineExperiment, digits, hyper, momentum, nn, ops, outer, type NdArray } from "drmad";

const HIDDEN = 30;

/** Which five digits a task tells from the other five. */
function chosenDigits(task: number): ReadonlySet<number> {
  let state = (task + 1) * 48271;
  const order = Array.from({ length: 10 }, (_, digit) => {
    state = (state * 48271) % 2147483647;
    return { digit, key: state };
  }).sort((a, b) => a.key - b.key);
  return new Set(order.slice(0, 5).map(({ digit }) => digit));
}

const relabelled = <S extends { readonly y: NdArray }>(split: S, task: number) => {
  const chosen = chosenDigits(task);
  return { ...split, y: { ...split.y, data: Int32Array.from(split.y.data, (digit) => (chosen.has(digit) ? 1 : 0)) } };
};

export default defineExperiment({
  // Rows of its own for each task. No test split: what tests a start is other tasks.
  data: (task) => {
    const { train, valid } = digits({ train: 40, valid: 400, test: 1, seed: task });
    return { train: relabelled(train, task), valid: relabelled(valid, task) };
  },
  params: [
    { W: nn.constant([64, HIDDEN]), b: nn.constant([HIDDEN]) },
    { W: nn.constant([HIDDEN, 2]), b: nn.constant([2]) },
  ],
  hyper: { start: hyper.array(nn.normal([64, HIDDEN], 0.125)), rate: hyper.scalar(0.5, { transform: "log" }) },
  // The first layer starts as tuned, the same for all tasks; the second from nothing.
  initial: ([first, second], h) => [{ W: h.start, b: first!.b }, second!],
  train: {
    loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y),
    dynamics: (h) => momentum({ rate: h.rate, decay: 0.5 }),
    steps: 10,
  },
  valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
  metrics: { error: (w, _, { x, y }) => nn.errorRate(nn.forward(w, x), y) },
  outer: { optimizer: outer.adam({ rate: 0.02 }), steps: 60 },
});
