import type { StudySummary } from "../store/store.ts";
import type { StartInfo, StepFidelity, StepRecord, TuneResult, Warning } from "../study/events.ts";

/**
 * What the dashboard asks and is answered. Every route but the stream and the maps answers JSON; numbers that JSON has no
 * word for are the strings "NaN", "Infinity" and "-Infinity". A study is named by the parameter `study`.
 *
 *     GET  /api/studies                                         → StudyList
 *     GET  /api/study?study=NAME                                → StudyView
 *     GET  /api/map?study=NAME&step=N&tensor=T&of=value         → TensorMap, see there; `of` may be `hypergradient`
 *     GET  /api/curve?study=NAME&tensor=T                       → TensorCurve
 *     GET  /api/inner?study=NAME                                → InnerCurves
 *     GET  /api/health?study=NAME                               → Health
 *     GET  /api/examples?study=NAME&step=N&tensor=T             → Examples
 *     GET  /api/log?study=NAME&from=SEQUENCE                    → Log
 *     GET  /api/stream                                          → server-sent events, `data:` is a StreamEvent
 *     POST /api/stop    { study }                               → 204; needs the token
 *     POST /api/notes   { study, notes, tags }                  → 204; needs the token
 *
 * Faults answer 400, 403, 404, 405, 409, 413, 414, 415 or 503 with a Fault.
 *
 * The token travels in the header `x-drmad-token`, and to the page in the fragment of its address, `/#token=TOKEN`. Where the
 * server is bound beyond this machine, it is needed for every route, the stream too: send it wherever it is known.
 */
export interface Fault {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

/** A number, or the name of one that JSON cannot write. */
export type Num = number | "NaN" | "Infinity" | "-Infinity";

/** What JSON makes of a T: dates are ISO 8601, numbers are Num. */
export type Json<T> = T extends Date
  ? string
  : T extends number
    ? Num
    : T extends string | boolean | null | undefined
      ? T
      : { readonly [K in keyof T]: Json<T[K]> };

export interface StudyList {
  readonly version: string;
  /** Where the store is. */
  readonly store: string;
  /** Newest first, without the text of the experiments. */
  readonly studies: readonly StudyRow[];
}

export type StudyRow = Json<Omit<StudySummary, "source">>;

/** A tuned tensor, as the experiment states it. */
export interface TensorInfo {
  readonly name: string;
  /** With a leading axis of steps where `perStep`. */
  readonly shape: readonly number[];
  readonly perStep: boolean;
  /** `identity`, `log`, `logit`, `softplus` or `bounds(low, high)`; `unknown` for studies of older drmads. */
  readonly transform: string;
  /** The shape of one image, where a row or a column (for `whole`, the tensor) has a value for each pixel of the inputs. */
  readonly image?: { readonly height: number; readonly width: number; readonly whole: boolean };
  /** One value for each training row, so that /api/examples has something to show. */
  readonly perExample: boolean;
}

export interface StudyView {
  readonly summary: StudyRow;
  /** The text of the experiment's file. */
  readonly source: string | null;
  /** Null before the study has begun. */
  readonly start: Json<StartInfo> | null;
  readonly tensors: readonly TensorInfo[];
  /** Without their inner curves, which have a route of their own. */
  readonly steps: readonly Json<Omit<StepRecord, "inner">>[];
  /** Steps whose tensors are kept, in order. */
  readonly kept: readonly number[];
  readonly fidelity: readonly Json<StepFidelity>[];
  readonly warnings: readonly Json<Warning>[];
  readonly chosen: { readonly method: string; readonly why: string } | null;
  readonly stop: { readonly reason: string; readonly detail: string | null } | null;
  /** The study that it was forked from, at which outer step, and what is not as it was there; null where from none. */
  readonly origin: {
    readonly study: string;
    readonly step: number;
    readonly changed: readonly { readonly what: string; readonly was: string; readonly is: string }[];
  } | null;
  /** Present once the study has ended. */
  readonly test: Json<NonNullable<TuneResult["test"]>> | null;
  /** Seconds until the last outer step at the pace of the latest ones; null where nothing runs or nothing is known. */
  readonly secondsLeft: number | null;
  /** What is the matter with a study that cannot be shown whole, in words for its user. */
  readonly trouble: readonly Fault[];
}

/**
 * The body is the header's length (uint32, little-endian), the header as JSON, then `rows × columns` float32, little-endian
 * and row by row. The first axis is the rows, all others together the columns; a vector is one row, unless it has a value for
 * each step, and a tensor that is a `whole` image has the image's height and width. A tensor that is too large (above 1024
 * either way) comes as the means of blocks; `blocks` says how large they are. A cell without finite values is NaN.
 */
export interface TensorMapHeader {
  readonly step: number;
  readonly tensor: string;
  readonly of: "value" | "hypergradient";
  readonly shape: readonly number[];
  /** Cells. */
  readonly rows: number;
  readonly columns: number;
  /** Values in a cell down and across: [1, 1] where nothing was left out. */
  readonly blocks: readonly [number, number];
  /** Of the finite values of the whole tensor; null where there are none. */
  readonly least: number | null;
  readonly most: number | null;
  readonly nonFinite: number;
}

/** How a tensor moved: its least, middle and largest value at each kept step, and all of them where they are few (≤ 16). */
export interface TensorCurve {
  readonly steps: readonly number[];
  readonly least: readonly Num[];
  readonly median: readonly Num[];
  readonly most: readonly Num[];
  readonly each?: readonly (readonly Num[])[];
}

/** The training loss on the minibatches while the inner training ran, in means over windows of steps, for each outer step. */
export interface InnerCurves {
  readonly curves: readonly { readonly step: number; readonly at: readonly number[]; readonly loss: readonly Num[] }[];
}

export interface Health {
  readonly groups: readonly {
    readonly name: string;
    readonly size: number;
    /** One entry for each of `steps`. */
    readonly norm: readonly Num[];
    readonly zeros: readonly number[];
    readonly nonFinite: readonly number[];
    /** Cosine to the hypergradient of the step before; null at the first, and where one has no length. */
    readonly cosine: readonly (Num | null)[];
  }[];
  /** Outer steps that have a hypergradient. */
  readonly steps: readonly number[];
  readonly growth: readonly (Num | null)[];
  readonly chaotic: readonly boolean[];
}

export interface Examples {
  /** Of all rows in order of size, at most 500 of them evenly. */
  readonly sorted: readonly Num[];
  /** The lowest-valued rows first. */
  readonly worst: readonly Example[];
  readonly best: readonly Example[];
}

export interface Example {
  readonly row: number;
  readonly value: Num;
  readonly label: number | null;
  /** Pixels from 0 to 255, base64, row by row; null where the study keeps no pictures. */
  readonly picture: { readonly height: number; readonly width: number; readonly pixels: string } | null;
}

export interface Log {
  readonly events: readonly {
    readonly sequence: number;
    readonly at: string;
    readonly text: string;
    readonly json: string;
  }[];
}

/** What has changed: the list, or the number of events of a study. Comes at once on connection, then with every change. */
export interface StreamEvent {
  readonly studies: readonly { readonly name: string; readonly state: string; readonly events: number }[];
}
