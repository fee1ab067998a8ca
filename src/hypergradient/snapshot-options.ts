import { DrmadError, requireOptions } from "../errors.ts";
import type { Packed } from "../tensor/tensor.ts";
import type { Setting } from "./method.ts";

export interface SnapshotOptions {
  /** Windows k of training, one snapshot each. */
  readonly snapshots: number;
  /** The weights at the end of each window, or their mean over it. */
  readonly of?: "points" | "means";
  /** Windows of equal time, or of equal length of the path. */
  readonly place?: "time" | "arc-length";
  /** How snapshots are kept; in the engine's own precision unless told. */
  readonly storage?: Packed;
  /**
   * Keeps the layers' small outputs of every step as well, packed so: the sweep is quicker for not computing them again. Only
   * with points at equal times.
   */
  readonly activations?: Packed;
  /** Growth of the adjoint from which steps are swept along their exact states instead, computed again. */
  readonly growthLimit?: number;
}

function refuse(what: string, hint: string): never {
  throw new DrmadError("invalid-argument", `drmad ${what}`, { hint });
}

/**
 * The options of a path through snapshots; undefined where a line without any is asked for.
 * @throws DrmadError invalid-argument
 */
export function snapshotsOf(options: SnapshotOptions | { readonly samples?: string }): SnapshotOptions | undefined {
  const given: Partial<SnapshotOptions> & { readonly samples?: string } = options;
  requireOptions("methods.drmad", given, {
    samples: "text?",
    snapshots: "number?",
    of: "text?",
    place: "text?",
    storage: "text?",
    activations: "text?",
    growthLimit: "number?",
  });
  const { samples, snapshots, ...others } = given;
  if (snapshots !== undefined) {
    if (samples !== undefined)
      refuse("is given both samples and snapshots", "Give one: samples are of a line without any.");
    return { ...others, snapshots };
  }
  const other = Object.entries(others).find(([, value]) => value !== undefined);
  if (other !== undefined) refuse(`is given ${other[0]} without snapshots`, "Give snapshots as well, such as 32.");
  return undefined;
}

/** With what is left out. */
export const filled = ({
  of = "points",
  place = "time",
  ...rest
}: SnapshotOptions): Readonly<Record<string, Setting>> => ({
  of,
  place,
  ...rest,
});

function requireName(option: string, given: string | undefined, names: readonly string[]): void {
  if (given === undefined || names.includes(given)) return;
  refuse(
    `has ${option}: ${JSON.stringify(given)}`,
    `Give one of ${names.map((name) => JSON.stringify(name)).join(", ")}.`,
  );
}

const PACKED: readonly Packed[] = ["float16", "int8"];

/** @throws DrmadError invalid-argument */
export function requireSense({
  snapshots: k,
  of = "points",
  place = "time",
  storage,
  activations,
  growthLimit,
}: SnapshotOptions): void {
  requireName("of", of, ["points", "means"]);
  requireName("place", place, ["time", "arc-length"]);
  requireName("storage", storage, PACKED);
  requireName("activations", activations, PACKED);
  if (!Number.isInteger(k) || k < 1) refuse(`with ${k} snapshots`, "Give a whole number, at least 1.");
  if (growthLimit !== undefined && !(growthLimit > 0)) {
    refuse(`with a growth limit of ${growthLimit}`, "Give a number above 0, such as 20.");
  }
  if (growthLimit !== undefined && (of !== "points" || place !== "time")) {
    refuse("with a growth limit replays from points at equal times", 'Leave of: "points" and place: "time".');
  }
  if (activations !== undefined && (of !== "points" || place !== "time")) {
    refuse("keeps activations with points at equal times", 'Leave of: "points" and place: "time".');
  }
  if (place === "arc-length" && storage === "float16") {
    refuse("places windows by the path's length in numbers, not in halves", 'Use storage: "int8", or none.');
  }
}
