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
  | "store-unreachable" // no server answers for a store, or it has no such user, password or database
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

const isRecord = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value);

const has = (value: unknown, part: string): boolean =>
  isRecord(value) && typeof (value as Readonly<Record<string, unknown>>)[part] === "function";

type Kind =
  "number" | "boolean" | "text" | "function" | "record" | "list" | "tree" | "tensor" | "setting" | "method" | "optimizer" | "store"; // prettier-ignore

/** What an option can hold, as a hint says it, and whether a value is one. */
const KINDS: Readonly<Record<Kind, readonly [words: string, is: (value: unknown) => boolean]>> = {
  number: ["a number", (value) => typeof value === "number"],
  boolean: ["true or false", (value) => typeof value === "boolean"],
  text: ["text", (value) => typeof value === "string"],
  function: ["a function", (value) => typeof value === "function"],
  record: ["a record", isRecord],
  list: ["a list", Array.isArray],
  tree: ["a record or list", (value) => typeof value === "object"],
  tensor: ["a tensor", isRecord],
  setting: ["a number, a tensor or a tree of them", (value) => typeof value === "number" || typeof value === "object"],
  method: ["a method, called, such as reverse()", (value) => has(value, "run")],
  optimizer: ["an optimizer, called, such as outer.adam({ rate: 0.05 })", (value) => has(value, "update")],
  store: ["a store, from study.open", (value) => has(value, "claim")],
};

type OneOrTwo = Kind | `${Kind} or ${Kind}`;

/**
 * Every option that a record may have, and what it holds, with "?" where it may be left out: "number", "boolean or number?".
 * One that is added to the type is missing here until it is named.
 */
export type OptionNames<O> = {
  readonly [K in keyof O]-?: Partial<Pick<O, K>> extends Pick<O, K> ? `${OneOrTwo}?` : OneOrTwo;
};

const kindsOf = (option: string): readonly Kind[] => option.replace("?", "").split(" or ") as Kind[];

/** Nothing at these is a name that does not exist, such as h.bta for h.beta: the default would be taken in silence. */
const NEVER_NOTHING: readonly Kind[] = ["setting", "tensor"];

/** A value as an error shows it: text in quotes, and what is large by its type alone. */
export function shownValue(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "a record";
  return typeof value === "function" ? "a function" : String(value);
}

/** What a function without options takes. */
export type NoOptions = { readonly [name: string]: never };

/**
 * Refuses options that do not exist, required ones that are missing, and values of the wrong type: plain JavaScript would leave
 * the first out in silence and fail in the middle of a run by the others, or not at all.
 * @param what the function's name, or what the options are of, as messages begin
 * @throws DrmadError of the given code
 */
export function requireOptions<O extends object>(
  what: string,
  given: O | undefined,
  names: OptionNames<NoInfer<O>>,
  code: ErrorCode = "invalid-argument",
): void {
  const known = Object.keys(names);
  const required = known.filter((name) => !names[name as keyof O].endsWith("?"));
  const fault = (message: string, hint: string): DrmadError => new DrmadError(code, `${what} ${message}`, { hint });
  const all = known.length === 0 ? "It has no options." : `Its options are ${known.join(", ")}.`;
  if (given === undefined && required.length === 0) return;
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    const found =
      given === undefined ? "nothing" : Array.isArray(given) ? "an array" : `${JSON.stringify(given) ?? typeof given}`;
    throw fault(`is given ${found} for its options`, known.length === 0 ? all : `Give a record. ${all}`);
  }
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const near = nearest(unknown, known);
    throw fault(`has no option ${unknown}`, near === undefined ? all : `Did you mean ${near}?`);
  }
  for (const [name, value] of Object.entries(given)) {
    const kinds = kindsOf(names[name as keyof O]);
    if (value === undefined && kinds.some((kind) => NEVER_NOTHING.includes(kind))) {
      const hint = `Is there a value of that name? Give ${name} ${KINDS[kinds[0]!][0]}${required.includes(name) ? "" : ", or leave it out"}.`;
      throw fault(`is given ${name}: undefined`, hint);
    }
    // Nothing stands for the default.
    if (value === undefined || (value !== null && kinds.some((kind) => KINDS[kind][1](value)))) continue;
    throw fault(
      `is given ${name}: ${shownValue(value)}`,
      `It must be ${kinds.map((kind) => KINDS[kind][0]).join(" or ")}.`,
    );
  }
  const missing = required.find((name) => given[name as keyof O] === undefined);
  if (missing !== undefined) throw fault(`needs the option ${missing}`, all);
}

/** Most letters that a name may differ in from the one that was meant. */
const MOST_TYPOS = 2;

/** The known name that was probably meant: the one with the fewest letters put in, left out or changed, if at most two. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const far = known.map((other) => ({ other, typos: editDistance(name.toLowerCase(), other.toLowerCase()) }));
  // Two letters of two say nothing.
  const near = far.filter(({ other, typos }) => typos <= MOST_TYPOS && typos < Math.min(name.length, other.length));
  return near.sort((a, b) => a.typos - b.typos)[0]?.other;
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++)
      next.push(Math.min(row[j]! + (a[i] === b[j] ? 0 : 1), row[j + 1]! + 1, next[j]! + 1));
    row = next;
  }
  return row[b.length]!;
}
