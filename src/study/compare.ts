import { DrmadError } from "../errors.ts";
import { exactFor, partsOf, type AdjointGrowth, type Parts, type Refusal } from "../hypergradient/fidelity.ts";
import type { Chosen, Hypergradient, Method } from "../hypergradient/method.ts";
import type { Experiment } from "../problem/experiment.ts";
import type { Rollout } from "../rollout/rollout.ts";
import { checkedMethod } from "./checked.ts";
import { explained } from "./explained.ts";
import { hyperCounts, openSession, requireExperiment, uncompared, type SessionOptions } from "./session.ts";

export interface Contestant {
  readonly name: string;
  readonly method: Method;
  /** It stands beside the methods to show what they must surpass. */
  readonly control?: true;
}

/** Of every round, in order. */
export interface Times {
  readonly seconds: readonly number[];
  /** Of all threads of the process; where a clock for it was given. */
  readonly cpuSeconds?: readonly number[];
}

export type Kind = "exact" | "approximate" | "control";

/** What a contestant gave and took. */
export type Compared = {
  readonly name: string;
  /** The method's own name. */
  readonly method: string;
  readonly kind: Kind;
} & (
  | (Times &
      Omit<Parts, "coordinates"> &
      AdjointGrowth & { readonly outcome: "ok"; readonly chosen?: Chosen; readonly replayedSteps?: number })
  | { readonly outcome: Refusal | "unsupported"; readonly message: string }
);

export interface Comparison {
  readonly experiment: string;
  readonly seed: number;
  readonly innerSteps: number;
  readonly hyperparameters: number;
  readonly engine: string;
  readonly precision: string;
  readonly threads: number;
  readonly rounds: number;
  /** Plain training, round for round between the contestants. */
  readonly plain: Times;
  /** The first is what the others are compared with. */
  readonly rows: readonly Compared[];
  readonly warnings: readonly string[];
}

/** The run that contestants are wanted for. */
export interface Wanted {
  readonly steps: number;
  readonly exact: ReturnType<typeof exactFor>;
}

export interface CompareOptions extends SessionOptions {
  /** Timed rounds after the one that compiles and warms up. */
  readonly rounds: number;
  /** CPU seconds that this process has taken so far. */
  readonly cpuSeconds?: () => number;
  /** Before every run; round 0 is not timed. */
  readonly onTurn?: (round: number, name: string) => void;
}

const REFUSALS: readonly string[] = ["non-finite", "not-stationary", "not-converged", "unsupported"] satisfies (
  Refusal | "unsupported"
)[];

const isRefusal = (error: unknown): error is DrmadError & { readonly code: Refusal | "unsupported" } =>
  error instanceof DrmadError && REFUSALS.includes(error.code);

type Found = Omit<Hypergradient, "final">;

async function run(rollout: Rollout, method: Method): Promise<Found> {
  const { final, ...found } = await method.run(rollout);
  rollout.free(final);
  return found;
}

async function train(rollout: Rollout): Promise<void> {
  const start = await rollout.start();
  const { final } = await rollout.train(start).finally(() => rollout.free(start));
  rollout.free(final);
}

/** What a contestant has come to so far. */
interface Entry {
  readonly contestant: Contestant;
  readonly times: { seconds: number[]; cpuSeconds: number[] };
  found?: Found;
  refused?: DrmadError & { readonly code: Refusal | "unsupported" };
}

/** @throws DrmadError invalid-argument where the first is not exact, or one is no method */
function enter(contestants: readonly Contestant[]): readonly Entry[] {
  const [first] = contestants;
  if (first?.method.exact !== true) {
    throw new DrmadError("invalid-argument", `${first?.name ?? "no method"} is not exact, and comes first`, {
      hint: "Let an exact method such as reverse() come first: the others are compared with it.",
    });
  }
  return contestants.map(({ method, ...rest }) => ({
    contestant: { ...rest, method: checkedMethod(method) },
    times: { seconds: [], cpuSeconds: [] },
  }));
}

