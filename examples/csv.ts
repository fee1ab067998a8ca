// Points in two rings, read as CSV: one penalty for each input, of which two say something and eighteen are noise
import { defineExperiment, files, hyper, momentum, nn, ops, outer } from "drmad";

const NOISE = 18;

/** A table as a file would hold it: a header, then numbers and the name of a ring in each row. */
function table(rows: number, seed: number): string {
  let state = seed;
  const uniform = () => (state = (state * 48271) % 2147483647) / 2147483647;
  const header = ["ring", "x", "y", ...Array.from({ length: NOISE }, (_, i) => `noise ${i}`)];
  const lines = Array.from({ length: rows }, (_, i) => {
    const radius = (i % 2 === 0 ? 0.5 : 1.2) + 0.4 * uniform();
    const angle = 2 * Math.PI * uniform();
    const noise = Array.from({ length: NOISE }, () => 2 * uniform() - 1);
    const numbers = [radius * Math.cos(angle), radius * Math.sin(angle), ...noise].map((value) => value.toFixed(4));
    return [i % 2 === 0 ? "inner" : '"outer, wider"', ...numbers];
  });
  return [header, ...lines].map((fields) => fields.join(",")).join("\r\n");
}

// A file on your disk is shorter: files.csv({ file: "rings.csv", label: "ring", train: 60, valid: 200, test: 400 }).
const rows = (count: number, seed: number) => {
  const { x, y } = files.parseCsv(new TextEncoder().encode(table(count, seed)), { label: "ring" });
  return { x, y: y! };
};

export default defineExperiment({
  data: { train: rows(60, 1), valid: rows(200, 2), test: rows(400, 3) },
  params: nn.mlp([2 + NOISE, 16, 2]),
  hyper: { l2: hyper.perInput(1e-2, { transform: "log", biases: 0 }) },
  train: {
    loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.l2)),
    dynamics: momentum({ rate: 0.3, decay: 0.9 }),
    steps: 200,
  },
  valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
  metrics: { error: (w, _, { x, y }) => nn.errorRate(nn.forward(w, x), y) },
  outer: { optimizer: outer.adam({ rate: 0.2 }), steps: 30 },
});
