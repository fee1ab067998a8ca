import type { DType, Tensor } from "../tensor/tensor.ts";
import type { StateLeaf } from "./state.ts";

/** What a path may use to say where training was: the step t, its place k in this run's tables, and tensors of its own. */
export interface PathContext {
  readonly t: Tensor;
  readonly k: Tensor;
  /** The place of the step's block in this run, for paths in blocks. */
  readonly b: Tensor;
  /** A tensor of the path; with `rows`, a table whose rows belong to the steps of a run. */
  input(name: string, shape: readonly number[], options?: { readonly rows?: boolean; readonly dtype?: DType }): Tensor;
}

/** The output of a training step that is kept under a name, and the table that all those of a run make. */
export const keptName = (name: string): string => `kept/${name}`;
export const storedName = (name: string): string => `stored/${name}`;
/** The scales of tensors that are packed in bytes. */
export const scaleName = (name: string): string => `scale/${name}`;

/**
 * Where the adjoint sweep takes the training state from: the only thing in which reverse methods differ.
 * Steps of the sweep are numbered as training steps are, so step i of a path uses minibatch i.
 */
export interface Path {
  readonly name: string;
  /** Steps of the sweep. */
  readonly length: number;
  /** Steps that share what depends on `b` but not on the step; a run of the sweep is whole blocks, or one shorter one. */
  readonly blocks?: number;
  /** The state before step t. A path may leave the slots that are recoverable to be recovered from its weights. */
  state(leaf: StateLeaf, context: PathContext): Tensor | undefined;
  /**
   * The value of a large matrix product of the training step, for paths that can keep those too; the sweep then need not
   * compute it again.
   */
  product?(name: string, shape: readonly number[], context: PathContext): Tensor;
  /** w_{t+1} − w_t of one training step, for paths that leave slots to be recovered. */
  change?(leaf: StateLeaf, context: PathContext, t: Tensor): Tensor;
}
