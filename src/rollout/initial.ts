import { DrmadError } from "../errors.ts";
import type { Problem } from "../problem/problem.ts";
import { input } from "../tensor/layout.ts";
import { showShape } from "../tensor/shape.ts";
import { isTensor, type Tensor } from "../tensor/tensor.ts";
import { leavesOf } from "../tensor/tree.ts";
import type { HyperSymbols } from "./hypers.ts";

/** The weights before training: the drawn ones, as the experiment changes them by hyperparameters. */
export function initialSymbols(problem: Problem, symbols: HyperSymbols): readonly Tensor[] {
  const drawn = new Map(problem.weights.map(({ path, shape }) => [path, input(`drawn/${path}`, shape)]));
  const tree = problem.weightTree((path) => drawn.get(path)!);
  const { initial } = problem.spec;
  if (initial === undefined) return [...drawn.values()];
  const leaves = leavesOf(initial(tree, symbols.whole), isTensor);
  return problem.weights.map(({ path, shape }) => {
    const found = leaves.find((leaf) => leaf.path === path)?.value;
    if (found === undefined || showShape(found.shape) !== showShape(shape)) {
      throw new DrmadError(
        "invalid-experiment",
        `initial gives ${found === undefined ? "nothing" : `shape ${showShape(found.shape)}`} for the weights ${path} of shape ${showShape(shape)}`,
        { hint: "Return a tree nested like params, each tensor of its parameter's shape." },
      );
    }
    return found;
  });
}
