import type { Problem } from "../problem/problem.ts";
import { sameShape, sizeOf } from "../tensor/shape.ts";
import { topological, type Tensor } from "../tensor/tensor.ts";

/** Arithmetic for each number of a product from which keeping it is cheaper than computing it again. */
const FLOP_WORTH_A_NUMBER = 64;

/** Operations whose derivatives are functions of their value, so that what they are taken of is not needed again. */
const KNOWN_BY_VALUE: ReadonlySet<string> = new Set(["tanh", "sigmoid"]);

/**
 * Matrix products of the inner loss that are worth keeping, by name: as far on in the calculation as nothing else uses
 * them, so with what is added to them, and through an activation; together at most half as large as the weights.
 */
export function productsOf(problem: Problem, loss: Tensor): ReadonlyMap<string, Tensor> {
  const order = topological([loss]);
  const users = new Map<Tensor, Tensor[]>();
  for (const n of order) for (const x of n.inputs) users.set(x, [...(users.get(x) ?? []), n]);
  const followed = (n: Tensor, into: (user: Tensor) => boolean): Tensor => {
    const [user, ...others] = users.get(n) ?? [];
    return user !== undefined && others.length === 0 && sameShape(user.shape, n.shape) && into(user) ? user : n;
  };
  let room = problem.weights.reduce((n, { shape }) => n + sizeOf(shape), 0) / 2;
  const kept = new Map<string, Tensor>();
  for (const n of order) {
    if (n.op !== "matmul") continue;
    const a = n.inputs[0]!;
    const inner = a.shape[a.shape.length - (n.attributes.transposeA ? 2 : 1)]!;
    if (2 * inner < FLOP_WORTH_A_NUMBER || sizeOf(n.shape) > room) continue;
    room -= sizeOf(n.shape);
    const affine = followed(n, (user) => user.op === "add");
    kept.set(
      `product/${kept.size}`,
      followed(affine, (user) => KNOWN_BY_VALUE.has(user.op)),
    );
  }
  return kept;
}
