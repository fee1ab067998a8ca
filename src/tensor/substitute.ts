import { node, topological, type Tensor } from "./tensor.ts";

/** The same expressions with some nodes replaced; what does not depend on them is shared, not copied. */
export function substitute(roots: readonly Tensor[], replacements: ReadonlyMap<Tensor, Tensor>): readonly Tensor[] {
  const done = new Map<Tensor, Tensor>(replacements);
  for (const n of topological(roots)) {
    if (done.has(n)) continue;
    const inputs = n.inputs.map((x) => done.get(x)!);
    const unchanged = inputs.every((x, i) => x === n.inputs[i]);
    done.set(n, unchanged ? n : node(n.op, inputs, n.attributes, n.shape, n.dtype));
  }
  return roots.map((x) => done.get(x)!);
}
