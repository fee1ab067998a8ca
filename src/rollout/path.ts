import type { Tensor } from "../tensor/tensor.ts";
import type { StateLeaf } from "./state.ts";

/** What a path may use to say where training was: the step t, its place k in this run's tables, and tensors of its own. */
export interface PathContext {
  readonly t: Tensor;
  readonly k: Tensor;
  /** A tensor of the path; with `rows`, a table whose rows belong to the steps of a run. */
  input(name: string, shape: readonly number[], options?: { readonly rows?: boolean }): Tensor;
}

/**
 * Where the adjoint sweep takes the training state from: the only thing in which reverse methods differ.
 * Steps of the sweep are numbered as training steps are, so step i of a path uses minibatch i.
 */
export interface Path {
  readonly name: string;
  /** Steps of the sweep. */
  readonly length: number;
  /** The state before step t. A path may know weights only, and leave the optimiser's slots to be recovered. */
  state(leaf: StateLeaf, context: PathContext): Tensor | undefined;
  /**
   * The value of a large matrix product of the training step, for paths that can keep those too; the sweep then need not
   * compute it again.
   */
  product?(name: string, shape: readonly number[], context: PathContext): Tensor;
  /** w_{t+1} − w_t of one training step, for paths that leave slots to be recovered. */
  change?(leaf: StateLeaf, context: PathContext, t: Tensor): Tensor;
}
