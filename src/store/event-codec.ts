import type { NdArray } from "../data/dataset.ts";
import { DrmadError } from "../errors.ts";
import type { StudyEvent } from "../study/state.ts";

/** An event as it is kept: JSON for what people read, arrays and an optimiser's numbers apart, by their place in the event. */
export interface EncodedEvent {
  readonly json: string;
  readonly tensors: Readonly<Record<string, NdArray>>;
}

type Numbers = NdArray["data"];
const isArray = (value: unknown): value is Numbers =>
  value instanceof Float64Array ||
  value instanceof Float32Array ||
  value instanceof Int32Array ||
  value instanceof Uint8Array;

const isNdArray = (value: object): value is NdArray =>
  "data" in value && isArray(value.data) && "shape" in value && Array.isArray(value.shape);

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};

/** A key within the path of an array: as in a JSON pointer, so that no two places have one path. */
export const escaped = (key: string): string => key.replaceAll("~", "~0").replaceAll("/", "~1");
export const unescaped = (key: string): string => key.replaceAll("~1", "/").replaceAll("~0", "~");

/** Where every number is kept bit for bit beside the arrays. */
const OPTIMIZER = /^(?:kept|at)\/optimizer(?:\/|$)/;

/**
 * JSON has no NaN, infinities, −0 or undefined: these, and references to arrays, are records of one key that begins with $.
 * Keys of one's own that begin so get another $.
 *
 * Errors: `unsupported` for what is no plain data, such as a function, a class of one's own or a Map.
 */
export function encodeEvent(event: object): EncodedEvent {
  const tensors: Record<string, NdArray> = {};
  const keep = (kind: string, path: string, array: NdArray): object => {
    tensors[path] = array;
    return { [kind]: path };
  };
  const encode = (value: unknown, path: string): unknown => {
    if (value === undefined) return { $undefined: true };
    if (typeof value === "number") {
      if (OPTIMIZER.test(path)) return keep("$scalar", path, { data: Float64Array.of(value), shape: [] });
      return Object.is(value, -0) ? { $number: "-0" } : Number.isFinite(value) ? value : { $number: String(value) };
    }
    if (value === null || typeof value === "string" || typeof value === "boolean") return value;
    if (isArray(value)) return keep("$values", path, { data: value, shape: [value.length] });
    if (Array.isArray(value)) return value.map((part, i) => encode(part, `${path}/${i}`));
    if (typeof value !== "object" || !isPlain(value)) throw unkept(value, path);
    if (isNdArray(value)) return keep("$array", path, value);
    return Object.fromEntries(
      Object.entries(value).map(([key, part]) => [
        key.startsWith("$") ? `$${key}` : key,
        encode(part, path === "" ? escaped(key) : `${path}/${escaped(key)}`),
      ]),
    );
  };
  return { json: JSON.stringify(encode(event, "")), tensors };
}

const unkept = (value: unknown, path: string): DrmadError =>
  new DrmadError("unsupported", `a study cannot be kept with ${kindOf(value)} at ${path}`, {
    hint: "Let the optimizer's state be plain data: nested records and lists of numbers, strings and typed arrays.",
  });

const kindOf = (value: unknown): string =>
  typeof value === "object" ? `an object of class ${value?.constructor?.name ?? "unknown"}` : `a ${typeof value}`;

function missing(what: string): never {
  throw new DrmadError("malformed-file", `a kept event ${what}`, { hint: "Bring the store back from a copy." });
}

/** Records that are only there together with the tensors. */
const NUMBERS = ["kept", "values", "at", "examples"];
const holdsArrays = (key: string, of: unknown): boolean => NUMBERS.includes(key) && typeof of === "object";

/**
 * The event again. Without tensors, its arrays are left out with what holds them.
 * Errors: `malformed-file` where the JSON is damaged or a tensor that it names is missing.
 */
export function decodeEvent(json: string, tensors?: Readonly<Record<string, NdArray>>): StudyEvent {
  const tensor = (path: unknown): NdArray => {
    const found = typeof path === "string" && tensors !== undefined && Object.hasOwn(tensors, path);
    return found ? tensors[path]! : missing(`names the tensor ${JSON.stringify(path)}, which is not there`);
  };
  const special = (kind: string, of: unknown): unknown => {
    if (kind === "$undefined") return undefined;
    if (kind === "$number") return Number(of);
    if (kind === "$scalar") return tensor(of).data[0];
    if (kind === "$values") return tensor(of).data;
    if (kind === "$array") return tensor(of);
    return missing(`holds ${kind}, which this drmad does not know`);
  };
  const decode = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(decode);
    if (typeof value !== "object" || value === null) return value;
    const entries = Object.entries(value);
    const [key, of] = entries[0] ?? ["", undefined];
    if (entries.length === 1 && /^\$[^$]/.test(key)) return special(key, of);
    return Object.fromEntries(entries.map(([name, part]) => [name.replace(/^\$\$/, "$"), decode(part)]));
  };
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    return missing("is no JSON");
  }
  if (typeof parsed !== "object" || parsed === null) return missing("is no record");
  const whole = Object.entries(parsed).filter(([key, of]) => tensors !== undefined || !holdsArrays(key, of));
  return decode(Object.fromEntries(whole)) as StudyEvent;
}
