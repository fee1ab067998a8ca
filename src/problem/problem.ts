import { substream } from "../data/random.ts";
import type { Dataset, Split } from "../data/dataset.ts";
import type { Dynamics } from "../dynamics/dynamics.ts";
import { DrmadError } from "../errors.ts";
import { sizeOf, type Shape } from "../tensor/shape.ts";
import { input } from "../tensor/layout.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { leavesOf, mapTree } from "../tensor/tree.ts";
import { epochSampler, type Sampler } from "./batches.ts";
import type { AnySpec, Experiment } from "./experiment.ts";
import { layoutHypers, type HyperLayout } from "./hyper.ts";
import { isParameter } from "./parameter.ts";

export interface WeightLeaf {
  readonly path: string;
  readonly shape: Shape;
  /** Values drawn for this seed. */
  readonly drawn: Float64Array;
}

/** An experiment with its data loaded and everything random fixed by a seed. */
export interface Problem {
  readonly name: string;
  readonly seed: number;
  readonly steps: number;
  readonly data: Dataset;
  readonly weights: readonly WeightLeaf[];
  readonly hypers: HyperLayout;
  /** The training algorithm, given the hyperparameters as losses see them. */
  dynamics(h: unknown): Dynamics;
  /** Tensors that it keeps for each weight tensor. */
  readonly slots: readonly string[];
  /** Rows of a minibatch, or undefined for the whole training set. */
  readonly batch: number | undefined;
  readonly sampler: Sampler;
  /** The losses over trees of tensors, as the experiment wrote them. */
  readonly spec: AnySpec;
  /** Nests tensors, given by their weight's path, like the parameters. */
  weightTree(value: (path: string) => Tensor): unknown;
}

export interface ResolveOptions {
  readonly seed?: number;
  /** Replaces the experiment's number of training steps. */
  readonly steps?: number;
}

const fault = (message: string, hint: string): DrmadError => new DrmadError("invalid-experiment", message, { hint });

function wholeNumber(value: number, what: string): void {
  if (!Number.isInteger(value) || value < 1) {
    throw fault(`${what} is ${value}`, "It must be a whole number, at least 1.");
  }
}

function checkSplit(name: string, split: Split | undefined, like: Split): void {
  if (split === undefined)
    throw fault(`the data has no ${name} split`, "Give train and valid, each a record of arrays.");
  const entries = Object.entries(split);
  const rows = entries[0]?.[1].shape[0];
  if (rows === undefined || rows === 0)
    throw fault(`the ${name} split is empty`, "Give at least one array with at least one row.");
  const missing = Object.keys(like).find((key) => !(key in split));
  if (missing !== undefined)
    throw fault(`the ${name} split has no ${missing}, train has`, "All splits hold the same arrays, row for row.");
  for (const [key, array] of entries) {
    if (array.data.length !== sizeOf(array.shape)) {
      throw fault(
        `${name}.${key} has ${array.data.length} elements for shape [${array.shape.join(", ")}]`,
        "Make the shape fit the data.",
      );
    }
    if (array.shape[0] !== rows) {
      throw fault(
        `${name}.${key} has ${array.shape[0]} rows, ${name}.${entries[0]![0]} has ${rows}`,
        "Arrays of a split share their first axis.",
      );
    }
    const other = like[key]?.shape.slice(1).join();
    if (other !== array.shape.slice(1).join()) {
      throw fault(
        `rows of ${name}.${key} and train.${key} differ in shape`,
        "All splits hold the same arrays, row for row.",
      );
    }
  }
}

export const rowsOf = (split: Split): number => Object.values(split)[0]!.shape[0]!;

/** Loads the data and fixes everything random: split, initial weights and minibatches are functions of the seed. */
export async function resolveProblem(experiment: Experiment, options: ResolveOptions = {}): Promise<Problem> {
  const { spec } = experiment;
  const seed = options.seed ?? 0;
  const steps = options.steps ?? spec.train.steps;
  wholeNumber(steps, "the number of training steps");
  const data = await (typeof spec.data === "function" ? spec.data(seed) : spec.data);
  checkSplit("train", data.train, data.train ?? {});
  checkSplit("valid", data.valid, data.train);
  if (data.test !== undefined) checkSplit("test", data.test, data.train);

  const params = leavesOf(spec.params, isParameter);
  if (params.length === 0)
    throw fault("the experiment has no weights", "Give params, for example nn.mlp([64, 50, 10]).");
  const weights = params.map(({ path, value }) => ({
    path,
    shape: value.shape,
    drawn: value.draw(substream(seed, "weights", path)),
  }));

  const rows = rowsOf(data.train);
  const { batch } = spec.train;
  if (batch !== undefined) wholeNumber(batch, "the minibatch size");
  if (batch !== undefined && batch > rows) {
    throw fault(
      `a minibatch of ${batch} is larger than the training set of ${rows}`,
      "Choose a smaller batch, or leave it out to use every row.",
    );
  }
  const chosen = spec.train.rows;
  const sampler: Sampler =
    chosen === undefined
      ? epochSampler(seed, rows, batch ?? rows)
      : (t) => checkRows(chosen(t, seed), t, batch ?? rows, rows);

  const hypers = layoutHypers(spec.hyper, spec.params, steps);
  const chosenDynamics = spec.train.dynamics;
  const dynamics = (h: unknown): Dynamics =>
    typeof chosenDynamics === "function" ? chosenDynamics(h) : chosenDynamics;

  return {
    name: spec.name ?? "experiment",
    seed,
    steps,
    data,
    weights,
    hypers,
    dynamics,
    slots: dynamics(hypers.arrange((name) => input(name, stepShape(hypers, name)))).slots,
    batch,
    sampler,
    spec,
    weightTree: (value) => mapTree(spec.params, isParameter, (_, path) => value(path)),
  };
}

/** A hyperparameter's shape at one step. */
function stepShape(hypers: HyperLayout, name: string): Shape {
  const { shape, perStep } = hypers.tensors.find((t) => t.name === name)!;
  return perStep ? shape.slice(1) : shape;
}

function checkRows(chosen: Int32Array, t: number, batch: number, rows: number): Int32Array {
  if (chosen.length !== batch || chosen.some((row) => row < 0 || row >= rows)) {
    throw fault(
      `train.rows(${t}) gave ${chosen.length} rows, some perhaps outside 0…${rows - 1}`,
      `Return an Int32Array of ${batch} row numbers of the training set.`,
    );
  }
  return chosen;
}
