import { requireSeed, substream } from "../data/random.ts";
import type { Dataset, NdArray, Split } from "../data/dataset.ts";
import type { Dynamics } from "../dynamics/dynamics.ts";
import { DrmadError } from "../errors.ts";
import { sizeOf, type Shape } from "../tensor/shape.ts";
import { input } from "../tensor/layout.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { leavesOf, mapTree } from "../tensor/tree.ts";
import { epochSampler, type Sampler } from "./batches.ts";
import type { AnySpec, Experiment } from "./experiment.ts";
import { layoutHypers, type HyperLayout } from "./hyper.ts";
import { outsideDomain, settingUses, type SettingUse } from "./settings.ts";
import { checkParameters, isParameter } from "./parameter.ts";

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
  /** Hyperparameters that are settings of it as they are. */
  readonly settings: readonly SettingUse[];
  /** Whether these follow from how the weights move. */
  readonly recoverable: boolean;
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

const KINDS = [Float32Array, Float64Array, Uint8Array, Int32Array];
const kindOf = ({ data }: NdArray): string => (data instanceof Int32Array ? "integers" : "real numbers");

function checkArray(name: string, array: NdArray): void {
  const { data, shape } = (array ?? {}) as Partial<NdArray>;
  if (!KINDS.some((kind) => data instanceof kind)) {
    throw fault(
      `${name} has no typed array of data`,
      "An array is { data, shape }, with data a Float32Array, Float64Array, Uint8Array or (for labels) Int32Array.",
    );
  }
  if (!Array.isArray(shape) || shape.length === 0 || !shape.every((d) => Number.isInteger(d) && d >= 0)) {
    throw fault(
      `${name} has the shape ${Array.isArray(shape) ? `[${shape.join(", ")}]` : String(shape)}`,
      "A shape lists whole numbers, the number of rows first.",
    );
  }
  if (data!.length !== sizeOf(shape)) {
    throw fault(`${name} has ${data!.length} elements for shape [${shape.join(", ")}]`, "Make the shape fit the data.");
  }
}

/** Looks at every number, so it comes after the cheap checks. */
function checkValues(name: string, { data, shape }: NdArray): void {
  const whole = data instanceof Int32Array;
  const bad = data.findIndex((value) => (whole ? value < 0 : !Number.isFinite(value)));
  if (bad < 0) return;
  const row = Math.floor(bad / sizeOf(shape.slice(1)));
  throw fault(
    `${name} holds ${data[bad]} in row ${row}`,
    whole
      ? "Labels and indices are never negative; keep other numbers in a Float64Array."
      : "Every number must be finite: leave such rows out, or fill the gaps.",
  );
}

function checkSplit(name: string, split: Split | undefined, like: Split): void {
  if (typeof split !== "object" || split === null)
    throw fault(`the data has no ${name} split`, "Give train and valid, each a record of arrays.");
  const entries = Object.entries(split);
  for (const [key, array] of entries) checkArray(`${name}.${key}`, array);
  const rows = entries[0]?.[1].shape[0];
  if (rows === undefined || rows === 0)
    throw fault(`the ${name} split is empty`, "Give at least one array with at least one row.");
  const alike = "All splits hold the same arrays, row for row.";
  const missing = Object.keys(like).find((key) => !(key in split));
  if (missing !== undefined) throw fault(`the ${name} split has no ${missing}, train has`, alike);
  for (const [key, array] of entries) {
    if (array.shape[0] !== rows) {
      throw fault(
        `${name}.${key} has ${array.shape[0]} rows, ${name}.${entries[0]![0]} has ${rows}`,
        "Arrays of a split share their first axis.",
      );
    }
    const other = like[key];
    if (other === undefined) throw fault(`there is ${name}.${key}, but no train.${key}`, alike);
    if (other.shape.slice(1).join() !== array.shape.slice(1).join())
      throw fault(`rows of ${name}.${key} and train.${key} differ in shape`, alike);
    if (kindOf(other) !== kindOf(array)) {
      throw fault(
        `${name}.${key} holds ${kindOf(array)}, train.${key} ${kindOf(other)}`,
        "Integers (labels) are in an Int32Array in every split, real numbers in another kind of array.",
      );
    }
  }
  for (const [key, array] of entries) checkValues(`${name}.${key}`, array);
}

