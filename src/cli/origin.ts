import { fileURLToPath } from "node:url";

/** drmad's own files lie below the parent of this folder. */
const OURS: string = fileURLToPath(new URL("..", import.meta.url));

/** Who wrote the code in which an error arose: the innermost stack frame that is neither Node's nor a package's. */
export interface Origin {
  readonly ours: boolean;
  /** file:line:column of the innermost frame outside drmad. */
  readonly place: string | undefined;
}

const FRAME = /^\s*at (?:async )?(?:.*? \()?(?:file:\/\/)?((?:[A-Za-z]:)?[^()]+:\d+:\d+)\)?$/;

export function originOf(error: unknown): Origin {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const places = stack
    .split("\n")
    .map((line) => FRAME.exec(line)?.[1])
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
