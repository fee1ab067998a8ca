import { mapPoint, type Point } from "../data/point.ts";
import { DrmadError } from "../errors.ts";
import { GROWTH_LIMIT, type Rollout } from "../rollout/rollout.ts";
import { agreementOf, type Agreement } from "./agreement.ts";
import { checkpointed } from "./checkpointed.ts";
import type { Hypergradient, Method } from "./method.ts";
import { reverse } from "./reverse.ts";
import { directDominates, shown, trustOf, verdictOf, type Trust } from "./trust.ts";

/** Agreement of some coordinates, the part through training (gradient minus direct part) apart from the whole. */
export interface Parts {
  readonly coordinates: number;
  readonly total: Agreement;
  readonly through: Agreement;
  /**
   * The exact direct part ∂f/∂λ against the exact gradient: what is right without any differentiation through training.
   * Its `lengthRatio` is its share of the exact length, above 1 where the two parts cancel.
   */
  readonly direct: Agreement;
  readonly trust: Trust;
}

/** A hyperparameter, and each of its tensors where it has several. */
export interface GroupParts extends Parts {
  readonly tensors?: Readonly<Record<string, Parts>>;
}

export interface AdjointGrowth {
  /** max over t of ‖dw_t‖ / ‖dw_T‖; 1 where no adjoint was swept. */
  readonly growth: number;
  /** The training step at which it passed GROWTH_LIMIT, going back. */
  readonly growthPassedAt?: number;
}

/** Why a method has no hypergradient, where that is a finding and no mistake of the caller. */
export type Refusal = "non-finite" | "not-stationary" | "not-converged";
const REFUSALS: readonly string[] = ["non-finite", "not-stationary", "not-converged"] satisfies Refusal[];

interface Measured extends Parts {
  readonly outcome: "ok";
  /** By the name that the experiment gives. */
  readonly groups: Readonly<Record<string, GroupParts>>;
  readonly growth: AdjointGrowth;
}

interface Refused {
  readonly outcome: Refusal;
  readonly message: string;
  readonly trust: "none";
}

/** How far a method's hypergradient is from the exact one, at one point of one problem, in unconstrained coordinates. */
export type FidelityReport = (Measured | Refused) & {
  readonly method: string;
  /** The method that gave the exact hypergradient. */
  readonly exact: string;
  readonly exactGrowth: AdjointGrowth;
  /** Whether to trust the method here, one sentence. */
  readonly verdict: string;
  /** What else must be known to read the figures, a sentence each. */
  readonly remarks: readonly string[];
  /**
   * Seconds of one plain training, of the method and of the exact one. What ran for the first time was compiled first, and
   * that is in them.
   */
  readonly seconds: { readonly training: number; readonly method: number; readonly exact: number };
};

/** A hypergradient by the method at this very point, already at hand. */
export type Given = Omit<Hypergradient, "final"> & { readonly seconds: number };

export interface FidelityMeasurement {
  /** An exact method; by default `reverse` where its states fit in 256 MB, else `checkpointed` with about √T checkpoints. */
  readonly exact?: Method | undefined;
  /** Instead of running the method once more. */
  readonly given?: Given | undefined;
}

const COMFORTABLE_BYTES = 256e6;

/** The exact method that suits a run: about three plain trainings with every state stored, four with √T checkpoints. */
export function exactFor({ steps, stateBytes }: Pick<Rollout, "steps" | "stateBytes">): {
  readonly method: Method;
  readonly trainings: number;
  /** Of `checkpointed`. */
  readonly checkpoints?: number;
} {
  // Small outputs of layers are kept as well, up to half as much again.
  if (1.5 * steps * stateBytes <= COMFORTABLE_BYTES) return { method: reverse(), trainings: 3 };
  const checkpoints = Math.ceil(Math.sqrt(steps));
  return { method: checkpointed({ checkpoints }), trainings: 4, checkpoints };
}

const EPSILON = { float32: 2 ** -23, float64: 2 ** -52 } as const;

