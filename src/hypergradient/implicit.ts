import { DrmadError, requireOptions } from "../errors.ts";
import type { Buffers, Curvature, Outer, Rollout } from "../rollout/rollout.ts";
import { inner, norm, residualOf } from "./krylov.ts";
import type { Method } from "./method.ts";
import { solve, SOLVERS, type Solver } from "./solve.ts";

/** Most that f may still have to move, relative to what the implicit part would move it by for one unit of λ. */
const UNFINISHED = 0.1;
/** What f may have to move in any case, relative to f: near the best λ the implicit part is small as well. */
const NOTHING_TO_GAIN = 1e-4;

export interface ImplicitOptions {
  /** "cg" unless told. */
  readonly solver?: Solver;
  /** Accepted ‖∇w f − H x‖ / ‖∇w f‖: 1e-6 unless told, 1e-4 in float32. */
  readonly tolerance?: number;
  /** 1000 unless told. */
  readonly iterations?: number;
  /** η of "neumann": 1 / (largest curvature, estimated) unless told. */
  readonly rate?: number;
  /** Gives the number at no minimum too, and with x as far as the solver came. */
  readonly force?: boolean;
}

const fault = (what: string, hint: string): DrmadError =>
  new DrmadError("invalid-argument", `implicit has ${what}`, { hint });

function checkOptions(options: ImplicitOptions): void {
  const names = { solver: "text?", tolerance: "number?", iterations: "number?", rate: "number?", force: "boolean?" } as const; // prettier-ignore
  requireOptions("methods.implicit", options, names);
  const { solver = "cg", tolerance = 1, iterations = 1, rate } = options;
  if (!SOLVERS.includes(solver)) throw fault(`solver ${JSON.stringify(solver)}`, `Give one of ${SOLVERS.join(", ")}.`);
  if (!(tolerance > 0 && tolerance < Infinity)) throw fault(`tolerance ${tolerance}`, "Give a number above 0.");
  if (!Number.isInteger(iterations) || iterations < 1)
    throw fault(`${iterations} iterations`, "Give a whole number, at least 1.");
  if (rate === undefined) return;
  if (solver !== "neumann") throw fault(`a rate for ${solver}`, "Only neumann has one.");
  if (!(rate > 0 && rate < Infinity)) throw fault(`rate ${rate}`, "Give a number above 0.");
}

type Ending = Pick<Outer, "value" | "direct"> & { readonly final: Buffers; readonly b: Float64Array };

async function trained(rollout: Rollout, curvature: Curvature): Promise<Ending> {
  const start = await rollout.start();
  const { final } = await rollout.train(start).finally(() => rollout.free(start));
  try {
    const { value, direct, adjoint } = await rollout.outer(final);
    const b = await curvature.flat(adjoint).finally(() => rollout.free(adjoint));
    return { final, value, direct, b };
  } catch (error) {
    rollout.free(final);
    throw error;
  }
}

/**
 * The implicit function theorem at the end of training, with L the training loss on the whole training split:
 *
 *     H x = ∇w f(w_T),   H = ∇²L(w_T),       df/dλ = ∂f/∂λ − ∂λ⟨∇w L, x⟩
 *
 * Right where training ends at an isolated minimum of L, whatever way it took there; for any number of hyperparameters
 * inside the loss. It refuses anything else unless forced: where |⟨x, ∇L⟩|, the change of f that one Newton step to the
 * minimum would still make, is above a tenth of the implicit part's norm (what a unit of λ moves f by) and above 1e-4 |f|.
 * On convex problems it was 0.5 to 12 times the gradient's relative error, where that was below 0.2. It does not depend on
 * the scale of L, f or w, but can be small by accident. Rates, decays and initial weights have no gradient here.
 *
 * "cg" needs H positive definite; "normal-cg" not, at twice the products and the square of its condition number; "neumann"
 * and "fixed-point" (the adjoint of the training step on the whole split, at the run's own rate and decay) are slower and
 * stable when cut short. A loss that sums over its minibatch weighs penalties otherwise than its whole split does.
 *
 * Memory: some weight vectors. Cost: training, and a Hessian product with the whole split for each iteration.
 * Errors: `unsupported` for other hyperparameters; `not-stationary`; `not-converged` with the residual; `non-finite`.
 * Source: Bengio 2000; Pedregosa 2016; Lorraine, Vicol, Duvenaud 2020; fixed point: Grazzi et al. 2020.
 */
export function implicit(options: ImplicitOptions = {}): Method {
  checkOptions(options);
  const { solver = "cg", iterations = 1000, rate, force = false } = options;
  return {
    name: `implicit(${solver})`,
    exact: false,
    settings: { solver, tolerance: options.tolerance, iterations, rate, force },
    async run(rollout) {
      const curvature = rollout.curvature();
      const tolerance = options.tolerance ?? (rollout.engine.precision === "float64" ? 1e-6 : 1e-4);
      const { final, value, direct, b } = await trained(rollout, curvature);
      try {
        const found = await solve(solver, curvature, final, b, { tolerance, iterations }, rate);
        const left = await residualOf((v) => curvature.product(final, v), found.x, b);
        const residual = norm(left) / (norm(b) || 1);
        if (!force && !(residual <= tolerance)) {
          const why = found.breakdown === undefined ? "" : `: ${found.breakdown}`;
          throw new DrmadError(
            "not-converged",
            `${solver} left a residual of ${residual.toExponential(1)} after ${found.iterations} iterations, above ${tolerance}${why}`,
            { hint: "Train on to a minimum, try normal-cg or more iterations, or force what it has." },
          );
        }
        const { gradient, mixed } = await curvature.cross(final, found.x);
        const ahead = Math.abs(inner(found.x, gradient));
        const part = Math.sqrt(Object.values(mixed).reduce((sum, v) => sum + inner(v, v), 0));
        if (!force && ahead > UNFINISHED * part && ahead > NOTHING_TO_GAIN * Math.abs(value)) {
          throw new DrmadError(
            "not-stationary",
            `training ended short of a minimum of the training loss: on the way there the validation loss would still move by ` +
              `about ${ahead.toExponential(1)} (the implicit part is ${part.toExponential(1)}, ‖∇L‖ is ${norm(gradient).toExponential(1)})`,
            { hint: "Train longer or with larger minibatches, use reverse, or force the number." },
          );
        }
        const whole = Object.entries(direct).map(([name, d]) => [name, d.map((v, i) => v - mixed[name]![i]!)] as const);
        return { value, gradient: Object.fromEntries(whole), direct, growth: 1, final };
      } catch (error) {
        rollout.free(final);
        throw error;
      }
    },
  };
}
