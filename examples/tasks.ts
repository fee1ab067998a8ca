// One start for many tasks: a seed is a task, and hypergradients are averaged over them
//     npx drmad tune examples/tasks.ts --seeds 8
import { defineExperiment, digits, hyper, momentum, nn, ops, outer } from "drmad";

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

// Tasks below 100 tune with the rows of one half; those from 100 on, which nothing is tuned on, have the other half.
const halves = digits({ train: 897, valid: 1, test: 899 });

/** Rows from one to another of the half, labelled 1 where the digit is among the task's. */
function rowsOf(task: number, from: number, to: number) {
  const { x, y } = task < 100 ? halves.train : halves.test!;
  const chosen = chosenDigits(task);
  return {
    x: { data: x.data.slice(64 * from, 64 * to), shape: [to - from, 64] },
    y: { data: Int32Array.from(y.data.slice(from, to), (digit) => (chosen.has(digit) ? 1 : 0)), shape: [to - from] },
  };
}

export default defineExperiment({
  // No test split: what tests a start is other tasks.
  data: (task) => {
    const from = 40 * (task % 12);
    return { train: rowsOf(task, from, from + 40), valid: rowsOf(task, 480, 880) };
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