/**
 * Runs methods in turn, round after round with plain training between, at the experiment's starting point, and compares
 * their hypergradients with that of the first, which must be exact. A method that refuses is a row with its outcome; the
 * others go on. Times count on a quiet machine only, ratios within a round on a busy one too.
 *
 * @param contestants for the run as it is; the first is the reference
 * @throws DrmadError for bad input, where the reference has no hypergradient, cancelled, engine-disagrees
 */
export async function compareMethods(
  experiment: Experiment,
  contestants: (wanted: Wanted) => readonly Contestant[],
  options: CompareOptions,
): Promise<Comparison> {
  requireExperiment(experiment);
  const { rounds, cpuSeconds, onTurn, signal } = options;
  const session = await openSession(experiment, options);
  const { rollout, problem } = session;
  const plain = { seconds: [] as number[], cpuSeconds: [] as number[] };
  const timed = async <T>(times: typeof plain, round: number, name: string, job: () => Promise<T>): Promise<T> => {
    if (signal?.aborted === true) throw new DrmadError("cancelled", "stopped between two runs");
    onTurn?.(round, name);
    const cpu = cpuSeconds?.() ?? 0;
    const begin = performance.now();
    const result = await job();
    if (round > 0) {
      times.seconds.push((performance.now() - begin) / 1000);
      times.cpuSeconds.push((cpuSeconds?.() ?? 0) - cpu);
    }
    return result;
  };
  try {
    const records = enter(contestants({ steps: rollout.steps, exact: exactFor(rollout) }));
    for (let round = 0; round <= rounds; round++) {
      await timed(plain, round, "plain training", () => train(rollout));
      for (const [i, record] of records.entries()) {
        if (record.refused !== undefined) continue;
        const { name, method } = record.contestant;
        try {
          const found = await timed(record.times, round, name, () => run(rollout, method));
          record.found ??= found;
        } catch (error) {
          if (i === 0 || !isRefusal(error)) throw error;
          record.refused = error;
        }
      }
    }
    const exact = records[0]!.found!;
    const shown = (times: typeof plain): Times => (cpuSeconds === undefined ? { seconds: times.seconds } : times);
    const { name: engine, version, precision, threads } = rollout.engine;
    return {
      experiment: problem.name,
      seed: problem.seed,
      innerSteps: problem.steps,
      hyperparameters: Object.values(hyperCounts(problem)).reduce((a, b) => a + b, 0),
      engine: `${engine} ${version}`,
      precision,
      threads,
      rounds,
      plain: shown(plain),
      rows: records.map((record) => rowOf(rollout, record, exact, shown)),
      warnings: rollout.unverified.length > 0 ? [uncompared(rollout.unverified)] : [],
    };
  } catch (error) {
    throw await explained(error, rollout);
  } finally {
    await session.close();
  }
}

function rowOf(
  rollout: Rollout,
  { contestant, times, found, refused }: Entry,
  exact: Found,
  shown: (times: Entry["times"]) => Times,
): Compared {
  const { name, method, control } = contestant;
  const isExact = found?.chosen?.exact ?? method.exact;
  const kind = control === true ? "control" : isExact ? "exact" : "approximate";
  const common = { name, method: method.name, kind } as const;
  if (refused !== undefined) return { ...common, outcome: refused.code, message: refused.message };
  const { growth, growthPassedAt, chosen, replayedSteps } = found!;
  const { total, through, direct, trust } = partsOf(rollout, found!, exact);
  return {
    ...common,
    outcome: "ok",
    ...shown(times),
    total,
    through,
    direct,
    trust,
    growth,
    ...(growthPassedAt === undefined ? {} : { growthPassedAt }),
    ...(chosen === undefined ? {} : { chosen }),
    ...(replayedSteps === undefined ? {} : { replayedSteps }),
  };
}