/** Gradient minus direct part; what is left where the two are equal but for the rounding of their sum is none. */
const throughOf = ({ gradient, direct }: Pick<Hypergradient, "gradient" | "direct">, epsilon: number): Point =>
  mapPoint(gradient, (total, name, i) => {
    const part = direct[name]![i]!;
    const difference = total - part;
    return Math.abs(difference) <= epsilon * Math.max(Math.abs(total), Math.abs(part)) ? 0 : difference;
  });

async function timed<T>(run: () => Promise<T>): Promise<readonly [T, number]> {
  const begin = performance.now();
  const result = await run();
  return [result, (performance.now() - begin) / 1000];
}

async function run(rollout: Rollout, method: Method): Promise<Given> {
  const [{ final, ...result }, seconds] = await timed(() => method.run(rollout));
  rollout.free(final);
  return { ...result, seconds };
}

/** @throws DrmadError non-finite */
function requireFinite(name: string, { value, growth, gradient, direct }: Given): void {
  for (const [what, numbers] of [
    ["loss", [value]],
    ["growth", [growth]],
    ...Object.entries(gradient).map(([tensor, values]) => [`gradient in ${tensor}`, values] as const),
    ...Object.entries(direct).map(([tensor, values]) => [`direct part in ${tensor}`, values] as const),
  ] as const) {
    const bad = numbers.find((v) => !Number.isFinite(v));
    if (bad !== undefined) throw new DrmadError("non-finite", `the ${what} by ${name} is ${bad}`);
  }
}

/** A method's result, or the error by which it has none; and how long that took. */
async function attempt(
  rollout: Rollout,
  method: Method,
  given: Given | undefined,
): Promise<readonly [Given | DrmadError, seconds: number]> {
  const begin = performance.now();
  try {
    const result = given ?? (await run(rollout, method));
    requireFinite(method.name, result);
    return [result, result.seconds];
  } catch (error) {
    if (!(error instanceof DrmadError && REFUSALS.includes(error.code))) throw error;
    return [error, given?.seconds ?? (performance.now() - begin) / 1000];
  }
}

const growthOf = ({ growth, growthPassedAt }: Given): AdjointGrowth => ({
  growth,
  ...(growthPassedAt === undefined ? {} : { growthPassedAt }),
});

/**
 * Measures a method's hypergradient against an exact one at the rollout's point: cosine, length ratio and signs of the whole
 * and of the part through training alone, for all hyperparameters, for each by name, and for each of its tensors.
 *
 * Only the part through training tells of a method: the direct part needs no differentiation, and any method has it right.
 * What is found holds at this point. Along a tuning run approximations decay: on the published MNIST problem int8 storage
 * stays at cosine 0.9995 or more, while 32 snapshots fall from 0.998 to 0.40 within 19 outer steps.
 *
 * Cost: the method, the exact one (3 or 4 plain trainings by default), and one plain training for comparison.
 *
 * @returns a method that gives no finite hypergradient is a finding, with its `outcome` and `message`
 * @throws DrmadError invalid-argument where `exact` is not; whatever the exact method throws
 */
export async function measureFidelity(
  rollout: Rollout,
  method: Method,
  { exact: asked, given }: FidelityMeasurement = {},
): Promise<FidelityReport> {
  if (asked?.exact === false) {
    throw new DrmadError("invalid-argument", `${asked.name} is not exact, so nothing can be measured against it`, {
      hint: "Give reverse() or checkpointed({ checkpoints: 10 }), or leave it out.",
    });
  }
  const exactly = asked ?? exactFor(rollout).method;
  const [found, seconds] = await attempt(rollout, method, given);
  const exact = await run(rollout, exactly);
  requireFinite(exactly.name, exact);
  const start = await rollout.start();
  const [{ final }, training] = await timed(() => rollout.train(start)).finally(() => rollout.free(start));
  rollout.free(final);
  const common = {
    method: method.name,
    exact: exactly.name,
    exactGrowth: growthOf(exact),
    seconds: { training, method: seconds, exact: exact.seconds },
  };
  if (found instanceof DrmadError) {
    return {
      ...common,
      outcome: found.code as Refusal,
      message: found.message,
      trust: "none",
      ...wordsOf(
        method.name,
        `Do not use ${method.name} here: it has no hypergradient, though ${exactly.name} has one.`,
        common.exactGrowth,
      ),
    };
  }
  const measured: Measured = { outcome: "ok", ...partsOf(rollout, found, exact), growth: growthOf(found) };
  const verdict = verdictOf(method.name, measured.trust, measured.through);
  return { ...common, ...measured, ...wordsOf(method.name, verdict, common.exactGrowth, measured) };
}

