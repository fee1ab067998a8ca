import { directOnly, oneScalar, randomSign } from "../hypergradient/controls.ts";
import type { Method } from "../hypergradient/method.ts";
import type { Contestant, Wanted } from "../study/compare.ts";
import { spelt, type Spelt } from "./methods.ts";

/** What every comparison has beside the methods, by name. */
export const CONTROLS: Readonly<Record<string, () => Method>> = { directOnly, randomSign, oneScalar };

/** Most snapshots of the default list; few enough to be an approximation that shows. */
const SNAPSHOTS = 16;

/** The usual methods for training of so many steps. */
export function usualMethods(steps: number): readonly string[] {
  const snapshots = Math.max(1, Math.min(SNAPSHOTS, Math.floor(steps / 4)));
  return [
    "reverse",
    `checkpointed:${Math.ceil(Math.sqrt(steps))}`,
    "reversible",
    "reverse:int8",
    `drmad:${snapshots}`,
    `drmad:${snapshots}:int8`,
    `truncated:${Math.max(1, Math.round(steps / 10))}`,
    "drmad:T/10",
    "drmad",
  ];
}

/** The exact method first, then what was asked for or the usual methods, then the controls. */
export function contestants(asked: readonly Spelt[] | undefined): (wanted: Wanted) => readonly Contestant[] {
  return ({ steps, exact: { checkpoints } }) => {
    const first = checkpoints === undefined ? "reverse" : `checkpointed:${checkpoints}`;
    const chosen = asked ?? usualMethods(steps).map(spelt);
    const others = chosen.filter(({ spelling }) => spelling !== first);
    return [
      ...[spelt(first), ...others].map(({ spelling, method }) => ({ name: spelling, method })),
      ...Object.entries(CONTROLS).map(([name, make]) => ({ name, method: make(), control: true as const })),
    ];
  };
}

/** A contestant by its name, as another process knows it. */
export const methodNamed = (name: string): Method => CONTROLS[name]?.() ?? spelt(name).method;
