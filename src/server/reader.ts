import type { NdArray } from "../data/dataset.ts";
import { DrmadError } from "../errors.ts";
import type { LoggedEvent, Store, StudySummary } from "../store/store.ts";
import { escaped, unescaped } from "../store/event-codec.ts";
import { PLACES, type Of } from "../store/tensor-thumbnail.ts";
import type { Thumbnails } from "../store/thumbnails.ts";
import type { StepRecord } from "../study/events.ts";
import { createCache } from "./cache.ts";

export type Arrays = Readonly<Record<string, NdArray>>;

/** A study as its log has it, and its arrays as they are asked for. */
export interface Study {
  readonly summary: StudySummary;
  readonly log: readonly LoggedEvent[];
  /** In order, with the sequence number of each; `kept` says whether its arrays are there. */
  readonly steps: readonly LoggedStep[];
  /** The arrays of an event. @throws DrmadError file-not-found, malformed-file */
  arrays(sequence: number): Promise<Arrays>;
  /** Small pictures of an array of the steps, from the database alone. */
  thumbnails(path: string, limit: number): Promise<Thumbnails>;
  /** What follows from an event's arrays, kept longer than they are. `what` tells it from others of the same event. */
  digest<T>(what: string, sequence: number, make: () => Promise<T>): Promise<T>;
}

export interface LoggedStep {
  readonly record: StepRecord;
  readonly sequence: number;
  readonly kept: boolean;
}

export interface Reader {
  /** @throws DrmadError study-not-found, malformed-file */
  study(name: string): Promise<Study>;
}

const ARRAY_BYTES = 2 ** 26;
const DIGEST_BYTES = 2 ** 24;

/** Reads studies. What was read of files is held, for a committed event never changes: at most 64 MB of arrays. */
export function createReader(store: Store): Reader {
  const arrays = createCache(ARRAY_BYTES);
  const digests = createCache(DIGEST_BYTES);
  return {
    async study(name) {
      const summary = await store.get(name);
      const log = await store.events(name);
      const key = (...parts: readonly unknown[]): string => JSON.stringify([name, summary.created, ...parts]);
      return {
        summary,
        log,
        steps: log.flatMap(({ event, sequence, arrays }) => {
          if (event.type !== "step") return [];
          const { type: _, best: __, kept: ___, values: ____, ...record } = event;
          return [{ record, sequence, kept: arrays }];
        }),
        arrays: (sequence) => arrays.of(key(sequence), () => store.tensors(name, sequence), bytesOf),
        thumbnails: (path, limit) => store.thumbnails(name, path, limit),
        digest: (what, sequence, make) =>
          digests.of(key(sequence, what), make, (made) => 2 * JSON.stringify(made).length),
      };
    },
  };
}

const bytesOf = (arrays: Arrays): number => Object.values(arrays).reduce((sum, { data }) => sum + data.byteLength, 0);

/** A tuned tensor's natural values or its hypergradient, among the arrays of a step. @throws DrmadError invalid-argument */
export function tensorIn(arrays: Arrays, tensor: string, of: Of = "value"): NdArray {
  const place = PLACES[of] + escaped(tensor);
  const shaped = arrays[PLACES.value + escaped(tensor)];
  if (!Object.hasOwn(arrays, place) || shaped === undefined) {
    const all = tensorsIn(arrays, of).map(([name]) => name);
    throw new DrmadError("invalid-argument", `the step keeps no ${of} of a tensor ${JSON.stringify(tensor)}`, {
      hint: all.length === 0 ? `It keeps no ${of} of any.` : `It keeps those of ${all.slice(0, 20).join(", ")}.`,
    });
  }
  // Points have no shape of their own.
  return { data: arrays[place]!.data, shape: shaped.shape };
}

/** All tensors among the arrays of a step. */
export const tensorsIn = (arrays: Arrays, of: Of): readonly (readonly [name: string, array: NdArray])[] =>
  Object.entries(arrays).flatMap(([place, array]) =>
    place.startsWith(PLACES[of]) ? [[unescaped(place.slice(PLACES[of].length)), array] as const] : [],
  );

/** A step whose arrays are kept. @throws DrmadError invalid-argument */
export function keptStep({ steps }: Study, step: number): LoggedStep {
  const found = steps.find(({ record }) => record.step === step);
  if (found?.kept === true) return found;
  const what = found === undefined ? "there is no such step yet" : "its tensors are not kept";
  throw new DrmadError("invalid-argument", `step ${step} cannot be shown: ${what}`, {
    hint: "Ask for one of the steps that /api/study lists as kept.",
  });
}

/** Lets other requests be answered between two files. */
export const yieldTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));
