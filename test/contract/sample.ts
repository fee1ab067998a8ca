import { input, literal } from "../../src/tensor/layout.ts";
import type { Shape } from "../../src/tensor/shape.ts";
import { sizeOf } from "../../src/tensor/shape.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";

/** Where the numbers fed to a sample lie: of either sign and never near zero, or positive. */
export type Domain = "real" | "positive";

/** An expression of float inputs of given shapes, and of integer inputs of given values. */
export interface Sample {
  readonly name: string;
  readonly shapes: readonly Shape[];
  readonly domain: Domain;
  readonly integers: readonly (readonly number[])[];
  readonly build: (...inputs: readonly Tensor[]) => Tensor;
}

export const sample = (
  name: string,
  shapes: readonly Shape[],
  build: Sample["build"],
  options: { readonly domain?: Domain; readonly integers?: Sample["integers"] } = {},
): Sample => ({ name, shapes, build, domain: options.domain ?? "real", integers: options.integers ?? [] });

const fraction = (v: number): number => v - Math.floor(v);

/** Numbers with no pattern: all different, no two opposite, none within a quarter of zero. `first` continues a sequence. */
export function numbers(count: number, first = 0, domain: Domain = "real"): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => {
    const k = first + i + 1;
    // The power keeps multiples of one irrational number from adding up to whole numbers.
    const size = 0.3 + 1.4 * fraction(k * 0.618033988749895) ** 1.3;
    return domain === "real" && fraction(k * 0.7548776662466927) < 0.5 ? -size : size;
  });
}

export interface Feed {
  readonly data: Float64Array | Int32Array;
  readonly shape: Shape;
}

export interface Traced {
  readonly value: Tensor;
  /** The float inputs. */
  readonly xs: readonly Tensor[];
  readonly feeds: Readonly<Record<string, Feed>>;
}

/** A sample as a graph, with the numbers to feed it. */
export function trace(s: Sample): Traced {
  const feeds: Record<string, Feed> = {};
  let first = 0;
  const xs = s.shapes.map((shape, i) => {
    feeds[`x${i}`] = { data: numbers(sizeOf(shape), first, s.domain), shape };
    first += sizeOf(shape);
    return input(`x${i}`, shape);
  });
  const integers = s.integers.map((values, i) => {
    feeds[`i${i}`] = { data: Int32Array.from(values), shape: [values.length] };
    return input(`i${i}`, [values.length], "int");
  });
  return { value: s.build(...xs, ...integers), xs, feeds };
}

/** Generic weights of the given shapes, as constants of the graph: directions and cotangents. */
export const weights = (shapes: readonly Shape[], seed: number): readonly Tensor[] => {
  let first = seed;
  return shapes.map((shape) => {
    const data = numbers(sizeOf(shape), first);
    first += sizeOf(shape);
    return literal(data, shape);
  });
};
