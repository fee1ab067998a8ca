import { dense, grad, jvp, secondProduct, vjp } from "../../src/autodiff/transform.ts";
import type { NdArray } from "../../src/data/dataset.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { evaluate } from "../../src/engine/reference/engine.ts";
import { add, cast, mul } from "../../src/tensor/elementwise.ts";
import { toGraph, type Graph } from "../../src/tensor/graph.ts";
import { sum } from "../../src/tensor/reduce.ts";
import { sameShape } from "../../src/tensor/shape.ts";
import type { Tensor } from "../../src/tensor/tensor.ts";
import { runProgram } from "../run.ts";
import { numbers, trace, weights, type Feed, type Sample, type Traced } from "./sample.ts";

/** What the contract asks of every operation. A broken rule or kernel yields at least one finding. */
export type Clause =
  | "shapes" // tangents and cotangents have the shapes of what they belong to
  | "forward and reverse agree"
  | "forward difference" // central differences of the value tend to the forward-mode derivative
  | "reverse difference" // the same along a direction, for the gradient of a scalar
  | "second orders agree" // forward over reverse, reverse over reverse, reverse over forward
  | "second difference" // central differences of the gradient tend to the second product
  | "native value"
  | "native derivatives";

export interface Finding {
  readonly clause: Clause;
  readonly detail: string;
}

type Arrays = readonly Float64Array[];

const norm = (arrays: Arrays): number => Math.sqrt(arrays.reduce((s, x) => x.reduce((t, v) => t + v * v, s), 0));
const minus = (a: Arrays, b: Arrays): Arrays => a.map((x, i) => x.map((v, k) => v - b[i]![k]!));
const dot = (a: Arrays, b: Arrays): number =>
  a.reduce((s, x, i) => x.reduce((t, v, k) => t + v * (b[i]![k] ?? Number.NaN), s), 0);

const STEPS = [2 ** -8, 2 ** -9, 2 ** -10, 2 ** -11] as const;

/**
 * Central differences tend to the claimed derivative: they reach it to 1e-8, or the error falls fourfold with each
 * halving of the step. A derivative that is wrong by a constant leaves an error that stops falling.
 */
function tendsTo(claimed: Arrays, differenceAt: (h: number) => Arrays): string | undefined {
  const differences = STEPS.map(differenceAt);
  const scale = Math.max(norm(claimed), norm(differences.at(-1)!), 1e-9);
  const errors = differences.map((d) => norm(minus(d, claimed)) / scale);
  if (errors.at(-1)! <= 1e-8) return undefined;
  const ratios = errors.slice(1).map((e, i) => errors[i]! / e);
  if (ratios.every((r) => r > 3.6 && r < 4.4)) return undefined;
  return `relative errors ${errors.map((e) => e.toExponential(2)).join(", ")} at halved steps`;
}

/** A scalar of a tensor with generic first and second derivatives in every element: Σ a·y + ½ Σ b·y². */
function scalarOf(y: Tensor): Tensor {
  const real = y.dtype === "float" ? y : cast(y, "float");
  const [a, b] = weights([real.shape, real.shape], 500) as [Tensor, Tensor];
  return sum(add(mul(a, real), mul(0.5, mul(b, mul(real, real)))));
}

/** The derivatives of a sample that the contract looks at, as one graph. */
interface Derivatives extends Traced {
  readonly tangents: readonly Tensor[];
  readonly cotangent: Tensor;
  readonly graph: Graph;
  readonly misshapen: readonly string[];
}

const named = (name: string, tensors: readonly Tensor[]): Record<string, Tensor> =>
  Object.fromEntries(tensors.map((t, i) => [`${name}${i}`, t]));

function derive(s: Sample): Derivatives {
  const traced = trace(s);
  const { value, xs } = traced;
  const shapes = xs.map((x) => x.shape);
  const tangents = weights(shapes, 900);
  const [cotangent] = weights([value.shape], 700) as [Tensor];
  const scalar = scalarOf(value);
  const misshapen: string[] = [];
  const checked = (what: string, derivatives: readonly (Tensor | null)[], like: readonly Tensor[]): Tensor[] =>
    derivatives.map((d, i) => {
      if (d !== null && sameShape(d.shape, like[i]!.shape)) return d;
      if (d !== null) misshapen.push(`${what} ${i} has shape [${d.shape.join()}], not [${like[i]!.shape.join()}]`);
      return dense(null, like[i]!);
    });
  const isReal = value.dtype === "float";
  const tangent = checked("tangent", isReal ? jvp([value], xs, tangents) : [null], [value]);
  const cotangents = checked("cotangent", isReal ? vjp([value], xs, [cotangent]) : xs.map(() => null), xs);
  const gradient = checked("gradient", grad(scalar, xs), xs);
  const along = sum(gradient.reduce((total, g, i) => add(total, sum(mul(g, tangents[i]!))), mul(0, scalar)));
  const slope = jvp([scalar], xs, tangents)[0] ?? mul(0, scalar);
  const graph = toGraph({
    value,
    scalar,
    ...named("tangent", tangent),
    ...named("cotangent", cotangents),
    ...named("gradient", gradient),
    ...named("second", checked("second product", secondProduct(scalar, xs, tangents, xs), xs)),
    ...named("reverse over reverse", checked("reverse over reverse", grad(along, xs), xs)),
    ...named("reverse over forward", checked("reverse over forward", grad(slope, xs), xs)),
  });
  return { ...traced, tangents, cotangent, graph, misshapen };
}

