import type { NdArray } from "../data/dataset.ts";
import type { Point } from "../data/point.ts";
import { DrmadError, requireOptions, shownValue } from "../errors.ts";
import { exactFor, measureFidelity, type FidelityReport } from "../hypergradient/fidelity.ts";
import type { Method } from "../hypergradient/method.ts";
import type { Experiment } from "../problem/experiment.ts";
import type { Problem } from "../problem/problem.ts";
import { toUnconstrained } from "../problem/transform.ts";
import type { Rollout } from "../rollout/rollout.ts";
import { checkedMethod } from "./checked.ts";
import { explained } from "./explained.ts";
import { openSession, requireExperiment, SESSION_OPTIONS, type SessionOptions } from "./session.ts";

export interface FidelityOptions extends SessionOptions {
  /** What to measure against; by default `reverse`, or `checkpointed` with about √T checkpoints where its states are many. */
  readonly exact?: Method;
  /** Natural values of the hyperparameters to measure at, such as `tune`'s `values`; the starting ones where left out. */
  readonly values?: Readonly<Record<string, NdArray>>;
}

/** The point of natural values; a hyperparameter's start where none is given. */
function pointOf(problem: Problem, values: Readonly<Record<string, NdArray>>): Point {
  const { tensors } = problem.hypers;
  const unknown = Object.keys(values).find((name) => !tensors.some((tensor) => tensor.name === name));
  if (unknown !== undefined) {
    throw new DrmadError("invalid-argument", `there is no hyperparameter tensor ${unknown} to give values to`, {
      hint: `The tensors are ${tensors.map(({ name }) => name).join(", ")}.`,
    });
  }
  return Object.fromEntries(
    tensors.map(({ name, start, transform }) => {
      const given = values[name];
      if (given === undefined) return [name, start];
      if (given.data.length !== start.length) {
        throw new DrmadError("invalid-argument", `${given.data.length} values for ${name}, which has ${start.length}`, {
          hint: "Give one for each of its numbers, as in the values of a result of tune.",
        });
      }
      return [name, toUnconstrained(transform, Float64Array.from(given.data), name)];
    }),
  );
}

/**
 * Measures how far a method's hypergradient is from the exact one on this very problem, at one point of it; see
 * `measureFidelity`. A method that gives no finite hypergradient, or refuses, is an outcome in the report.
 *
 * @throws DrmadError for bad input, and where the exact method has no hypergradient either
 */
export async function fidelity(
  experiment: Experiment,
  method: Method,
  options: FidelityOptions = {},
): Promise<FidelityReport> {
  requireExperiment(experiment);
  requireOptions("fidelity", options, { ...SESSION_OPTIONS, exact: "method?", values: "record?" });
  const checked = checkedMethod(method);
  const exact = options.exact === undefined ? undefined : checkedMethod(options.exact);
  const session = await openSession(experiment, options);
  try {
    const rollout =
      options.values === undefined ? session.rollout : session.rollout.at(pointOf(session.problem, options.values));
    return await measureFidelity(rollout, checked, { exact });
  } catch (error) {
    throw await explained(error, session.rollout);
  } finally {
    await session.close();
  }
}

/** When a study measures its method, and what that costs. */
export interface FidelityPlan {
  /** Outer steps from one measurement to the next; absent where only the first step and the chosen one are measured. */
  readonly every?: number;
  readonly exact: string;
  /** What one measurement costs, in plain trainings, about. */
  readonly trainings: number;
}

/** @throws DrmadError invalid-argument */
export function requireFidelity(asked: boolean | number): void {
  if (typeof asked === "boolean" || (Number.isInteger(asked) && asked >= 1)) return;
  throw new DrmadError("invalid-argument", `fidelity: ${shownValue(asked)}`, {
    hint: "Give true, or a whole number of outer steps, at least 1.",
  });
}

export function fidelityPlan(rollout: Rollout, asked: true | number): FidelityPlan {
  const { method, trainings } = exactFor(rollout);
  // One plain training to compare with; the method's own result is there already.
  return { ...(asked === true ? {} : { every: asked }), exact: method.name, trainings: trainings + 1 };
}

/** Whether the hypergradient of an outer step is to be measured. */
export const isMeasured = ({ every }: FidelityPlan, step: number): boolean =>
  every === undefined ? step === 0 : step % every === 0;
