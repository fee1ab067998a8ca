import type { StudySummary } from "../store/store.ts";
import type { StudyTimes } from "../store/times.ts";
import type { ForkInfo, StartInfo, StepFidelity, StepRecord, TuneResult, Warning } from "../study/events.ts";

/**
 * What the dashboard asks and is answered. Every route but the stream and the maps answers JSON; numbers that JSON has no
 * word for are the strings "NaN", "Infinity" and "-Infinity". A study is named by the parameter `study`.
 *
 *     GET  /api/studies                                         → StudyList
 *     GET  /api/study?study=NAME                                → StudyView
 *     GET  /api/map?study=NAME&step=N&tensor=T&of=value         → TensorMap, see there; `of` may be `hypergradient`
 *     GET  /api/curve?study=NAME&tensor=T                       → TensorCurve
 *     GET  /api/strip?study=NAME&tensor=T&of=value              → Strip; `of` may be `hypergradient`
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
  /** Present once the study has ended. */
  readonly test: Json<NonNullable<TuneResult["test"]>> | null;
  /** What another study this one goes on from, at which step, and with which options changed; null for one that is no fork. */
  readonly origin: Json<ForkInfo> | null;
  /** In seconds: of the process that runs it (or ran it last), of the study in all, and of wall clock since it was begun. */
  readonly times: Json<StudyTimes> | null;
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
  /** Kept steps whose file is lost or damaged. */
  readonly unreadable: readonly number[];
  readonly least: readonly Num[];
  readonly median: readonly Num[];
  readonly most: readonly Num[];
  readonly each?: readonly (readonly Num[])[];
}

/**
 * A tensor at each kept step as a small picture, as it was drawn when the step was kept: see store/thumbnail.ts for what a cell
 * shows. All pictures are in one scale of colours.
 */
export interface Strip {
  /** Steps that keep the tensor. There are pictures of at most 101 of them: evenly, with the first, the best and the last. */
  readonly kept: number;
  /** What equal differences of shade are: of values, of their logarithms, or of logarithms on both sides of zero. */
  readonly warp: "linear" | "log" | "signed";
  /** Zero is in the middle, and `least` is minus `most`. */
  readonly diverging: boolean;
  /** The ends of the scale; null where no value is finite. */
  readonly least: number | null;
  readonly most: number | null;
  readonly frames: readonly StripFrame[];
}

export interface StripFrame {
  readonly step: number;
  /** Null where none was drawn, as older drmads did not. */
  readonly picture: {
    /** Cells, at most 64 either way. */
    readonly rows: number;
    readonly columns: number;
    /** Rows and columns of what the picture stands for, where a value has a cell. */
    readonly extent: readonly [rows: number, columns: number];
    /**
     * Bytes in base64, row by row: 0 to 253 from the scale's low end to its high end, 254 where a value is not finite, 255 where
     * there is none.
     */
    readonly cells: string;
  } | null;
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
