import type { Agreement } from "./agreement.ts";

/**
 * What the part of a gradient that came through training is good for, at one point:
 *
 * - `value`: cosine at least 0.99, and length within 10 % of the exact one;
 * - `direction`: cosine at least 0.9, over two coordinates or more;
 * - `signs`: a positive cosine, and the right sign in at least 90 % of the coordinates that have one;
 * - `none`: anything less;
 * - `unmeasured`: nothing comes through training exactly, nor by the method, so that nothing was compared.
 */
export type Trust = "value" | "direction" | "signs" | "none" | "unmeasured";

const VALUE_COSINE = 0.99;
const VALUE_LENGTH = 0.1;
const DIRECTION_COSINE = 0.9;
const RIGHT_SIGNS = 0.9;
/** Where the direct part alone is this near to the exact gradient, the total would agree whatever the method did. */
const DIRECT_COSINE = 0.9;
const DIRECT_LENGTH = 0.5;

/** Right signs among the coordinates that have one: a 0 in place of a sign is not right. */
function rightSigns({ signs: { same, opposite, missing } }: Agreement): number {
  return same / (same + opposite + missing);
}

export function trustOf(through: Agreement): Trust {
  const { cosine, lengthRatio, signs, length, exactLength } = through;
  if (exactLength === 0) return length === 0 ? "unmeasured" : "none";
  if (cosine === undefined || lengthRatio === undefined) return "none";
  if (cosine >= VALUE_COSINE && Math.abs(lengthRatio - 1) <= VALUE_LENGTH) return "value";
  const coordinates = signs.same + signs.opposite + signs.missing + signs.none;
  // With one coordinate every right sign has cosine 1.
  if (cosine >= DIRECTION_COSINE && coordinates > 1) return "direction";
  return cosine > 0 && rightSigns(through) >= RIGHT_SIGNS ? "signs" : "none";
}

/** Whether agreement of the whole gradient says nothing about a method, because the direct part alone would agree. */
export const directDominates = ({ cosine, lengthRatio }: Agreement): boolean =>
  cosine !== undefined && cosine >= DIRECT_COSINE && lengthRatio !== undefined && lengthRatio >= DIRECT_LENGTH;

/** Four digits. */
export const shown = (value: number): string => String(Number(value.toPrecision(4)));

const percent = (share: number): string => `${shown(100 * share)} %`;

/** One sentence: whether to trust a method, and by which figures. */
export function verdictOf(method: string, trust: Trust, through: Agreement): string {
  const { cosine = NaN, lengthRatio = NaN, length, exactLength } = through;
  const figures = `through training it has cosine ${shown(cosine)} to the exact gradient and ${shown(lengthRatio)} times its length`;
  const signs = `${percent(rightSigns(through))} of its signs are right`;
  switch (trust) {
    case "value":
      return `Trust ${method} here, direction and length: ${figures}.`;
    case "direction":
      return `Trust only the direction of ${method} here: ${figures}; use an optimizer that ignores lengths, such as adam or sign.`;
    case "signs":
      return `Trust only the signs of ${method} here: ${signs}, but ${figures}; use the optimizer sign.`;
    case "unmeasured":
      return `Nothing is known of ${method} here: no gradient comes through training, so there was nothing to compare.`;
    case "none":
      if (exactLength === 0)
        return `Do not use ${method} here: it gives a gradient of length ${shown(length)} through training, where there is exactly none.`;
      if (length === 0)
        return `Do not use ${method} here: it gives nothing through training, where the exact gradient has length ${shown(exactLength)}.`;
      return `Do not use ${method} here: ${figures}, and ${signs}.`;
  }
}
