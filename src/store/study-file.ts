import { parseZip, zipPieces, type Bytes } from "../data/zip.ts";
import { DrmadError } from "../errors.ts";
import { eventProblem } from "./event-check.ts";
import { decodeEvent } from "./event-codec.ts";
import { plainJson, type Malformed } from "./plain-json.ts";
import type { KeptState } from "./tables.ts";

/** A study as one file has it, before anything of it is in a store. The files of its tensors are read one at a time. */
export interface PackedStudy<T extends PackedTensors = PackedTensors> {
  readonly name: string;
  readonly state: Exclude<KeptState, "running">;
  readonly tags: readonly string[];
  readonly notes: string;
  readonly experiment: string;
  readonly source: string | null;
  readonly options: Readonly<Record<string, unknown>>;
  readonly error: { readonly code: string; readonly message: string } | null;
  /** How often it was taken by a process: new files of its tensors have that in their names. */
  readonly lease: number;
  readonly created: number;
  readonly updated: number;
  readonly events: readonly PackedEvent<T>[];
}

export interface PackedEvent<T extends PackedTensors = PackedTensors> {
  readonly type: string;
  /** As the store has it, byte for byte. */
  readonly json: string;
  readonly at: number;
  readonly lease: number;
  readonly files: readonly T[];
}

/** A safetensors file as the store has it. */
export interface PackedTensors {
  /** Without a folder: `000001-1.safetensors`. */
  readonly file: string;
  readonly sha256: string;
}

export interface ReadableTensors extends PackedTensors {
  /** Compares the checksum of the archive, not the SHA-256. @throws DrmadError malformed-file */
  read(): Uint8Array;
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

const FORMAT = "drmad study";
const VERSION = 1;
const MANIFEST = "study.json";
const EVENTS = "events.jsonl";
const TENSORS = "tensors/";
const NAME = /^\d{6,9}-\d{1,9}(?:-optimizer)?\.safetensors$/;
const STATES: readonly string[] = ["waiting", "failed", "stopped", "done"] satisfies KeptState[];
/** Milliseconds that a date can have. */
const LATEST = 8.64e15;

/**
 * A study in one file: a zip archive, nothing in it compressed, of `study.json` (what lists show, and the SHA-256 of every other
 * file), `events.jsonl` (one event a line) and `tensors/…` (safetensors). Equal studies are equal bytes.
 *
 * It is written piece by piece, and no more than one file of tensors is held.
 *
 * Errors: `invalid-argument` for more than 2 GiB.
 */
export async function writeStudy<T extends PackedTensors>(
  { events, ...study }: PackedStudy<T>,
  read: (file: T) => Promise<Uint8Array>,
  write: (piece: Uint8Array) => Promise<void> | void,
): Promise<void> {
  const manifest = {
    format: FORMAT,
    version: VERSION,
    ...study,
    events: events.map(({ type, at, lease, files }) => ({
      type,
      at,
      lease,
      files: files.map(({ file, sha256 }) => ({ file, sha256 })),
    })),
  };
  const zip = zipPieces();
  const add = async (name: string, bytes: Uint8Array): Promise<void> => {
    for (const piece of zip.add(name, bytes)) await write(piece);
  };
  await add(MANIFEST, utf8(JSON.stringify(manifest)));
  await add(EVENTS, utf8(events.map(({ json }) => `${json}\n`).join("")));
  for (const { files } of events) for (const file of files) await add(`${TENSORS}${file.file}`, await read(file));
  await write(zip.end());
}

/**
 * The study in such a file. What its tensors hold is not looked at here.
 * @param name stands for the file in errors
 * Errors: `malformed-file` for anything that `writeStudy` does not write; `store-version` for a newer drmad's.
 */
export function decodeStudy(bytes: Bytes, name = "study"): PackedStudy<ReadableTensors> {
  const fail: Malformed = (problem) => {
    throw new DrmadError("malformed-file", `${name}: ${problem}`, {
      hint: "The file is damaged or is none of drmad export NAME --format study; export or fetch it again. Nothing was imported.",
    });
  };
  const entries = parseZip(bytes, { name, maxRatio: 1 });
  const text = (entry: string): string => {
    const read = entries.get(entry) ?? fail(`it has no ${entry}`);
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(read());
    } catch (cause) {
      if (cause instanceof DrmadError) throw cause;
      return fail(`${entry} is not UTF-8`);
    }
  };
  const manifest = record(plainJson(text(MANIFEST), MANIFEST, fail), MANIFEST, fail);
  if (manifest["format"] !== FORMAT) return fail(`${MANIFEST} does not say that it is a ${FORMAT}`);
  if (manifest["version"] !== VERSION) {
    if (!isWhole(manifest["version"], 1e9)) return fail(`${MANIFEST} has no version`);
    throw new DrmadError(
      "store-version",
      `${name} has version ${String(manifest["version"])}, and this drmad knows 1`,
      {
        hint: "Import it with the drmad that wrote it, or a later one. Nothing was imported.",
      },
    );
  }
  const lines = text(EVENTS).split("\n");
  if (lines.pop() !== "") return fail(`${EVENTS} ends inside a line`);
  const told = list(manifest["events"], "events", fail);
  if (told.length !== lines.length) return fail(`it tells of ${told.length} events and has ${lines.length}`);
  const used = new Set([MANIFEST, EVENTS]);
  const events = told.map((each, i) => eventOf(record(each, `event ${i}`, fail), i, lines[i]!, entries, used, fail));
  const other = [...entries.keys()].find((entry) => !used.has(entry));
  if (other !== undefined) return fail(`nothing refers to ${JSON.stringify(other)}`);
  const problem = eventProblem(events.map(({ json }) => decodeEvent(json)));
  if (problem !== undefined) return fail(problem);
  return { ...studyOf(manifest, fail), events };
}

