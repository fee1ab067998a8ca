/** Advance widths of DejaVu Sans for U+0020 … U+007E, in thousandths of the font size. */
const REGULAR = [
  318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636, 636, 636, 636, 636,
  636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632, 575, 775, 752, 295, 295, 656, 557, 863,
  748, 787, 603, 787, 695, 635, 611, 732, 684, 989, 685, 611, 685, 390, 337, 390, 838, 500, 500, 613, 635, 550, 635,
  615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636,
  337, 636, 838,
];
const BOLD = [
  348, 456, 521, 838, 696, 1002, 872, 306, 457, 457, 523, 838, 380, 415, 380, 365, 696, 696, 696, 696, 696, 696, 696,
  696, 696, 696, 400, 400, 838, 838, 838, 580, 1000, 774, 762, 734, 830, 683, 683, 821, 837, 372, 372, 775, 637, 995,
  837, 850, 733, 850, 770, 720, 682, 812, 774, 1103, 771, 724, 725, 457, 365, 457, 838, 500, 500, 675, 716, 593, 716,
  678, 435, 716, 712, 343, 343, 665, 343, 1042, 712, 687, 716, 716, 493, 595, 478, 712, 652, 924, 645, 652, 582, 712,
  365, 712, 838,
];

/**
 * Width of a line of text in pixels: exact in DejaVu Sans for ASCII but for kerning, rather too much for other
 * characters.
 */
export function textWidth(text: string, size: number, bold = false): number {
  const widths = bold ? BOLD : REGULAR;
  let thousandths = 0;
  for (const character of text) thousandths += widths[character.codePointAt(0)! - 32] ?? otherWidth(character);
  return (thousandths * size) / 1000;
}

function otherWidth(character: string): number {
  if (/[⁰-ₜ¹²³]/u.test(character)) return character === "⁻" ? 528 : 440; // raised and lowered figures
  return character < "\u0250" ? 780 : 1000;
}

/** The text, or as much of it as fits into `width` pixels with an ellipsis. */
export function shorten(text: string, size: number, width: number, bold = false): string {
  if (textWidth(text, size, bold) <= width) return text;
  const characters = [...text];
  while (characters.length > 0 && textWidth(`${characters.join("")}…`, size, bold) > width) characters.pop();
  return `${characters.join("").trimEnd()}…`;
}

/**
 * The text in lines of at most `width` pixels, broken at spaces; the last of at most `maxLines` ends in an ellipsis
 * if it must.
 */
export function wrap(text: string, size: number, width: number, maxLines: number, bold = false): string[] {
  const lines: string[] = [];
  let rest = text.trim().split(/\s+/u);
  while (rest.length > 0 && lines.length < maxLines - 1) {
    let taken = 1;
    while (taken < rest.length && textWidth(rest.slice(0, taken + 1).join(" "), size, bold) <= width) taken++;
    lines.push(shorten(rest.slice(0, taken).join(" "), size, width, bold));
    rest = rest.slice(taken);
  }
  if (rest.length > 0) lines.push(shorten(rest.join(" "), size, width, bold));
  return lines;
}
