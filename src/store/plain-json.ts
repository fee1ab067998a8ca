/** Reports a problem of a file by throwing. */
export type Malformed = (problem: string) => never;

/** Deeper than anything that is kept, and far from the depth at which a recursion over it would fail. */
const MOST_DEPTH = 64;

/**
 * The value of JSON exactly as `JSON.stringify` writes it: no spaces, no key twice, no other spelling of a number; and no key
 * `__proto__`, which would be another thing to code that copies records.
 */
export function plainJson(text: string, what: string, fail: Malformed): unknown {
  if (depthOf(text) > MOST_DEPTH) return fail(`${what} is nested more than ${MOST_DEPTH} deep`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return fail(`${what} is no JSON`);
  }
  if (JSON.stringify(value) !== text) return fail(`${what} is not as JSON.stringify writes it; a key may stand twice`);
  return /"(?:__proto__)":/.test(text) ? fail(`${what} has a key __proto__`) : value;
}

/** How deep brackets nest, outside strings. */
function depthOf(text: string): number {
  let [depth, most, inside] = [0, 0, false];
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === "\\") i++;
    else if (c === '"') inside = !inside;
    else if (!inside && (c === "{" || c === "[")) most = Math.max(most, ++depth);
    else if (!inside && (c === "}" || c === "]")) depth--;
  }
  return most;
}