/** A method's hypergradient against the exact one at the rollout's point: all hyperparameters, and each by name. */
export function partsOf(
  rollout: Rollout,
  method: Pick<Hypergradient, "gradient" | "direct">,
  exact: Pick<Hypergradient, "gradient" | "direct">,
): Parts & { readonly groups: Readonly<Record<string, GroupParts>> } {
  const epsilon = EPSILON[rollout.engine.precision];
  const through = { method: throughOf(method, epsilon), exact: throughOf(exact, epsilon) };
  const over = (names: readonly string[]): Parts => {
    const throughTraining = agreementOf(through.method, through.exact, names);
    return {
      coordinates: names.reduce((n, name) => n + exact.gradient[name]!.length, 0),
      total: agreementOf(method.gradient, exact.gradient, names),
      through: throughTraining,
      direct: agreementOf(exact.direct, exact.gradient, names),
      trust: trustOf(throughTraining),
    };
  };
  const names = rollout.hypers.map(({ name }) => name);
  const byName = new Map<string, string[]>();
  for (const name of names) {
    const group = name.split(".")[0]!;
    byName.set(group, [...(byName.get(group) ?? []), name]);
  }
  const groups = [...byName].map(([group, tensors]): [string, GroupParts] => [
    group,
    {
      ...over(tensors),
      ...(tensors.length > 1 ? { tensors: Object.fromEntries(tensors.map((name) => [name, over([name])])) } : {}),
    },
  ]);
  return { ...over(names), groups: Object.fromEntries(groups) };
}

const ORDER: readonly Trust[] = ["none", "signs", "direction", "value"];
const fold = (growth: number): string => `${growth.toExponential(1)}-fold on its way back`;

/** What is said of the figures: where training is chaotic, nearness to the exact gradient is the lesser matter. */
function wordsOf(
  method: string,
  verdict: string,
  { growth: exactly }: AdjointGrowth,
  measured?: Measured,
): { readonly verdict: string; readonly remarks: readonly string[] } {
  const remarks = measured === undefined ? [] : measuredRemarks(method, measured);
  remarks.push("This holds at this point only, and certifies nothing about other points of a run.");
  if (exactly <= GROWTH_LIMIT) return { verdict, remarks };
  return {
    verdict: `Trust no hypergradient here, not even the exact one: training is chaotic, its exact adjoint grew ${fold(exactly)}.`,
    remarks: [`Compared with the exact one all the same: ${verdict}`, ...remarks],
  };
}

function measuredRemarks(method: string, { total, direct, trust, groups, growth }: Measured): string[] {
  const remarks: string[] = [];
  if (total.exactLength === 0) remarks.push("The exact hypergradient is 0 here: there is no way to go.");
  if (directDominates(direct)) {
    remarks.push(
      `The direct part alone, which needs no differentiation through training, has cosine ${shown(direct.cosine!)} to the ` +
        `exact gradient and ${shown(direct.lengthRatio!)} times its length: that the whole agrees says nothing about the method.`,
    );
  }
  const worse = Object.entries(groups).filter(
    ([, group]) => group.trust !== "unmeasured" && ORDER.indexOf(group.trust) < ORDER.indexOf(trust),
  );
  if (worse.length > 0) {
    const listed = worse.map(([name, group]) => `${name} (${group.trust})`).join(", ");
    remarks.push(`Taken by itself, less holds for ${listed}.`);
  }
  if (growth.growth > GROWTH_LIMIT)
    remarks.push(`The adjoint of ${method} grew ${fold(growth.growth)}: it is chaotic.`);
  return remarks;
}
