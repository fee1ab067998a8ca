// The angle by which to turn the digits one trains on, so that digits which are turned by 30 degrees are recognised
//     npx drmad tune examples/rotation.ts
import { defineExperiment, digits, hyper, momentum, nn, ops, outer, type Tensor } from "drmad";

const TRUE_ANGLE = Math.PI / 6;
const across = Array.from({ length: 64 }, (_, i) => (i % 8) - 3.5);
const down = Array.from({ length: 64 }, (_, i) => Math.floor(i / 8) - 3.5);

const distance = (at: Tensor, pixels: readonly number[]) => ops.square(ops.sub(at, ops.literal(pixels, [64, 1])));

/** Images x [n, 64] turned by an angle: each pixel is what lies where it comes from, blurred enough to be smooth in the angle. */
function turned(x: Tensor, angle: Tensor): Tensor {
  const [cosine, sine] = [ops.cos(angle), ops.sin(angle)];
  const fromX = ops.add(ops.mul(cosine, ops.literal(across)), ops.mul(sine, ops.literal(down)));
  const fromY = ops.sub(ops.mul(cosine, ops.literal(down)), ops.mul(sine, ops.literal(across)));
  const near = ops.exp(ops.mul(-2, ops.add(distance(fromX, across), distance(fromY, down))));
  return ops.matmul(x, ops.mul(2 / Math.PI, near));
}

export default defineExperiment({
  data: (seed) => digits({ train: 500, valid: 400, test: 897, seed }),
  params: nn.mlp([64, 30, 10]),
  hyper: { angle: hyper.scalar(0) },
  train: {
    loss: (w, h, { x, y }) => ops.crossEntropy(nn.forward(w, turned(x, h.angle)), y),
    dynamics: momentum({ rate: 0.5, decay: 0.9 }),
    steps: 100,
    batch: 50,
  },
  valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, turned(x, ops.constant(TRUE_ANGLE))), y) },
  metrics: { error: (w, _, { x, y }) => nn.errorRate(nn.forward(w, turned(x, ops.constant(TRUE_ANGLE))), y) },
  outer: { optimizer: outer.adam({ rate: 0.03 }), steps: 40 },
});
