import type { Point } from "../data/point.ts";
import type { Given } from "../hypergradient/fidelity.ts";
import type { Hypergradient, Method } from "../hypergradient/method.ts";
import type { SplitName } from "../rollout/programs.ts";
import type { Buffers, Rollout } from "../rollout/rollout.ts";
import { allAt, meanHypergradient, meanMetrics, onEach, trainEach, type SeedRun } from "./average.ts";
import { requireFiniteLoss } from "./checked.ts";
import type { InnerCurve, Metrics } from "./events.ts";
import { called, notFinite, requireFiniteMetrics, requireFinitePrior } from "./finite.ts";
import type { LossListener } from "./inner.ts";
import type { Told } from "./loop.ts";
import { standardError } from "./statistics.ts";

export interface Evaluating {
  /** The experiment under each of the study's seeds. */
  readonly runs: readonly SeedRun[];
  /** The method of an outer step for one of them; undefined at the last step, which only trains. */
  readonly methodAt: (step: number, run: number) => Method | undefined;
  readonly testCurve: boolean;
  readonly losses: LossListener;
  readonly warn: (message: string) => Promise<void>;
}

/** What is tested in the end. */
export type Tested = "start" | "best";

export interface Evaluator {
  /**
   * Trains at a point, with the hypergradient where its step has a method.
   * @param isBest whether a validation loss is lower than all before
   * @returns what the outer loop is told, and the hypergradient of the first seed
   */
  at(
    point: Point,
    step: number,
    isBest: (loss: number) => boolean,
  ): Promise<{ readonly found: Told; readonly first: Given | undefined }>;
  /** Whether the ends of both trainings that are tested are at hand. */
  holdsBoth(): boolean;
  /** Test metrics of a point, which is trained once more where that was in another process; undefined where not finite. */
  test(which: Tested, point: Point, step: number): Promise<Metrics | undefined>;
}

/** Evaluates points under every seed. The ends of training at the start and at the best step so far are held, to be tested. */
export function evaluator({ runs, methodAt, testCurve, losses, warn }: Evaluating): Evaluator {
  const { problem, rollout: owner } = runs[0]!;
  const held = new Map<Tested, readonly Buffers[]>();

  function hold(which: Tested, finals: readonly Buffers[]): void {
    const former = held.get(which);
    held.set(which, finals);
    if (former !== undefined && former !== held.get("start")) owner.free(...former);
  }

  /** By the method, whose training may have arithmetic of its own. */
  function trained(rollout: Rollout, step: number, i: number): Promise<Trained> {
    const method = methodAt(step, i);
    return method === undefined ? trainOnly(rollout) : timed(method, rollout);
  }

  /** They choose nothing, so where they are not finite the run goes on without them. */
  async function testMetrics(at: readonly SeedRun[], finals: readonly Buffers[], step: number) {
    const found = meanMetrics(await metrics(at, finals, "test"));
    const bad = notFinite(found);
    if (bad === undefined) return found;
    await warn(`${called(bad[0])} is ${bad[1]} on the test split at step ${step}: its test metrics are left out`);
    return undefined;
  }

  return {
    async at(point, step, isBest) {
      const begin = performance.now();
      const at = allAt(runs, point);
      let inner: InnerCurve | undefined;
      const results = await trainEach(at, async (rollout, i) => {
        if (i > 0) return trained(rollout, step, i);
        const [result, curve] = await losses.gather(problem.steps, () => trained(rollout, step, 0));
        inner = curve;
        return result;
      });
      const finals = results.map(({ final }) => final);
      const full = results.flatMap((result) => ("gradient" in result ? [result] : []));
      const test = testCurve ? await testMetrics(at, finals, step) : undefined;
      const train = meanMetrics(await finiteMetrics(at, finals, "train", step));
      const valid = await finiteMetrics(at, finals, "valid", step);
      const [prior] = await onEach(at.slice(0, 1), (rollout) => rollout.prior());
      if (prior !== undefined) requireFinitePrior(prior, step);
      const found: Told = {
        train,
        valid: meanMetrics(valid),
        ...(prior === undefined ? {} : { prior }),
        ...(valid.length === 1 ? {} : { validStandardError: standardError(valid.map(({ loss }) => loss)) }),
        ...(test === undefined ? {} : { test }),
        ...(full.length === 0 ? {} : { hypergradient: meanHypergradient(full) }),
        ...(full[0]?.chosen === undefined ? {} : { chosen: full[0].chosen }),
        ...(inner === undefined ? {} : { inner }),
        seconds: (performance.now() - begin) / 1000,
      };
      if (step === 0) hold("start", finals);
      if (isBest(found.valid.loss)) hold("best", finals);
      else owner.free(...finals);
      return { found, first: full[0] };
    },

    holdsBoth: () => held.has("start") && held.has("best"),

    async test(which, point, step) {
      const at = allAt(runs, point);
      if (!held.has(which)) {
        const again = await trainEach(at, (rollout, i) => trained(rollout, step, i));
        held.set(
          which,
          again.map(({ final }) => final),
        );
      }
      return testMetrics(at, held.get(which)!, step);
    },
  };
}

const metrics = (at: readonly SeedRun[], finals: readonly Buffers[], split: SplitName): Promise<Metrics[]> =>
  onEach(at, async (rollout, i) => (await rollout.evaluate(finals[i]!, split)) as Metrics);

const finiteMetrics = (
  at: readonly SeedRun[],
  finals: readonly Buffers[],
  split: "train" | "valid",
  step: number,
): Promise<Metrics[]> =>
  onEach(at, async (rollout, i) => {
    const found = (await rollout.evaluate(finals[i]!, split)) as Metrics;
    requireFiniteMetrics(found, split, step);
    return found;
  });

type Trained = (Hypergradient & { readonly seconds: number }) | { readonly final: Buffers };

async function trainOnly(rollout: Rollout): Promise<{ readonly final: Buffers }> {
  const start = await rollout.start();
  const { final } = await rollout.train(start).finally(() => rollout.free(start));
  await requireFiniteLoss(rollout, final).catch((error: unknown) => {
    rollout.free(final);
    throw error;
  });
  return { final };
}

async function timed(method: Method, rollout: Rollout): Promise<Hypergradient & { readonly seconds: number }> {
  const began = performance.now();
  const result = await method.run(rollout);
  return { ...result, seconds: (performance.now() - began) / 1000 };
}
