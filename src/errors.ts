/**
 * Every error drmad raises on purpose. The message says what happened with the values at hand, the hint says what to do.
 * Anything else that is thrown is a defect of drmad.
 */
export type ErrorCode =
  | "shape-mismatch" // two shapes do not fit in a tensor operation
  | "invalid-argument" // a value given to a public function is out of its domain
  | "invalid-experiment" // an experiment's parts do not fit together
  | "invalid-loss" // a loss is not a scalar of the weights
  | "unused-hyperparameter" // nothing in the run depends on a hyperparameter
  | "unsupported" // a valid request that this method, engine or device does not serve
  | "file-not-found" // a file or folder named by the user is missing or unreadable
  | "write-failed" // a file or folder cannot be written: no such folder, no permission, disk full
  | "malformed-file" // a file's bytes are not what its format promises
  | "folder-not-empty" // --out names a folder that already holds something
  | "engine-unavailable" // the native runtime cannot be loaded here
  | "engine-disagrees" // a compiled step differs from the reference interpreter
  | "non-finite" // a run diverged: a loss, weight or gradient is not a finite number
  | "not-stationary" // training did not end at a minimum, as the implicit method needs
  | "not-converged" // an iterative solver stopped short of its tolerance
  | "study-exists" // a study of that name is kept already
  | "study-not-found" // no study of that name is kept there
  | "study-running" // another process runs the study
  | "study-not-running" // there is nothing to stop
  | "study-changed" // the experiment or the options are others than the study began with
  | "study-lost" // another process has taken the study over
  | "store-version" // a store was written by a newer drmad, or by an older one and is not upgraded yet
  | "cancelled"; // the caller asked to stop

export interface ErrorDetails {
  /** What to do about it, one sentence. */
  readonly hint?: string;
  readonly cause?: unknown;
}

export class DrmadError extends Error {
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "DrmadError";
    this.code = code;
    this.hint = details.hint;
  }
}
