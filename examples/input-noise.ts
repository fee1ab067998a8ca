// The deviation of noise added to each pixel of the training rows
//     npx drmad tune examples/input-noise.ts
import { defineExperiment, digits, hyper, momentum, nn, ops, outer, type NdArray } from "drmad";

/** Each row as often as there are draws, with noise of its own each time. */
function noisy({ x, y }: { readonly x: NdArray; readonly y: NdArray }, draws: number) {
  let state = 1;
  const uniform = () => (state = (state * 48271) % 2147483647) / 2147483647;
  const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  const n = y.data.length * draws;
  const at = (i: number, width: number) => width * Math.floor(i / width / draws) + (i % width);
  return {
    x: { data: Float32Array.from({ length: 64 * n }, (_, i) => x.data[at(i, 64)]!), shape: [n, 64] },
    y: { data: Int32Array.from({ length: n }, (_, i) => y.data[at(i, 1)]!), shape: [n] },
    noise: { data: Float32Array.from({ length: 64 * n }, normal), shape: [n, 64] },
  };
}

export default defineExperiment({
  data: (seed) => {
    const { train, valid, test, image } = digits({ train: 100, valid: 800, test: 897, seed });
    return { train: noisy(train, 10), valid: noisy(valid, 1), test: noisy(test!, 1), image: image! };
  },
  params: nn.mlp([64, 50, 10]),
  hyper: { deviation: hyper.array(nn.constant([64], 0.05), { transform: "log" }) },
  train: {
    loss: (w, h, { x, y, noise }) => ops.crossEntropy(nn.forward(w, ops.add(x, ops.mul(h.deviation, noise))), y),
    dynamics: momentum({ rate: 0.5, decay: 0.9 }),
    steps: 200,
    batch: 50,
  },
  valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
  metrics: { error: (w, _, { x, y }) => nn.errorRate(nn.forward(w, x), y) },
  outer: { optimizer: outer.adam({ rate: 0.1 }), steps: 30 },
});
