import type { NdArray } from "../data/dataset.ts";
import { substream } from "../data/random.ts";
import { DrmadError, requireOptions, shownValue } from "../errors.ts";
import { constant } from "../tensor/elementwise.ts";
import { showShape, sizeOf, type Shape } from "../tensor/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { leavesOf, mapTree } from "../tensor/tree.ts";
import { isParameter, type Parameter, type TensorsOf } from "./parameter.ts";
import { toUnconstrained, transformOf, type Transform, type TransformOptions } from "./transform.ts";

/** How many values a hyperparameter has, and which weights share one. */
export type Sharing = "scalar" | "network" | "layer" | "tensor" | "unit" | "input" | "weight" | "array";

export interface HyperOptions extends TransformOptions {
  /** One value (of whatever is shared) for every training step. */
  readonly perStep?: boolean;
}

export interface TreeOptions extends HyperOptions {
  /** Leave vectors (biases) out: they keep this number, which is not tuned. */
  readonly biases?: number;
}

const HYPER_OPTIONS = { transform: "text?", bounds: "list?", perStep: "boolean?" } as const;
const TREE_OPTIONS = { ...HYPER_OPTIONS, biases: "number?" } as const;

/** A hyperparameter as an experiment states it. `K` tells how losses see it: as one tensor, or as a tree like the weights. */
export interface Hyper<K extends "tensor" | "tree" = "tensor" | "tree"> {
  readonly hyper: K;
  readonly sharing: Sharing;
  readonly value: number | NdArray | Parameter;
  readonly options: TreeOptions;
}

export const isHyper = (value: unknown): value is Hyper =>
  typeof value === "object" && value !== null && "hyper" in value && "sharing" in value;

function requireNumber(what: string, value: number): void {
  if (typeof value === "number") return;
  throw new DrmadError(
    "invalid-argument",
    `${what} starts at ${value === undefined ? "nothing" : shownValue(value)}, not at a number`,
    {
      hint: "Give the natural value that it starts from first; hyper.array takes arrays.",
    },
  );
}

const tree =
  (name: string, sharing: Sharing) =>
  (value: number, options: TreeOptions = {}): Hyper<"tree"> => {
    requireNumber(name, value);
    requireOptions(name, options, TREE_OPTIONS);
    transformOf(options);
    const { biases } = options;
    if (biases !== undefined && !Number.isFinite(biases)) {
      throw new DrmadError("invalid-argument", `${name} is given biases: ${biases}`, {
        hint: "It must be a finite number.",
      });
    }
    return { hyper: "tree", sharing, value, options };
  };

/**
 * Hyperparameters by what shares one value. `value` is the natural value they start from, strictly inside the interval of
 * the transform: above 0 for `log` and `softplus`, between 0 and 1 for `logit`, between the two for `bounds`. What a use asks
 * for is chosen here: `log` for rates and penalties (above 0), `logit` for decays (from 0, below 1).
 *
 * A weight matrix has shape [inputs, units]; a bias vector [units] has one (constant) input. Each tensor of a tree broadcasts
 * to the weights at its path. With `perStep` the training loss and the dynamics see the value of the step, of the shape said
 * below; every other loss sees a leading axis of steps.
 *
 * Errors: invalid-argument for an option that does not exist. As the experiment is opened: invalid-argument for a value outside
 * its interval, or an array that does not fill its shape; unused-hyperparameter for any tensor that nothing depends on.
 */
