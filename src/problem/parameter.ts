import { normal, type Uniform } from "../data/random.ts";
import { DrmadError } from "../errors.ts";
import { sizeOf, type Shape } from "../tensor/shape.ts";
import { isTensor, type Tensor } from "../tensor/tensor.ts";
import type { MapTree, TreeOf } from "../tensor/tree.ts";

/** One weight tensor of a model: its shape, and its initial value as a pure function of a random stream. */
export interface Parameter {
  readonly parameter: true;
  readonly shape: Shape;
  draw(next: Uniform): Float64Array;
}

/** What the type of an experiment's parameters must be. */
export type ParametersOf<P> = Parameter | { readonly [K in keyof P]: TreeOf<P[K], Parameter> };

/** The same nesting with tensors for parameters: what a loss receives. */
export type TensorsOf<P> = MapTree<P, Parameter, Tensor>;

export const isParameter = (value: unknown): value is Parameter =>
  typeof value === "object" && value !== null && (value as { parameter?: unknown }).parameter === true;

/** @throws DrmadError invalid-experiment where a tree holds anything but parameters, or their paths are ambiguous */
export function checkParameters(tree: unknown, path = "params"): void {
  if (isParameter(tree)) return;
  if (typeof tree !== "object" || tree === null || ArrayBuffer.isView(tree) || isTensor(tree)) {
    const what = isTensor(tree) ? "a tensor" : ArrayBuffer.isView(tree) ? "an array of numbers" : String(tree);
    throw new DrmadError("invalid-experiment", `${path} is ${what}, not a parameter`, {
      hint: "Make parameters with nn.normal, nn.uniform, nn.constant or nn.given, or whole models with nn.mlp([64, 50, 10]).",
    });
  }
  for (const [key, child] of Object.entries(tree)) {
    if (key === "" || key.includes(".")) {
      throw new DrmadError("invalid-experiment", `${path} has the key "${key}"`, {
        hint: "Dots join keys to the path of a weight: name parameters without dots, by one character at least.",
      });
    }
    checkParameters(child, `${path}.${key}`);
  }
}

function parameter(shape: Shape, draw: (next: Uniform) => Float64Array): Parameter {
  if (shape.some((d) => !Number.isInteger(d) || d < 1)) {
    throw new DrmadError("invalid-argument", `a parameter cannot have shape [${shape.join(", ")}]`, {
      hint: "Sizes are whole numbers, at least 1.",
    });
  }
  return { parameter: true, shape, draw };
}

/** Independent normal numbers of mean 0 and the given standard deviation. */
export const normalParameter = (shape: Shape, deviation: number): Parameter =>
  parameter(shape, (next) => Float64Array.from({ length: sizeOf(shape) }, () => deviation * normal(next)));

/** Independent uniform numbers of the half-open interval [low, high), from 0 to 1 unless told. */
export const uniformParameter = (shape: Shape, low = 0, high = 1): Parameter => {
  if (!(low <= high) || !Number.isFinite(high - low)) {
    throw new DrmadError("invalid-argument", `a parameter cannot be uniform in [${low}, ${high})`, {
      hint: "Give two finite numbers, the lower first.",
    });
  }
  return parameter(shape, (next) => Float64Array.from({ length: sizeOf(shape) }, () => low + (high - low) * next()));
};

/** One number in every element. */
export const constantParameter = (shape: Shape, value = 0): Parameter =>
  parameter(shape, () => new Float64Array(sizeOf(shape)).fill(value));

/** Given numbers, whatever the seed. */
export const givenParameter = (shape: Shape, values: ArrayLike<number>): Parameter => {
  if (values.length !== sizeOf(shape)) {
    throw new DrmadError(
      "invalid-argument",
      `${values.length} values do not fill a parameter of shape [${shape.join(", ")}]`,
    );
  }
  return parameter(shape, () => Float64Array.from(values));
};
