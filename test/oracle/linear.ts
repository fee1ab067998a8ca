import { sgd } from "../../src/dynamics/sgd.ts";
import { defineExperiment, type DefinedExperiment } from "../../src/study/define.ts";
import * as nn from "../../src/nn/nn.ts";
import { hyper } from "../../src/problem/hyper.ts";
import * as ops from "../../src/tensor/ops.ts";

const filled = (value: number) => ({ x: { data: Float64Array.of(value), shape: [1, 1] } });
const row = (...data: number[]) => ops.literal(data);
const ZERO = filled(0);

/**
 * Training ends at a = u.a and b = u.b + s exactly, and the validation loss is k (3 a₀ + 4 a₁ − 12 b) + d (u.a₀ + 5 s):
 *
 *     through training: u.a (3k, 4k), u.b −12k, s −12k, z 0        direct: u.a (d, 0), u.b 0, s 5d, z 0
 *
 * With k = d = 1 the whole is (4, 4), −12, −7, 0: of length 15. What z multiplies is 0.
 */
export const linear = (k = 1, d = 1): DefinedExperiment =>
  defineExperiment({
    name: "linear",
    data: { train: ZERO, valid: ZERO },
    params: { a: nn.constant([2]), b: nn.constant([1]) },
    hyper: { u: hyper.perWeight(0.5), s: hyper.scalar(0.25), z: hyper.scalar(1) },
    train: {
      loss: ({ a, b }, { u, s }) =>
        ops.mul(0.5, ops.add(ops.sum(ops.square(ops.sub(a, u.a))), ops.sum(ops.square(ops.sub(ops.sub(b, u.b), s))))),
      dynamics: sgd({ rate: 1 }),
      steps: 2,
    },
    valid: {
      loss: ({ a, b }, { u, s, z }, { x }) => {
        const inner = ops.add(ops.sum(ops.mul(a, row(3, 4))), ops.mul(-12, ops.sum(b)));
        const direct = ops.add(ops.sum(ops.mul(u.a, row(1, 0))), ops.mul(5, s));
        return ops.add(ops.add(ops.mul(k, inner), ops.mul(d, direct)), ops.mul(z, ops.sum(x)));
      },
    },
  });
