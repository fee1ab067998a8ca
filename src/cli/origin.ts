import { fileURLToPath } from "node:url";

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

/** Kind and message of anything thrown, with imported names as their file has them and not as the loader does. */
export const described = (thrown: unknown): string =>
  thrown instanceof Error
    ? `${thrown.name}: ${thrown.message.trim()}`.replaceAll(/\(0\s?,\s?_?[\w$]+\.([\w$]+)\)/g, "$1")
    : String(thrown);
