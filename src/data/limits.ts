import { DrmadError } from "../errors.ts";

/** What a file may ask of its reader. Each is checked before the memory is taken. */
export const MAX_DIMENSIONS = 8;
export const MAX_ELEMENTS: number = 2 ** 31;
/** Of one array in memory, or of all that one file holds. */
export const MAX_BYTES: number = 2 ** 31;
/** How many times larger than its compressed form anything may be. */
export const MAX_RATIO = 200;

export interface ParseOptions {
  /** Stands for the file in errors. */
  readonly name?: string;
  /** Bytes of all arrays in memory; at most and by default 2³¹. */
  readonly maxBytes?: number;
}

/** Reports a problem at an offset of the file by throwing. */
export type FailAt = (at: number, problem: string) => never;

/** Errors of one file: `malformed-file`, with the offset of the first wrong byte. */
export function failsAt(name: string, hint: string): FailAt {
  return (at, problem) => {
    throw new DrmadError("malformed-file", `${name}: ${problem}, at byte ${at}.`, { hint });
  };
}

/** What is wrong with the sizes that a file claims, undefined when nothing is. Nothing can wrap round: no factor passes 2³¹. */
export function shapeProblem(shape: readonly number[]): string | undefined {
  if (shape.length > MAX_DIMENSIONS) return `${shape.length} dimensions, more than ${MAX_DIMENSIONS}`;
  let elements = 1;
  for (const size of shape) {
    elements *= size;
    if (size > MAX_ELEMENTS || elements > MAX_ELEMENTS) return `${shape.join(" × ")} elements, more than 2^31`;
  }
  return undefined;
}

export const elementsOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** Text of a file, as messages show it: cut short, and without characters that would move a terminal's cursor. */
export function quoted(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return JSON.stringify(short).replaceAll(/\p{C}/gu, "\ufffd");
}