export const rowsOf = (split: Split): number => Object.values(split)[0]!.shape[0]!;

/** Loads the data and fixes everything random: split, initial weights and minibatches are functions of the seed. */
export async function resolveProblem(experiment: Experiment, options: ResolveOptions = {}): Promise<Problem> {
  const { spec } = experiment;
  const seed = options.seed ?? 0;
  requireSeed("the experiment", seed);
  const steps = options.steps ?? spec.train.steps;
  wholeNumber(steps, "the number of training steps");
  const data = await (typeof spec.data === "function" ? spec.data(seed) : spec.data);
  if (typeof data !== "object" || data === null)
    throw fault(`the data is ${String(data)}`, "Give { train, valid }, or a function of the seed that returns them.");
  checkSplit("train", data.train, data.train ?? {});
  checkSplit("valid", data.valid, data.train);
  if (data.test !== undefined) checkSplit("test", data.test, data.train);

  checkParameters(spec.params);
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
  if (chosen !== undefined && batch === undefined) {
    throw fault("train.rows chooses minibatches, but there is no train.batch", "Give batch: how many rows it returns.");
  }
  const sampler: Sampler =
    chosen === undefined
      ? epochSampler(seed, rows, batch ?? rows)
      : (t) => checkRows(chosen(t, seed), t, batch ?? rows, rows);

  const hypers = layoutHypers(spec.hyper, spec.params, steps, seed);
  const chosenDynamics = spec.train.dynamics;
  const dynamics = (h: unknown): Dynamics =>
    checkDynamics(typeof chosenDynamics === "function" ? chosenDynamics(h) : chosenDynamics);
  const traced = dynamics(hypers.arrange((name) => input(name, stepShape(hypers, name))));
  const { slots, recover } = traced;
  const settings = settingUses(traced, weights, hypers.tensors);
  checkStart(settings);

  return {
    name: spec.name ?? "experiment",
    seed,
    steps,
    data,
    weights,
    hypers,
    dynamics,
    slots,
    settings,
    recoverable: recover !== undefined,
    batch,
    sampler,
    spec,
    weightTree: (value) => mapTree(spec.params, isParameter, (_, path) => value(path)),
  };
}

function checkStart(settings: readonly SettingUse[]): void {
  const [bad] = outsideDomain(settings, (name) => settings.find(({ tensor }) => tensor.name === name)!.tensor.start);
  if (bad === undefined) return;
  const { tensor, value, setting, domain, transform } = bad;
  throw fault(
    `hyperparameter ${tensor.name} starts at ${value}, but it is ${setting}, which is ${domain}`,
    `Start it inside, and keep it there while it is tuned with { transform: "${transform}" }.`,
  );
}

/** A hyperparameter's shape at one step. */
function stepShape(hypers: HyperLayout, name: string): Shape {
  const { shape, perStep } = hypers.tensors.find((t) => t.name === name)!;
  return perStep ? shape.slice(1) : shape;
}

function checkDynamics(dynamics: Dynamics | undefined): Dynamics {
  if (typeof dynamics?.step !== "function" || !Array.isArray(dynamics.slots)) {
    throw fault(
      dynamics === undefined ? "the experiment has no train.dynamics" : "train.dynamics is not a training algorithm",
      "Give dynamics: momentum({ rate: 0.1, decay: 0.9 }) or sgd({ rate: 0.1 }), or a function that returns one.",
    );
  }
  return dynamics;
}

function checkRows(chosen: unknown, t: number, batch: number, rows: number): Int32Array {
  const hint = `Return an Int32Array of ${batch} row numbers of the training set.`;
  const wrong = (what: string): DrmadError => fault(`train.rows(${t}) gave ${what}`, hint);
  if (!(chosen instanceof Int32Array)) {
    const what = Array.isArray(chosen) ? "an array" : ((chosen as object | null)?.constructor?.name ?? String(chosen));
    throw wrong(`${what}, not an Int32Array`);
  }
  if (chosen.length !== batch) throw wrong(`${chosen.length} rows for a minibatch of ${batch}`);
  const outside = chosen.find((row) => row < 0 || row >= rows);
  if (outside !== undefined) throw wrong(`the row ${outside}, outside 0…${rows - 1}`);
  return chosen;
}
