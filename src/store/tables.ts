/**
 * Kept as they stand; `stale` is not, for it follows from a running study's heartbeat. `failed` ended with an error or
 * without a hypergradient, `stopped` can go on, `done` has its result.
 */
export type KeptState = "waiting" | "running" | "failed" | "stopped" | "done";

/** Booleans are 0 and 1, times milliseconds since 1970 as a number, lists and records JSON: the same on any SQL server. */
export interface StudyTable {
  readonly id: string;
  readonly name: string;
  readonly state: KeptState;
  /** JSON list of strings. */
  readonly tags: string;
  readonly notes: string;
  /** As its user named it: a built-in one, or the path of a file. */
  readonly experiment: string;
  /** The text of that file, where there is one. */
  readonly source: string | null;
  /** SHA-256 of the source. */
  readonly hash: string | null;
  /** JSON record. */
  readonly options: string;
  /** 1 where it came as a file: nobody here has typed the path of its experiment. */
  readonly imported: number;
  /** Increases whenever a process takes the study; only the latest may write. */
  readonly lease: number;
  /** Machine and process of it, null where none runs. */
  readonly owner: string | null;
  readonly heartbeat: number;
  readonly stop_requested: number;
  /** JSON record of the error that it failed with. */
  readonly error: string | null;
  readonly created: number;
  readonly updated: number;
  /** Number of events: the sequence number of the next. */
  readonly events: number;
  /** Outer steps that are done, of how many, which one is the best, and validation losses; for lists without reading events. */
  readonly steps: number;
  readonly outer_steps: number | null;
  readonly best_step: number | null;
  readonly best_loss: number | null;
  readonly start_loss: number | null;
}

export interface EventTable {
  readonly study: string;
  /** From 0 without gaps. */
  readonly sequence: number;
  readonly type: string;
  readonly json: string;
  readonly lease: number;
  readonly at: number;
}

export interface TensorTable {
  readonly study: string;
  /** Of the event that it belongs to. */
  readonly sequence: number;
  readonly name: string;
  readonly step: number;
  /** `lasting`, or `passing`: needed until the next step is kept. */
  readonly part: "lasting" | "passing";
  /** Relative to where the tensors are. */
  readonly file: string;
  /** Of the whole file. */
  readonly sha256: string;
  readonly dtype: string;
  /** JSON list. */
  readonly shape: string;
  /** Of its finite numbers; null where there are none. */
  readonly least: number | null;
  readonly most: number | null;
  readonly mean: number | null;
  /** JSON list of counts in equal bins from `least` to `most`; null where there is nothing to count. */
  readonly histogram: string | null;
  /** See thumbnail.ts; null for what nobody looks at, for no values, and where an older drmad kept it. */
  readonly thumbnail: Uint8Array | null;
}

/** Only where tensors are no files; see `tableBytes`. */
export interface BytesTable {
  readonly study: string;
  readonly file: string;
  readonly piece: number;
  readonly bytes: Uint8Array;
}

export interface Tables {
  readonly drmad_schema: { readonly version: number };
  readonly studies: StudyTable;
  readonly events: EventTable;
  readonly tensors: TensorTable;
  readonly tensor_bytes: BytesTable;
}
