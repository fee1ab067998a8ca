import type { NdArray } from "../data/dataset.ts";
import type { Bytes } from "../data/zip.ts";
import type { StudyEvent, StudyState } from "../study/state.ts";
import type { Cleaned, CleanOptions } from "./clean.ts";
import type { StudySink } from "./transfer.ts";
import type { KeptState } from "./tables.ts";
import type { Thumbnails } from "./thumbnails.ts";

/** What a store is doing, for whoever watches it work; a kill may fall between any two. */
export type Activity = `${"commit" | "recovery" | "import"} ${"begins" | "files" | "rows" | "ends"}`;

/** `stale`: it says that it runs, but its process is gone or has given no sign of life for long. */
export type State = KeptState | "stale";

export interface NewStudy {
  /** Another than those of all studies in the store. */
  readonly name: string;
  readonly tags?: readonly string[];
  readonly notes?: string;
  /** What it tunes, as its user names it. */
  readonly experiment: string;
  /** The text of the experiment's file. */
  readonly source?: string;
  /** What it takes to begin it again, as JSON has it. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/** A study in a list: nothing of it is read from its events. */
export interface StudySummary {
  readonly name: string;
  readonly state: State;
  readonly tags: readonly string[];
  readonly notes: string;
  readonly experiment: string;
  readonly source: string | null;
  /** SHA-256 of the source. */
  readonly hash: string | null;
  readonly options: Readonly<Record<string, unknown>>;
  /** Whether it came as a file. */
  readonly imported: boolean;
  /** Evaluations so far: the untuned start is the first. */
  readonly steps: number;
  /** Updates that it is to make; null before it has begun. */
  readonly outerSteps: number | null;
  readonly best: { readonly step: number; readonly loss: number } | null;
  /** In its log so far. */
  readonly events: number;
  /** Validation loss of the untuned start. */
  readonly startLoss: number | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  /** Whether it was asked to stop and has not yet. */
  readonly stopping: boolean;
  readonly created: Date;
  readonly updated: Date;
}

/** An event in the log, without the arrays that belong to it. */
export interface LoggedEvent {
  /** From 0 without gaps. */
  readonly sequence: number;
  readonly at: Date;
  readonly event: StudyEvent;
  /** Whether it has arrays. */
  readonly arrays: boolean;
}

/** What may be said of a study at any time, by anybody. */
export interface Annotation {
  readonly notes?: string;
  readonly tags?: readonly string[];
}

/** The right to write a study: one process has it at a time. */
export interface Claim {
  /** The study as the last committed event left it. */
  readonly from: StudyState;
  /**
   * When it resolves, all of the events and their tensors are on disk; when it fails, none of them is there.
   * @param whole gives an event with its arrays, where the list has it without: they are written one event after another, and
   * no more than one's are held
   * @throws DrmadError study-lost, write-failed
   */
  append(events: readonly StudyEvent[], whole?: (event: StudyEvent) => Promise<StudyEvent>): Promise<void>;
  /**
   * A sign of life.
   * @returns whether somebody asked the study to stop
   * @throws DrmadError study-lost
   */
  beat(): Promise<boolean>;
  /** Gives the right back; without a state, the study has the one again that it had before. */
  release(state?: KeptState, error?: unknown): Promise<void>;
}

export interface ImportOptions {
  /** Instead of the name that it has in the file. */
  readonly as?: string;
  /** Stands for the file in errors. */
  readonly file?: string;
}

/** Where studies are kept. Every method throws DrmadError `malformed-file` and `write-failed` where the store is at fault. */
export interface Store {
  /** Where it is, for messages. */
  readonly place: string;
  /** @throws DrmadError study-exists, invalid-argument for a name that is none */
  create(study: NewStudy): Promise<void>;
  /** Newest first. */
  list(): Promise<readonly StudySummary[]>;
  /** @throws DrmadError study-not-found */
  get(name: string): Promise<StudySummary>;
  /** From a sequence number on. @throws DrmadError study-not-found */
  events(name: string, from?: number): Promise<readonly LoggedEvent[]>;
  /** The arrays of an event by their place in it, such as `values/l2`. @throws DrmadError study-not-found, file-not-found */
  tensors(name: string, sequence: number): Promise<Readonly<Record<string, NdArray>>>;
  /**
   * Small pictures of one of the arrays of a study's steps, such as `values/l2`, without reading it; of at most `limit` steps
   * (from 2), and the best one.
   * @throws DrmadError study-not-found
   */
  thumbnails(name: string, path: string, limit: number): Promise<Thumbnails>;
  /**
   * One event with those of its arrays that are kept still: a step that lost its arrays has no `kept`, and of steps before
   * the last one `kept.optimizer` is undefined. Undefined where the log has no such number.
   * @throws DrmadError study-not-found, file-not-found
   */
  event(name: string, sequence: number): Promise<StudyEvent | undefined>;
  /** All of a study, folded. @throws DrmadError study-not-found, file-not-found */
  state(name: string): Promise<StudyState>;
  /**
   * Takes a study that nobody runs: one whose process is gone, or whose last sign of life is older than the store's age.
   * @throws DrmadError study-not-found, study-running
   */
  claim(name: string): Promise<Claim>;
  /**
   * Asks the process that runs a study to stop after it has kept what it did; a stale one is stopped at once.
   * @throws DrmadError study-not-found, study-not-running
   */
  requestStop(name: string): Promise<void>;
  /** Other notes or tags than it has. @throws DrmadError study-not-found */
  annotate(name: string, annotation: Annotation): Promise<void>;
  /**
   * Another text whenever anything was committed since, by this process or another one; costs microseconds. Studies whose
   * processes are gone become stale without one.
   */
  revision(): Promise<string>;
  /** All of a study as one file, byte for byte the same for the same study. @throws DrmadError study-not-found, file-not-found */
  exportStudy(name: string): Promise<Uint8Array>;
  /** The same piece by piece: no more than one file of tensors is in memory. @throws DrmadError study-not-found, file-not-found */
  exportStudyTo(name: string, sink: StudySink): Promise<void>;
  /**
   * Brings such a file in: all of it or, on any error, nothing. `bytes` may be a file that is read where it is asked.
   * @returns the name that it has now
   * @throws DrmadError malformed-file, store-version, study-exists, invalid-argument
   */
  importStudy(bytes: Bytes, options?: ImportOptions): Promise<string>;
  /** Bytes that there is room for; undefined where that cannot be asked. */
  free(): number | undefined;
  /**
   * Removes the arrays of steps that studies do not keep, and files that an interruption left: never the first, the best or
   * the last step. Safe beside processes that write.
   * @throws DrmadError study-not-found, invalid-argument
   */
  clean(options?: CleanOptions): Promise<readonly Cleaned[]>;
  /** Removes a study for good. @throws DrmadError study-not-found, study-running */
  remove(name: string, options?: { readonly dryRun?: boolean }): Promise<Cleaned>;
  close(): Promise<void>;
}