function studyOf(manifest: Fields, fail: Malformed): Omit<PackedStudy, "events"> {
  const { state, source, error } = manifest;
  if (typeof state !== "string" || !STATES.includes(state)) return fail(`its state is ${JSON.stringify(state)}`);
  const failed = error === null ? null : record(error, "error", fail);
  return {
    name: string(manifest["name"], "name", fail),
    state: state as PackedStudy["state"],
    tags: list(manifest["tags"], "tags", fail).map((tag) => string(tag, "a tag", fail)),
    notes: string(manifest["notes"], "notes", fail),
    experiment: string(manifest["experiment"], "experiment", fail),
    source: source === null ? null : string(source, "source", fail),
    options: record(manifest["options"], "options", fail),
    error: failed && {
      code: string(failed["code"], "the error's code", fail),
      message: string(failed["message"], "the error's message", fail),
    },
    lease: whole(manifest["lease"], "lease", 2 ** 31 - 2, fail),
    created: whole(manifest["created"], "created", LATEST, fail),
    updated: whole(manifest["updated"], "updated", LATEST, fail),
  };
}

function eventOf(
  told: Fields,
  i: number,
  json: string,
  entries: ReadonlyMap<string, () => Uint8Array>,
  used: Set<string>,
  fail: Malformed,
): PackedEvent<ReadableTensors> {
  const what = `event ${i}`;
  const type = string(told["type"], `the type of ${what}`, fail);
  if (record(plainJson(json, what, fail), what, fail)["type"] !== type) return fail(`${what} is not of type ${type}`);
  const files = list(told["files"], `the files of ${what}`, fail).map((each) => {
    const { file, sha256 } = record(each, `a file of ${what}`, fail);
    if (typeof file !== "string" || !NAME.test(file) || Number.parseInt(file, 10) !== i)
      return fail(`${what} has a file of the name ${JSON.stringify(file)}`);
    if (typeof sha256 !== "string" || !/^[0-9a-f]{64}$/.test(sha256)) return fail(`${file} has no SHA-256`);
    const entry = `${TENSORS}${file}`;
    if (used.has(entry)) return fail(`${file} is told of twice`);
    used.add(entry);
    const read = entries.get(entry) ?? fail(`it has no ${entry}`);
    return { file, sha256, read };
  });
  return {
    type,
    json,
    at: whole(told["at"], `the time of ${what}`, LATEST, fail),
    lease: whole(told["lease"], `the lease of ${what}`, 2 ** 31 - 2, fail),
    files,
  };
}

type Fields = Readonly<Record<string, unknown>>;

const record = (value: unknown, what: string, fail: Malformed): Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Fields)
    : fail(`${what} is no record`);
const list = (value: unknown, what: string, fail: Malformed): readonly unknown[] =>
  Array.isArray(value) ? value : fail(`${what} is no list`);
const string = (value: unknown, what: string, fail: Malformed): string =>
  typeof value === "string" ? value : fail(`${what} is no text`);
const isWhole = (value: unknown, most: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most;
const whole = (value: unknown, what: string, most: number, fail: Malformed): number =>
  isWhole(value, most) ? value : fail(`${what} is ${JSON.stringify(value)}, no whole number`);