export const hyper: {
  /** One number: a tensor of shape []. */
  scalar(value: number, options?: HyperOptions): Hyper<"tensor">;
  /**
   * A free array of any shape: example weights, training inputs, sharing matrices. It starts from the given values, or from
   * those of a parameter such as `nn.constant([500], 0.5)` or `nn.normal([10, 64], 0.1)`, drawn for the seed.
   */
  array(value: NdArray | Parameter, options?: HyperOptions): Hyper<"tensor">;
  /** One number for all weights, laid out like them, each of shape []; unlike a scalar it can leave the biases out. */
  perNetwork(value: number, options?: TreeOptions): Hyper<"tree">;
  /** One number, of shape [], for all the weights that stand beside each other in the parameter tree. */
  perLayer(value: number, options?: TreeOptions): Hyper<"tree">;
  /** One number, of shape [], for each weight tensor: a layer's weights and its biases apart. */
  perTensor(value: number, options?: TreeOptions): Hyper<"tree">;
  /** One number for the weights into each unit: [1, units], and [units] for biases. */
  perUnit(value: number, options?: TreeOptions): Hyper<"tree">;
  /** One number for the weights out of each input of a layer: [inputs, 1], and [1] for biases. */
  perInput(value: number, options?: TreeOptions): Hyper<"tree">;
  /** One number for each weight, of the weights' own shape. */
  perWeight(value: number, options?: TreeOptions): Hyper<"tree">;
} = {
  scalar(value, options = {}) {
    requireNumber("hyper.scalar", value);
    requireOptions("hyper.scalar", options, HYPER_OPTIONS);
    transformOf(options);
    return { hyper: "tensor", sharing: "scalar", value, options };
  },
  array(value, options = {}) {
    if (!isParameter(value) && !(ArrayBuffer.isView(value?.data) && Array.isArray(value.shape))) {
      throw new DrmadError(
        "invalid-argument",
        `hyper.array starts at ${value === undefined ? "nothing" : "no array"}`,
        {
          hint: "Give { data, shape } with a typed array, or a parameter such as nn.constant([500], 0.5).",
        },
      );
    }
    requireOptions("hyper.array", options, HYPER_OPTIONS);
    transformOf(options);
    return { hyper: "tensor", sharing: "array", value, options };
  },
  perNetwork: tree("hyper.perNetwork", "network"),
  perLayer: tree("hyper.perLayer", "layer"),
  perTensor: tree("hyper.perTensor", "tensor"),
  perUnit: tree("hyper.perUnit", "unit"),
  perInput: tree("hyper.perInput", "input"),
  perWeight: tree("hyper.perWeight", "weight"),
};

/** What the type of an experiment's hyperparameters must be. */
export type HypersLike<H> = { readonly [K in keyof H]: Hyper };

/** What a loss sees of each hyperparameter. */
export type HypersOf<H, P> = { readonly [K in keyof H]: H[K] extends Hyper<"tree"> ? TensorsOf<P> : Tensor };

/** One tensor of hyperparameters, in unconstrained coordinates: what is tuned. */
export interface HyperTensor {
  readonly name: string;
  /** With a leading axis of steps where `perStep`. */
  readonly shape: Shape;
  readonly perStep: boolean;
  readonly transform: Transform;
  /** Unconstrained coordinates to start from. */
  readonly start: Float64Array;
}

/** The tensors behind an experiment's hyperparameters, and how to lay them out for losses. */
export interface HyperLayout {
  readonly tensors: readonly HyperTensor[];
  /** @param value natural value of a tensor by its name, without the axis of steps where a single step is meant */
  arrange(value: (name: string) => Tensor): unknown;
}

const sharedShape: Record<Exclude<Sharing, "scalar" | "array" | "network" | "layer">, (shape: Shape) => Shape> = {
  tensor: () => [],
  unit: (shape) => (shape.length < 2 ? shape : [...shape.slice(0, -1).map(() => 1), shape[shape.length - 1]!]),
  input: (shape) => (shape.length < 2 ? shape.map(() => 1) : [...shape.slice(0, -1), 1]),
  weight: (shape) => shape,
};

/** Where one weight's value comes from: a tensor, or a number that is not tuned. */
type Source = { readonly tensor: string; readonly shape: Shape } | { readonly fixed: number };

