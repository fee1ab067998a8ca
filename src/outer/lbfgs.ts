import { mapPoint, moved, normOf, type Point } from "../data/point.ts";
import { DrmadError, requireOptions } from "../errors.ts";
import { positive, positiveRate, type OuterOptimizer } from "./optimizer.ts";
import { isCurved, timesInverseHessian, type CurvaturePair } from "./two-loop.ts";

export interface LbfgsOptions {
  /** Euclidean length of the first step, in unconstrained coordinates. */
  readonly rate: number;
  /** Pairs of steps and gradient changes that are kept. Default 10. */
  readonly memory?: number;
  /** No step is longer than this. Default: ten times the rate. */
  readonly longest?: number;
}

/** Where the last step came from, and what is known of the curvature. */
export interface LbfgsState {
  /** The gradient that the last step was made of, and that step; absent at first. */
  readonly last?: { readonly gradient: Point; readonly change: Point };
  /** The lowest point's outer loss, where losses are told. */
  readonly value?: number;
  /** How often in a row the last step was halved. */
  readonly halvings: number;
  /** Oldest first. */
  readonly pairs: readonly CurvaturePair[];
}

/** A step is at most so many times as long as the one before: at a minimum, pairs are rounding and could send it far away. */
const MOST_GROWTH = 10;
/** A step that is not better after so many halvings is taken as it is, and what is known of the curvature forgotten. */
const MOST_HALVINGS = 6;

/**
 * Limited-memory BFGS: u ← u − H g, where H approximates the inverse Hessian from the latest steps and the changes of the
 * hypergradient along them (`timesInverseHessian`). The first step is −α g/‖g‖. Pairs without upward curvature are left out.
 *
 * There is no line search, for every outer evaluation is a whole training. Two safeguards stand in for it: no step is longer
 * than `longest` or ten times the one before, and where a step raised the outer loss, the next one goes back half of it (so
 * that the run spends a training, and no more than six in a row, on finding the length), with what was learnt of the
 * curvature kept.
 *
 * Right: for exact hypergradients of a smooth outer loss, from the same training every time: one seed, or the mean over
 * fixed seeds. Wrong: for approximate or noisy gradients (`drmad`, `evograd`, `persistentEvolution`), whose changes are no
 * curvature, and on chaotic losses; `adam` stands noise. Clipping its gradients falsifies the curvature: use `longest`.
 *
 * Deterministic. Memory: 2 numbers a hyperparameter and pair, and two more. A zero gradient moves nothing.
 *
 * Source: Nocedal 1980; Liu and Nocedal 1989, "On the limited memory BFGS method for large scale optimization".
 */
export function lbfgs(options: LbfgsOptions): OuterOptimizer<LbfgsState> {
  requireOptions("outer.lbfgs", options, { rate: "number", memory: "number?", longest: "number?" });
  const { rate, memory = 10, longest } = options;
  positiveRate("lbfgs", rate);
  if (!Number.isInteger(memory) || memory < 1) {
    throw new DrmadError("invalid-argument", `lbfgs has memory ${memory}`, {
      hint: "Give a whole number of pairs, at least 1.",
    });
  }
  const most = positive("lbfgs", "longest", longest ?? 10 * rate);
  const shortened = (step: Point, before: number): Point =>
    scaled(step, Math.min(1, Math.min(most, before === 0 ? most : MOST_GROWTH * before) / normOf(step)));

  return {
    name: `lbfgs(${rate})`,
    settings: { rate, memory, longest: most },
    init: () => ({ halvings: 0, pairs: [] }),
    update(gradient, { last, value: lowest, halvings, pairs: known }, value) {
      const seen = last === undefined ? known : withPair(known, last, gradient).slice(-memory);
      const rose = value !== undefined && lowest !== undefined && value > lowest;
      if (rose && last !== undefined && halvings < MOST_HALVINGS) {
        // First from the end of the step to its middle, then on towards where it began.
        const change = scaled(last.change, halvings === 0 ? -0.5 : 0.5);
        return { change, state: { last: { gradient, change }, value: lowest, halvings: halvings + 1, pairs: seen } };
      }
      const pairs = rose ? [] : seen;
      const before = last === undefined ? 0 : normOf(last.change);
      // Where it begins anew it is near a minimum, or the gradients do not fit the losses: it keeps to short steps.
      const downhill =
        pairs.length === 0 ? steepest(gradient, rose ? before : rate) : timesInverseHessian(gradient, pairs);
      const change = shortened(scaled(downhill, -1), before);
      return {
        change,
        state: { last: { gradient, change }, ...(value === undefined ? {} : { value }), halvings: 0, pairs },
      };
    },
    withRate: (other) => lbfgs({ rate: other, memory, ...(longest === undefined ? {} : { longest }) }),
  };
}

const scaled = (point: Point, by: number): Point => mapPoint(point, (v) => by * v);

/** The gradient at a given length; zero where it is. */
const steepest = (gradient: Point, length: number): Point => scaled(gradient, length / (normOf(gradient) || 1));

function withPair(pairs: readonly CurvaturePair[], last: { gradient: Point; change: Point }, gradient: Point) {
  const pair = { step: last.change, change: moved(gradient, last.gradient, -1) };
  return isCurved(pair) ? [...pairs, pair] : pairs;
}
