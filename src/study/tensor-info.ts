import type { Problem } from "../problem/problem.ts";
import type { Sharing } from "../problem/hyper.ts";
import { hyperInputName } from "../rollout/hypers.ts";
import { startProgram, trainingLoss } from "../rollout/programs.ts";
import { inputsOf, toGraph, type Graph } from "../tensor/graph.ts";
import type { Shape } from "../tensor/shape.ts";

/** One tensor of hyperparameters, as it is known without the experiment. */
export interface TensorInfo {
  readonly name: string;
  /** With a leading axis of steps where `perStep`. */
  readonly shape: Shape;
  readonly perStep: boolean;
  /** Name of the transform, such as `log`. */
  readonly transform: string;
  /** What shares one of its values. */
  readonly sharing?: Sharing;
  /** The number that vectors (biases) keep, where they are left out of a hyperparameter that others share. */
  readonly biases?: number;
  /**
   * What its values reach: `train.loss`, `initial weights`, or a setting of the dynamics that they are as they stand, such as
   * `momentum's rate`. Empty where only something computed of them, or another loss, depends on them.
   */
  readonly uses?: readonly string[];
}

/** Names and shapes of the trained tensors, in the order of the experiment. */
export interface ParameterInfo {
  readonly path: string;
  readonly shape: Shape;
}

const reached = (graph: Graph): ReadonlySet<string> => new Set(inputsOf(graph).map(({ name }) => name));

/** The tuned tensors of an experiment, and what depends on each; its losses are traced once. */
export function tensorInfos(problem: Problem): readonly TensorInfo[] {
  const [loss, start] = [reached(toGraph({ loss: trainingLoss(problem) })), reached(startProgram(problem).graph)];
  return problem.hypers.tensors.map(({ name, shape, perStep, transform }) => {
    const settings = problem.settings.filter(({ tensor }) => tensor.name === name).map(({ setting }) => setting);
    const input = hyperInputName(name);
    const { sharing, options } = problem.spec.hyper[name.split(".")[0]!]!;
    const biases = "biases" in options && typeof options.biases === "number" ? options.biases : undefined;
    return {
      name,
      shape,
      perStep,
      transform: transform.name,
      sharing,
      ...(biases !== undefined && { biases }),
      uses: [
        ...(loss.has(input) ? ["train.loss"] : []),
        ...(start.has(input) ? ["initial weights"] : []),
        ...new Set(settings),
      ],
    };
  });
}
