import { type FailAt, quoted } from "./limits.ts";

export interface NpyHeader {
  /** NumPy's name of the element type, such as `<f8`; undefined for one with fields. */
  readonly descr: string | undefined;
  readonly fortran: boolean;
  readonly shape: readonly number[];
  /** Where the sizes stand, for errors. */
  readonly shapeAt: number;
  readonly descrAt: number;
}

/**
 * The header of an npy file: a Python dictionary of `descr`, `fortran_order` and `shape`, each once, and nothing else.
 * `start` is where it begins in the file. It is read by its own grammar: nothing is evaluated.
 */
export function parseNpyHeader(text: string, start: number, fail: FailAt): NpyHeader {
  let at = 0;
  /** What the pattern, which must be sticky, finds here; spaces before it are skipped. */
  const take = (pattern: RegExp): string | undefined => {
    while (text[at] === " " || text[at] === "\n" || text[at] === "\t" || text[at] === "\r") at++;
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    at += found?.length ?? 0;
    return found;
  };
  const need = (pattern: RegExp, what: string): string => take(pattern) ?? fail(start + at, `${what} is missing`);
  const string = (what: string): string => need(/'[^'"\\\n]*'|"[^'"\\\n]*"/y, what).slice(1, -1);

  const seen = new Map<string, number>();
  let descr: string | undefined;
  let fortran = false;
  let shape: readonly number[] = [];
  need(/\{/y, "the { of the header");
  while (take(/\}/y) === undefined) {
    const keyAt = start + at;
    const key = string("a key");
    if (seen.has(key)) return fail(keyAt, `${quoted(key)} stands twice in the header`);
    need(/:/y, "the : after a key");
    seen.set(key, start + at + (text[at] === " " ? 1 : 0));
    if (key === "descr") {
      // A list of fields: a structured array. What it says does not matter, for such arrays are not read.
      if (take(/\[/y) !== undefined) return { descr: undefined, fortran, shape, shapeAt: 0, descrAt: start + at };
      descr = string("the element type");
    } else if (key === "fortran_order") fortran = need(/True|False/y, "True or False") === "True";
    else if (key === "shape") shape = sizes(take, need);
    else return fail(keyAt, `${quoted(key)} does not belong into the header`);
    if (take(/,/y) === undefined) {
      need(/\}/y, "the } of the header");
      break;
    }
  }
  if (take(/[^]/y) !== undefined) return fail(start + at - 1, "the header goes on after its end");
  const absent = ["descr", "fortran_order", "shape"].find((key) => !seen.has(key));
  if (absent !== undefined) return fail(start, `the header lacks '${absent}'`);
  return { descr, fortran, shape, shapeAt: seen.get("shape")!, descrAt: seen.get("descr")! };
}

/** A tuple of whole numbers; Python 2 wrote an L after those that it called long. One alone has a comma after it. */
function sizes(
  take: (pattern: RegExp) => string | undefined,
  need: (pattern: RegExp, what: string) => string,
): readonly number[] {
  const shape: number[] = [];
  need(/\(/y, "the ( of the shape");
  while (take(/\)/y) === undefined) {
    shape.push(Number(need(/(?:0|[1-9][0-9]{0,14})(?![0-9])/y, "a size from 0, of at most 15 digits,")));
    take(/L/y);
    if (take(/,/y) === undefined) {
      // (3) is a number in Python and no tuple.
      if (shape.length === 1) need(/,/y, "the , after the only size");
      need(/\)/y, "the ) of the shape");
      break;
    }
  }
  return shape;
}