/** The sample's numbers, moved by h along the tangents. */
function moved(
  d: Derivatives,
  directions: Arrays,
  h: number,
): Record<string, { data: Float64Array; shape: Feed["shape"] }> {
  return Object.fromEntries(
    Object.entries(d.feeds).map(([name, { data, shape }]) => {
      const direction = name.startsWith("x") ? directions[Number(name.slice(1))]! : undefined;
      return [
        name,
        { data: Float64Array.from(data, (v, k) => v + (direction === undefined ? 0 : h * direction[k]!)), shape },
      ];
    }),
  );
}

/** Everything the contract says about derivatives, decided by the interpreter and finite differences. */
export function derivativeFindings(s: Sample): readonly Finding[] {
  const d = derive(s);
  if (d.misshapen.length > 0) return [{ clause: "shapes", detail: d.misshapen.join("; ") }];
  const findings: Finding[] = [];
  const report = (clause: Clause, detail: string | undefined): void => {
    if (detail !== undefined) findings.push({ clause, detail });
  };
  let first = 900;
  const directions = d.xs.map((x) => {
    const count = x.shape.reduce((n, size) => n * size, 1);
    const direction = numbers(count, first);
    first += count;
    return direction;
  });
  const cotangent = [
    numbers(
      d.cotangent.shape.reduce((n, size) => n * size, 1),
      700,
    ),
  ];

  const at = (h: number): Record<string, { readonly data: Float64Array }> => evaluate(d.graph, moved(d, directions, h));
  const here = at(0);
  const several = (values: Record<string, { readonly data: Float64Array }>, name: string): Arrays =>
    d.xs.map((_, i) => values[`${name}${i}`]!.data);
  const differences =
    (read: (values: ReturnType<typeof at>) => Arrays) =>
    (h: number): Arrays =>
      minus(read(at(h)), read(at(-h))).map((x) => x.map((v) => v / (2 * h)));

  const tangent = [here["tangent0"]!.data];
  const cotangents = several(here, "cotangent");
  const forward = dot(cotangent, tangent);
  const reverse = dot(cotangents, directions);
  const size = norm(cotangent) * norm(tangent) + norm(cotangents) * norm(directions);
  if (!(Math.abs(forward - reverse) <= 1e-12 * size)) {
    report("forward and reverse agree", `${forward} forward, ${reverse} reverse`);
  }
  report(
    "forward difference",
    tendsTo(
      tangent,
      differences((v) => [v["value"]!.data]),
    ),
  );
  const slope = [Float64Array.of(dot(several(here, "gradient"), directions))];
  report(
    "reverse difference",
    tendsTo(
      slope,
      differences((v) => [v["scalar"]!.data]),
    ),
  );

  const second = several(here, "second");
  for (const other of ["reverse over reverse", "reverse over forward"]) {
    const error = norm(minus(several(here, other), second));
    if (!(error <= 1e-11 * Math.max(norm(second), 1e-3))) {
      report("second orders agree", `${other} differs from forward over reverse by ${error}`);
    }
  }
  report(
    "second difference",
    tendsTo(
      second,
      differences((v) => several(v, "gradient")),
    ),
  );
  return findings;
}

const TOLERANCE = { float64: 1e-12, float32: 2e-5 } as const;

async function nativeFinding(
  clause: Clause,
  graph: Graph,
  d: Derivatives,
  engine: Engine,
): Promise<readonly Finding[]> {
  const { precision } = engine.description;
  const round = (v: number): number => (precision === "float32" ? Math.fround(v) : v);
  const feeds = Object.fromEntries(
    Object.entries(d.feeds).map(([name, { data, shape }]): [string, NdArray] => [
      name,
      data instanceof Int32Array ? { data, shape } : { data: data.map(round), shape },
    ]),
  );
  const want = evaluate(
    graph,
    Object.fromEntries(Object.entries(feeds).map(([n, x]) => [n, { data: Float64Array.from(x.data), shape: x.shape }])),
  );
  const results = await runProgram(engine, { name: clause, graph }, feeds);
  const findings: Finding[] = [];
  for (const [name, got] of Object.entries(results)) {
    const { data, shape } = want[name]!;
    const error = norm([data.map((w, k) => (Object.is(w, got.data[k]) ? 0 : w - (got.data[k] ?? Number.NaN)))]);
    if (!sameShape(got.shape, shape)) {
      findings.push({ clause, detail: `${name} has shape [${got.shape.join()}], not [${shape.join()}]` });
    } else if (!(error <= TOLERANCE[precision] * Math.max(norm([data]), 1e-2))) {
      findings.push({ clause, detail: `${name} is ${got.data.join()}, not ${data.join()} (${precision})` });
    }
  }
  return findings;
}

/** The native engine against the interpreter: the value alone, and all derivatives together. */
export async function nativeFindings(s: Sample, engine: Engine): Promise<readonly Finding[]> {
  const d = derive(s);
  const value = await nativeFinding("native value", toGraph({ value: d.value }), d, engine);
  return [...value, ...(await nativeFinding("native derivatives", d.graph, d, engine))];
}