function sourceOf(name: string, spec: Hyper, path: string, parameter: Parameter): Source {
  const { biases } = spec.options;
  if (biases !== undefined && parameter.shape.length < 2) return { fixed: biases };
  if (spec.sharing === "network") return { tensor: name, shape: [] };
  if (spec.sharing === "layer")
    return { tensor: `${name}.${path.split(".").slice(0, -1).join(".")}`.replace(/\.$/, ""), shape: [] };
  return {
    // A single parameter has the empty path.
    tensor: path === "" ? name : `${name}.${path}`,
    shape: sharedShape[spec.sharing as "tensor" | "unit" | "input" | "weight"](parameter.shape),
  };
}

const valueOf = ({ value }: Hyper, name: string, seed: number): number | NdArray =>
  isParameter(value) ? { data: value.draw(substream(seed, "hyper", name)), shape: value.shape } : value;

export function layoutHypers(
  hypers: Readonly<Record<string, Hyper>>,
  params: unknown,
  steps: number,
  seed = 0,
): HyperLayout {
  if (typeof hypers !== "object" || hypers === null || Object.keys(hypers).length === 0) {
    throw new DrmadError("invalid-experiment", "the experiment has no hyperparameters", {
      hint: "Give hyper, for example { l2: hyper.scalar(1e-4) }.",
    });
  }
  const tensors: HyperTensor[] = [];
  const declare = (name: string, shape: Shape, spec: Hyper, value: number | NdArray): void => {
    if (tensors.some((t) => t.name === name)) return;
    const perStep = spec.options.perStep === true;
    const full = perStep ? [steps, ...shape] : shape;
    const once =
      typeof value === "number" ? new Float64Array(sizeOf(shape)).fill(value) : Float64Array.from(value.data);
    const values = new Float64Array(sizeOf(full));
    for (let i = 0; i < values.length; i += once.length) values.set(once, i);
    const transform = transformOf(spec.options);
    tensors.push({ name, shape: full, perStep, transform, start: toUnconstrained(transform, values, name) });
  };

  const arrangements: [string, (value: (name: string) => Tensor) => unknown][] = [];
  for (const [name, spec] of Object.entries(hypers)) {
    if (!isHyper(spec)) {
      throw new DrmadError("invalid-experiment", `hyper.${name} is not a hyperparameter`, {
        hint: "Make it with hyper.scalar(value) or another function of hyper.",
      });
    }
    if (name.includes(".")) {
      throw new DrmadError("invalid-experiment", `hyperparameter "${name}" has a dot in its name`, {
        hint: "Dots join a hyperparameter's name and the path of the weights it belongs to: choose another name.",
      });
    }
    const value = valueOf(spec, name, seed);
    if (typeof value !== "number" && value.data.length !== sizeOf(value.shape)) {
      throw new DrmadError(
        "invalid-argument",
        `hyper.${name} has ${value.data.length} values for shape ${showShape(value.shape)}`,
        { hint: "Make the shape fit the values." },
      );
    }
    if (spec.hyper === "tensor") {
      declare(name, typeof value === "number" ? [] : value.shape, spec, value);
      arrangements.push([name, (at) => at(name)]);
      continue;
    }
    for (const { path, value: parameter } of leavesOf(params, isParameter)) {
      const source = sourceOf(name, spec, path, parameter);
      if ("tensor" in source) declare(source.tensor, source.shape, spec, value);
    }
    if (!tensors.some((t) => t.name === name || t.name.startsWith(`${name}.`))) {
      throw new DrmadError("invalid-experiment", `hyper.${name} tunes nothing: it leaves out every weight`, {
        hint: "The option biases leaves vectors out, and all weights here are vectors (or numbers).",
      });
    }
    arrangements.push([
      name,
      (at) =>
        mapTree(params, isParameter, (parameter, path) => {
          const source = sourceOf(name, spec, path, parameter);
          return "tensor" in source ? at(source.tensor) : constant(source.fixed);
        }),
    ]);
  }
  return {
    tensors,
    arrange: (value) => Object.fromEntries(arrangements.map(([name, make]) => [name, make(value)])),
  };
}
