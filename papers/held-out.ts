import type { DefinedExperiment } from "drmad";
import type { ReproductionContext, Row } from "../src/cli/reproduction.ts";
import { type Plain, typed } from "./descent.ts";
import { evaluated, onRollout, type Options, unlessDiverged } from "./rollout.ts";
import { rowOf, type Way } from "./ways.ts";

/** Something to judge: a point that was tuned to, or the experiment's own. */
export interface Entry extends Pick<Way<never>, "name" | "control" | "paper"> {
  readonly point: Plain | undefined;
}

/** Of one training; Infinity where it diverged. */
export interface Judgement {
  readonly loss: number;
  /** A share. */
  readonly error: number;
}

type Split = "valid" | "test";

/** A training from each point, and figures of the final weights, each on a split of its own. */
export const judged = (
  experiment: DefinedExperiment,
  options: Options,
  points: readonly Entry["point"][],
  on: Readonly<Record<keyof Judgement, Split>>,
): Promise<readonly Judgement[]> =>
  onRollout(experiment, options, async (rollout) => {
    const found: Judgement[] = [];
    for (const point of points) {
      const at = rollout.at(point === undefined ? rollout.point : typed(point));
      const splits = await unlessDiverged(() => evaluated(at, [...new Set(Object.values(on))]));
      const figure = (name: keyof Judgement): number => splits?.[on[name]][name] ?? Infinity;
      found.push({ loss: figure("loss"), error: figure("error") });
    }
    return found;
  });

export interface HeldOut {
  /** Losses, or errors in percent: one for each seed. */
  readonly figures: (name: string, what: keyof Judgement) => readonly number[];
  readonly rows: (what: keyof Judgement) => readonly Row[];
  readonly all: readonly Judgement[];
}

/** Every entry on seeds that nothing was tuned on, each seed a part of its own. */
export async function heldOut(
  entries: readonly Entry[],
  seeds: readonly number[],
  { part }: ReproductionContext,
  judge: (seed: number, points: readonly Entry["point"][]) => Promise<readonly Judgement[]>,
): Promise<HeldOut> {
  const points = entries.map(({ point }) => point);
  const bySeed: (readonly Judgement[])[] = [];
  for (const seed of seeds) bySeed.push(await part(`judge on seed ${seed}`, () => judge(seed, points)));
  const figures: HeldOut["figures"] = (name, what) => {
    const i = entries.findIndex((entry) => entry.name === name);
    if (i < 0) throw new Error(`nothing is called ${JSON.stringify(name)}`);
    return bySeed.map((each) => (what === "error" ? 100 : 1) * each[i]![what]);
  };
  return {
    figures,
    rows: (what) => entries.map((entry) => rowOf(entry, figures(entry.name, what), what)),
    all: bySeed.flat(),
  };
}
