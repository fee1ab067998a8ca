import { DrmadError, drmad, methods, reverse } from "drmad";
import type { ReproductionContext, Row } from "../../../src/cli/reproduction.ts";
import { schedules, type Size } from "../../2015-maclaurin/schedules/experiments.ts";
import type { Plain } from "../../descent.ts";
import { onRollout, type Rollout } from "../../rollout.ts";
import { agreement, type Agreement, found, SCHEDULES, type Way } from "./experiments.ts";

export interface Config extends Size {
  readonly outerSteps: number;
  readonly tuningSeed: number;
  /** Outer steps between two measurements along the exact course. */
  readonly every: number;
  /** Seeds on which hypergradients are compared, and seeds on which trainings are judged; none is tuned on. */
  readonly compared: readonly number[];
  readonly heldOut: readonly number[];
  readonly snapshots: readonly [few: number, more: number];
}

export const EXACT = "exact";
export const LINE = "DrMAD, a sample for every step";
export const along = (k: number): string => `${k} snapshots`;
const last = (steps: number): string => `the last ${steps} steps only`;
export const RANDOM = "random signs";
export const INTEGERS = "exact, reversible in integers";

export function waysOf({ steps, snapshots: [few, more] }: Config): readonly Way[] {
  const tenth = Math.max(1, Math.floor(steps / 10));
  return [
    { name: EXACT, method: () => reverse() },
    { name: LINE, method: () => drmad() },
    { name: along(few), method: () => drmad({ snapshots: few }) },
    { name: along(more), method: () => drmad({ snapshots: more }) },
    { name: last(tenth), method: () => methods.truncated({ steps: tenth }) },
    { name: RANDOM, control: true, method: (seed) => methods.randomSign({ seed }) },
  ];
}

export type Part = "both" | "rate" | "decay";
const PARTS: Readonly<Record<Part, readonly string[]>> = { both: SCHEDULES, rate: ["rate"], decay: ["decay"] };
type Agreements = Readonly<Record<Part, Agreement>>;

/** Agreements with the exact hypergradient at a point, by method; one a seed, none where one was not finite. */
export interface Compared {
  readonly agreements: Readonly<Record<string, readonly (Agreements | null)[]>>;
  /** Of the exact adjoint, and of the line's. */
  readonly growth: readonly { readonly exact: number; readonly line: number | null }[];
  readonly direct: number;
}

interface At {
  readonly agreements: Readonly<Record<string, Agreements | null>>;
  readonly growth: Compared["growth"][number];
  readonly direct: number;
}

async function agreementsAt(rollout: Rollout, point: Plain, size: Config): Promise<At> {
  const exact = (await found(rollout, point, reverse()))!;
  const agreements: Record<string, Agreements | null> = {};
  let line: number | null = null;
  const approximate = waysOf(size).filter(({ name }) => name !== EXACT);
  for (const { name, method } of [...approximate, { name: INTEGERS, method: () => methods.reversible() }]) {
    const other = await found(rollout, point, method(0));
    if (name === LINE) line = other?.growth ?? null;
    const over = (part: Part): Agreement => agreement(other!.gradient, exact.gradient, PARTS[part]);
    agreements[name] = other === null ? null : { both: over("both"), rate: over("rate"), decay: over("decay") };
  }
  return { agreements, growth: { exact: exact.growth, line }, direct: exact.direct };
}

/** At every point, on every seed that is compared on; and what DrMAD as published says of values for every step. */
export async function compare(
  points: readonly Plain[],
  size: Config,
  { folder, part, signal }: ReproductionContext,
): Promise<{ readonly at: readonly Compared[]; readonly refused: string }> {
  const seeds: { readonly at: readonly At[]; readonly refused: string }[] = [];
  for (const seed of size.compared) {
    const compute = (): Promise<(typeof seeds)[number]> =>
      onRollout(schedules(folder("mnist"), size), { seed, signal }, async (rollout) => {
        const at: At[] = [];
        for (const point of points) at.push(await agreementsAt(rollout, point, size));
        return { at, refused: await refusal(rollout) };
      });
    seeds.push(await part(`compare on seed ${seed}`, compute));
  }
  const names = Object.keys(seeds[0]!.at[0]!.agreements);
  const at = points.map((_, i) => ({
    agreements: Object.fromEntries(names.map((name) => [name, seeds.map((one) => one.at[i]!.agreements[name]!)])),
    growth: seeds.map((one) => one.at[i]!.growth),
    direct: Math.max(...seeds.map((one) => one.at[i]!.direct)),
  }));
  return { at, refused: seeds[0]!.refused };
}

async function refusal(rollout: Rollout): Promise<string> {
  try {
    await drmad({ samples: "T/10" }).run(rollout);
    return "it gave a gradient";
  } catch (error) {
    if (error instanceof DrmadError && error.code === "unsupported") return error.message;
    throw error;
  }
}

export const figures = (
  { agreements }: Compared,
  method: string,
  part: Part,
  of: keyof Agreement,
  unit = 1,
): number[] => agreements[method]!.map((each) => unit * (each?.[part][of] ?? NaN)).filter(Number.isFinite);

export const comparedRows = (compared: Compared, part: Part, of: keyof Agreement, unit = 1): readonly Row[] =>
  Object.keys(compared.agreements).map((name) => ({
    name,
    values: figures(compared, name, part, of, unit),
    ...(name === RANDOM ? { control: true as const } : {}),
  }));
