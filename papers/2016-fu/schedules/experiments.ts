import { outer, type Method } from "drmad";
import type { ReproductionContext } from "../../../src/cli/reproduction.ts";
import { constant, drawn, schedules, type Size } from "../../2015-maclaurin/schedules/experiments.ts";
import { moved, plain, type Plain, typed } from "../../descent.ts";
import { evaluated, onRollout, type Rollout, unlessDiverged } from "../../rollout.ts";
import { cosine, product } from "../../statistics.ts";

/** A hypergradient at a point, in numbers that survive JSON. */
export interface Found {
  readonly value: number;
  readonly growth: number;
  readonly gradient: Plain;
  /** The largest number of the direct part, which is 0 here. */
  readonly direct: number;
}

/** Null where training or the sweep does not stay finite. */
export async function found(rollout: Rollout, point: Plain, method: Method): Promise<Found | null> {
  const result = await unlessDiverged(() => method.run(rollout.at(typed(point))));
  if (result === undefined) return null;
  const { value, growth, gradient, direct, final } = result;
  rollout.free(final);
  const numbers = [value, growth, ...Object.values(gradient).flatMap((each) => [...each])];
  if (!numbers.every(Number.isFinite)) return null;
  const largest = Math.max(...Object.values(direct).map((each) => Math.max(...each.map(Math.abs))));
  return { value, growth, gradient: plain(gradient), direct: largest };
}

/** How a hypergradient agrees with the exact one, over some hyperparameters. */
export interface Agreement {
  readonly cosine: number;
  /** ‖it‖ / ‖exact‖ */
  readonly length: number;
  /** Share of the coordinates that the exact one is not 0 in whose sign is right; a 0 is not. */
  readonly signs: number;
}

/** Not the initial scales, whose eight numbers would outweigh all others. */
export const SCHEDULES: readonly string[] = ["rate", "decay"];

export function agreement(a: Plain, exact: Plain, names: readonly string[] = SCHEDULES): Agreement {
  const [u, v] = [a, exact].map((of) => names.flatMap((name) => [...of[name]!])) as [number[], number[]];
  const signed = v.flatMap((vi, i) => (vi === 0 ? [] : [Math.sign(vi) === Math.sign(u[i]!)]));
  return {
    cosine: cosine(u, v),
    length: Math.sqrt(product(u, u) / product(v, v)),
    signs: signed.filter((right) => right).length / signed.length,
  };
}

/** A way to learn schedules, and its method at an outer step. */
export interface Way {
  readonly name: string;
  readonly control?: true;
  readonly method: (step: number) => Method;
}

/** What a way learned, by outer step; shorter than the others where a run diverged. */
export interface Course {
  readonly points: readonly Plain[];
  readonly curve: readonly number[];
  readonly growth: readonly number[];
}

export interface Learning {
  readonly tuningSeed: number;
  readonly outerSteps: number;
  /** Outer steps from one measurement of the approximations along the first way's course to the next. */
  readonly every: number;
}

interface Step {
  readonly found: Readonly<Record<string, Found | null>>;
  /** Final training loss with the constants that a search tries here, each on the seed of its step. */
  readonly tried: number | null;
  /** Of the other ways' methods where the first way has come to. */
  readonly agreements: Readonly<Record<string, Agreement | null>>;
}

export interface Learned {
  readonly courses: ReadonlyMap<string, Course>;
  /** By number of the draw. */
  readonly tried: readonly (number | null)[];
  readonly along: readonly { readonly step: number; readonly agreements: Step["agreements"] }[];
}

/**
 * All ways descend with Adam from the same start, each with the hypergradients of its own method, on the same seeds of initial
 * weights and minibatches: another one at every outer step. A search of constants has one training on each of these seeds. Like several
 * `descent`, but a step of all ways is one part of the work, on one compiled rollout.
 */
export async function sideBySide(
  ways: readonly Way[],
  start: Plain,
  size: Size & Learning,
  { folder, part, signal }: ReproductionContext,
): Promise<Learned> {
  const experiment = schedules(folder("mnist"), size);
  const optimizer = outer.adam({ rate: 0.04 });
  const at = new Map(ways.map(({ name }) => [name, { point: typed(start), state: optimizer.init(typed(start)) }]));
  const courses = new Map(
    ways.map(({ name }) => [name, { points: [] as Plain[], curve: [] as number[], growth: [] as number[] }]),
  );
  const stopped = new Set<string>();
  const tried: (number | null)[] = [];
  const along: Learned["along"][number][] = [];
  const first = ways[0]!;
  for (let step = 0; step < size.outerSteps; step++) {
    const compute = (): Promise<Step> =>
      onRollout(experiment, { seed: size.tuningSeed + step, signal }, async (rollout) => {
        const gradients: Record<string, Found | null> = {};
        for (const { name, method } of ways)
          gradients[name] = stopped.has(name) ? null : await found(rollout, plain(at.get(name)!.point), method(step));
        const agreements: Record<string, Agreement | null> = {};
        const exact = gradients[first.name];
        if (step % size.every === 0 && exact != null) {
          for (const { name, method, control } of ways) {
            if (name === first.name || control === true) continue;
            const other = await found(rollout, plain(at.get(first.name)!.point), method(step));
            agreements[name] = other === null ? null : agreement(other.gradient, exact.gradient);
          }
        }
        const trial = rollout.at(typed(constant(size, drawn(step))));
        const judged = await unlessDiverged(() => evaluated(trial, ["valid"]));
        return { found: gradients, agreements, tried: judged?.valid["loss"] ?? null };
      });
    const done = await part(`outer step ${step}`, compute);
    tried.push(done.tried);
    if (step % size.every === 0) along.push({ step, agreements: done.agreements });
    for (const { name } of ways) {
      const result = done.found[name]!;
      if (result === null) {
        stopped.add(name);
        continue;
      }
      const { point, state } = at.get(name)!;
      const course = courses.get(name)!;
      course.points.push(plain(point));
      course.curve.push(result.value);
      course.growth.push(result.growth);
      const update = optimizer.update(typed(result.gradient), state);
      at.set(name, { point: moved(point, update.change), state: update.state });
    }
  }
  return { courses, tried, along };
}
