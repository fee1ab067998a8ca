import type { Drawing, Expectation, Findings, Recorded } from "./reproduction.ts";

const ONE_SEED = "One seed: no standard error.";
/** A figure's unknown standard error, and what was said of it in brackets; a unit may stand between. */
const UNKNOWN_ERROR = / ± Infinity( points| %)?(?: \((?:no clear difference|[^()]*standard errors?[^()]*)\))?/g;

/**
 * A sentence of figures as people read it, whatever number of seeds it was made for: no standard error of a single one, the minus
 * of the rest of the text, and no exponents where a number is as short without.
 */
export function worded(text: string): string {
  const plain = text
    .replaceAll(/\bmean of 1 (seed|run)s?\b/g, "one $1")
    .replaceAll(/\bmean over seeds \(1\)/g, "one seed")
    .replaceAll(/\d(?:\.\d+)?e\+\d\b/g, (figure) => (Number(figure) < 1e6 ? String(Number(figure)) : figure))
    // Not a hyphen: those follow a letter or a number, unless it is an exponent.
    .replaceAll(/(?<![\p{L}\d_)\]])-(?=\.?\d)|(?<=\de)-(?=\d)/gu, "−");
  if (!plain.includes("± Infinity")) return plain;
  const known = plain.replaceAll(UNKNOWN_ERROR, "$1");
  return `${known}${/[.!?]$/.test(known) ? "" : "."} ${ONE_SEED}`;
}

const wordedExpectation = (each: Expectation): Expectation => ({ ...each, found: worded(each.found) });

type Words = Pick<Findings, "tables" | "conclusions" | "expectations">;

/** What was found, every sentence as `worded` has it. */
export const wordedFindings = <F extends Words | Recorded>(findings: F): F => ({
  ...findings,
  tables: findings.tables.map((table) => ({ ...table, title: worded(table.title) })),
  conclusions: findings.conclusions.map(worded),
  expectations: findings.expectations.map(wordedExpectation),
});

/** A picture with its titles so. */
export const wordedDrawing = (drawing: Drawing): Drawing =>
  drawing.kind === "lines"
    ? { ...drawing, ...(drawing.subtitle === undefined ? {} : { subtitle: worded(drawing.subtitle) }) }
    : {
        ...drawing,
        maps: drawing.maps.map((map) => ({
          ...map,
          ...(map.subtitle === undefined ? {} : { subtitle: worded(map.subtitle) }),
        })),
      };
