import type { Problem } from "../problem/problem.ts";
import { gather, input } from "../tensor/layout.ts";
import type { Tensor } from "../tensor/tensor.ts";

export const hyperInputName = (name: string): string => `hyper/${name}`;

/** Hyperparameters as tensors. */
export interface HyperSymbols {
  /** Unconstrained coordinates, in the order of the problem's tensors. */
  readonly raw: readonly Tensor[];
  /** Natural values, with the axis of steps where they have one. */
  readonly natural: readonly Tensor[];
  /** What losses outside training see. */
  readonly whole: unknown;
}

export function hyperSymbols(problem: Problem): HyperSymbols {
  const { tensors } = problem.hypers;
  const raw = tensors.map((t) => input(hyperInputName(t.name), t.shape));
  const natural = tensors.map((t, i) => t.transform.natural(raw[i]!));
  const at = new Map(tensors.map((t, i) => [t.name, natural[i]!]));
  return { raw, natural, whole: problem.hypers.arrange((name) => at.get(name)!) };
}

/** The hyperparameters of one step: per-step ones at the step, the others as they are. */
export interface StepHypers {
  /** For each of the problem's tensors: its value at the step where it is per step, else undefined. */
  readonly picked: readonly (Tensor | undefined)[];
  readonly tree: unknown;
}

export function hypersAt(problem: Problem, symbols: HyperSymbols, t: Tensor): StepHypers {
  const picked = problem.hypers.tensors.map((tensor, i) =>
    tensor.perStep ? gather(symbols.natural[i]!, t) : undefined,
  );
  const at = new Map(problem.hypers.tensors.map((tensor, i) => [tensor.name, picked[i] ?? symbols.natural[i]!]));
  return { picked, tree: problem.hypers.arrange((name) => at.get(name)!) };
}
