import { checkpointed, defineExperiment, drmad, hyper, methods, momentum, nn, ops, reverse, type Method } from "drmad";
import { images } from "../../data.ts";
import { onRollout, type Point, type Rollout } from "../../rollout.ts";
import { lossOf } from "../../scaled.ts";
import { cosine } from "../../statistics.ts";

export interface Size {
  readonly rows: { readonly train: number; readonly valid: number; readonly test: number };
  readonly steps: number;
  /** Timed ones, after one that compiles and warms up. */
  readonly rounds: number;
  /** What checkpointing may keep. */
  readonly megabytes: number;
}

/** The network, the penalties and the step size of the published experiment, with a decay to choose. */
const published = (folder: string, { rows, steps }: Size, decay: number) =>
  defineExperiment({
    name: `mnist-penalties with decay ${decay}`,
    data: () => images(folder, rows, 0),
    params: nn.mlp([784, 50, 50, 50, 10], { deviation: Math.exp(-3) }),
    hyper: { t: hyper.perInput(0.2, { biases: 0.2 }) },
    train: {
      loss: (z, h, batch) => ops.add(lossOf(z, h.t, batch), nn.l2(z, Math.exp(-4))),
      dynamics: momentum({ rate: 0.05, decay }),
      steps,
      batch: 50,
    },
    valid: { loss: (z, h, batch) => lossOf(z, h.t, batch) },
  });

export const PLAIN = "plain training";
export const TENTH = "DrMAD as published";
export const LINE = "DrMAD, a sample for every step";
export const STORED = "exact, every state stored";
export const SOME = "exact, checkpointed";
export const TAKEN_BACK = "exact, reversible in integers";

const waysOf = ({ megabytes }: Size): Readonly<Record<string, Method>> => ({
  [TENTH]: drmad({ samples: "T/10" }),
  [LINE]: drmad(),
  [STORED]: reverse(),
  [SOME]: checkpointed({ megabytes }),
  [TAKEN_BACK]: methods.reversible(),
});

async function train(rollout: Rollout): Promise<void> {
  const start = await rollout.start();
  const { final } = await rollout.train(start).finally(() => rollout.free(start));
  rollout.free(final);
}

export interface Costs {
  /** By name, one a round. */
  readonly seconds: Readonly<Record<string, readonly number[]>>;
  /** Bytes kept of training when the way back begins, the first and the last state included. */
  readonly bytes: Readonly<Record<string, number>>;
  readonly weights: number;
  /** That training in integers lost, all told, and bytes allocated for them. */
  readonly lost: { readonly bits: number; readonly bytes: number };
  /** Cosine of the hypergradient in integers to the one along stored states. */
  readonly cosine: number;
}

/** The rollout, and what a sweep over it reads of every step. */
function watched(rollout: Rollout): { readonly rollout: Rollout; reads: () => readonly string[] } {
  let reads: readonly string[] = [];
  const sweep: Rollout["sweep"] = async (path) => {
    const made = await rollout.sweep(path);
    reads = made.reads;
    return made;
  };
  return { rollout: { ...rollout, sweep }, reads: () => reads };
}

async function lostBits(rollout: Rollout): Promise<Costs["lost"]> {
  const start = await rollout.start();
  const trained = await rollout
    .reversal()
    .train(start)
    .finally(() => rollout.free(start));
  try {
    return await trained.information();
  } finally {
    rollout.free(trained.final);
    trained.end();
  }
}

const flat = (point: Point): number[] => Object.values(point).flatMap((each) => [...each]);

/** One session and one process: round after round, plain training and then every method in turn. */
export const costs = (folder: string, size: Size, decay: number, signal: AbortSignal): Promise<Costs> =>
  onRollout(published(folder, size, decay), { seed: 0, threads: 1, signal }, async (rollout) => {
    const ways = waysOf(size);
    const seconds: Record<string, number[]> = Object.fromEntries(
      [PLAIN, ...Object.keys(ways)].map((name) => [name, []]),
    );
    const gradients: Record<string, Point> = {};
    const stored = watched(rollout);
    const timed = async (round: number, name: string, job: () => Promise<void>): Promise<void> => {
      const begin = performance.now();
      await job();
      if (round > 0) seconds[name]!.push((performance.now() - begin) / 1000);
    };
    for (let round = 0; round <= size.rounds; round++) {
      await timed(round, PLAIN, () => train(rollout));
      for (const [name, method] of Object.entries(ways)) {
        await timed(round, name, async () => {
          const { gradient, final } = await method.run(round === 0 && name === STORED ? stored.rollout : rollout);
          rollout.free(final);
          gradients[name] = gradient;
        });
      }
    }
    const state = rollout.stateBytes;
    // A weight and its velocity, in float32.
    const weights = state / 8;
    const lost = await lostBits(rollout);
    return {
      seconds,
      weights,
      lost,
      bytes: {
        [TENTH]: 2 * state,
        [LINE]: 2 * state,
        [STORED]: state + rollout.steps * rollout.keptBytes(stored.reads()),
        [SOME]: state + size.megabytes * 1e6,
        // The last weights and velocities as integers of 8 bytes, and the bits.
        [TAKEN_BACK]: 16 * weights + lost.bytes,
      },
      cosine: cosine(flat(gradients[TAKEN_BACK]!), flat(gradients[STORED]!)),
    };
  });

/** Bits that training in integers loses of each weight and step. */
export const bitsLost = (folder: string, size: Size, decay: number, signal: AbortSignal): Promise<number> =>
  onRollout(published(folder, size, decay), { seed: 0, threads: 1, signal }, async (rollout) => {
    const { bits } = await lostBits(rollout);
    return bits / (rollout.stateBytes / 8) / rollout.steps;
  });
