import { fileURLToPath } from "node:url";
import { nearest } from "../errors.ts";
import * as drmad from "../index.ts";

/** drmad's own files lie below the parent of this folder. */
const OURS: string = fileURLToPath(new URL("..", import.meta.url));

/** Who wrote the code in which an error arose: the innermost stack frame that is neither Node's nor a package's. */
export interface Origin {
  readonly ours: boolean;
  /** file:line:column of the innermost frame outside drmad. */
  readonly place: string | undefined;
}

/** The place in a line of a stack: in brackets after a name, or alone. Paths may have brackets and spaces of their own. */
function placeOf(line: string): string | undefined {
  const named = /^\s*at [^(]*\((.+:\d+:\d+)\)$/.exec(line);
  const found = named ?? /^\s*at (?:async )?(.+:\d+:\d+)$/.exec(line);
  return found?.[1]!.replace("file://", "");
}

export function originOf(error: unknown): Origin {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const places = stack
    .split("\n")
    .map(placeOf)
    .filter((place) => place !== undefined)
    .map(decoded)
    .filter((place) => !place.startsWith("node:") && !/[\\/]node_modules[\\/](?!drmad[\\/])/.test(place));
  return {
    ours: places[0]?.startsWith(OURS) ?? true,
    place: places.find((place) => !place.startsWith(OURS)),
  };
}

/** Frames of modules that Node loaded itself are addresses, with %20 for a space. */
function decoded(place: string): string {
  try {
    return decodeURIComponent(place);
  } catch {
    return place;
  }
}

/** What other libraries call an operation. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  take: "gather", concatenate: "concat", cat: "concat", dot: "matmul", multiply: "mul", subtract: "sub", divide: "div",
  power: "pow", negative: "neg", permute: "transpose", view: "reshape", variance: "mean", logsumexp: "logSumExp",
}; // prettier-ignore

/** A call of what drmad does not have, which the loader words with a name of its own for the module. */
function notThere(message: string): string | undefined {
  const [, path] = /^\(?(?:0\s?,\s?)?_drmad\d*\.([\w$.]+)\)? is not a (?:function|constructor)/.exec(message) ?? [];
  if (path === undefined) return undefined;
  const at = path.lastIndexOf(".");
  const [place, name] = [at < 0 ? "drmad" : path.slice(0, at), path.slice(at + 1)];
  const space = at < 0 ? drmad : (drmad as Readonly<Record<string, unknown>>)[place];
  if (typeof space !== "object" || space === null || name in space) return undefined;
  const other = ELSEWHERE[name];
  const near = other !== undefined && other in space ? other : nearest(name, Object.keys(space));
  return `${place} has no ${name}${near === undefined ? "" : `; did you mean ${place}.${near}?`}`;
}

/** Kind and message of anything thrown, with imported names as their file has them and not as the loader does. */
export const described = (thrown: unknown): string =>
  thrown instanceof Error
    ? (notThere(thrown.message.trim()) ??
      `${thrown.name}: ${thrown.message.trim()}`
        .replaceAll(/\(0\s?,\s?_?[\w$]+\.([\w$]+)\)/g, "$1")
        .replaceAll(/\b_drmad\d*\./g, ""))
    : String(thrown);
