import { inflateSync } from "node:zlib";
import { Resvg } from "@resvg/resvg-wasm";
import { beforeAll, describe, expect, test } from "vitest";
import * as fc from "fast-check";
import { pngAssets } from "../cli/assets.ts";
import { heatMap } from "./heat-map.ts";
import { lineChart } from "./line-chart.ts";
import { NO_VALUE } from "./palette.ts";
import { toPng } from "./png.ts";
import { label, picture } from "./svg.ts";
import { shorten, textWidth, wrap } from "./text.ts";

const assets = pngAssets();

interface Pixels {
  readonly width: number;
  readonly height: number;
  /** The colour at a pixel, as #rrggbb. */
  readonly at: (x: number, y: number) => string;
}

/** A reader of the PNG files that are written here: 8 bits, red green blue alpha, not interlaced. */
function decodePng(png: Uint8Array): Pixels {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  expect([...png.subarray(0, 8)]).toEqual([137, 80, 78, 71, 13, 10, 26, 10]);
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  expect([...png.subarray(24, 29)]).toEqual([8, 6, 0, 0, 0]);
  const parts: Uint8Array[] = [];
  for (let at = 8; at < png.length; at += 12 + view.getUint32(at)) {
    const type = String.fromCharCode(...png.subarray(at + 4, at + 8));
    if (type === "IDAT") parts.push(png.subarray(at + 8, at + 8 + view.getUint32(at)));
  }
  const rows = inflateSync(Buffer.concat(parts));
  const stride = 4 * width;
  const pixels = new Uint8Array(stride * height);
  for (let y = 0; y < height; y++) {
    const filter = rows[y * (stride + 1)]!;
    for (let i = 0; i < stride; i++) {
      const left = i >= 4 ? pixels[y * stride + i - 4]! : 0;
      const up = y > 0 ? pixels[(y - 1) * stride + i]! : 0;
      const corner = i >= 4 && y > 0 ? pixels[(y - 1) * stride + i - 4]! : 0;
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter]!;
      pixels[y * stride + i] = rows[y * (stride + 1) + 1 + i]! + guess;
    }
  }
  const at = (x: number, y: number): string =>
    `#${Buffer.from(pixels.subarray(y * stride + 4 * x, y * stride + 4 * x + 3)).toString("hex")}`;
  return { width, height, at };
}

function paeth(left: number, up: number, corner: number): number {
  const distances = [up - corner, left - corner, left + up - 2 * corner].map(Math.abs);
  const least = Math.min(...distances);
  return [left, up, corner][distances.indexOf(least)]!;
}

describe("toPng", () => {
  test("draws a heat map's cells in their colours on white, at the scale that was asked for", async () => {
    const svg = heatMap({ title: "T", values: [0, NaN, 0.5, 1], height: 2, width: 2, label: "value" });
    for (const scale of [1, 2]) {
      const { width, height, at } = decodePng(await toPng(svg, assets, { scale }));
      expect(width).toBe(scale * Number(/width="(\d+)"/.exec(svg)![1]));
      expect(height).toBe(scale * Number(/height="(\d+)"/.exec(svg)![1]));
      const middles = [120, 310].flatMap((y) => [120, 310].map((x) => at(x * scale, (y + 30) * scale)));
      expect(middles).toEqual(["#440255", NO_VALUE, "#21918c", "#fce725"]);
      for (const x of [0, width - 1]) for (const y of [0, height - 1]) expect(at(x, y)).toBe("#ffffff");
    }
  });

  test("draws text: with the fonts, and wider when bold", async () => {
    const ink = async (bold: boolean, fonts: readonly Uint8Array[]): Promise<number> => {
      const svg = picture(200, 30, "t", [label(10, 20, "hypergradient", { size: 16, bold })]);
      const { at } = decodePng(await toPng(svg, { ...assets, fonts }, { scale: 1 }));
      let rightmost = 0;
      for (let x = 0; x < 200; x++) for (let y = 0; y < 30; y++) if (at(x, y) !== "#ffffff") rightmost = x;
      return rightmost;
    };
    const regular = await ink(false, assets.fonts);
    expect(Math.abs(regular - 10 - textWidth("hypergradient", 16))).toBeLessThan(3);
    expect(await ink(true, assets.fonts)).toBeGreaterThan(regular + 5);
    expect(await ink(false, [])).toBe(0);
  });

  test("gives the same bytes every time", async () => {
    const svg = lineChart({ title: "T", xLabel: "x", yLabel: "y", series: [{ name: "a", x: [0, 1], y: [1, 2] }] });
    expect(await toPng(svg, assets)).toEqual(await toPng(svg, assets));
  });

  test.each([0, -1, NaN, Infinity, 9])("refuses the scale %d", async (scale) => {
    const expected = {
      code: "invalid-argument",
      message: expect.stringContaining(`scale of a PNG is ${scale}`) as string,
    };
    await expect(toPng(picture(9, 9, "", []), assets, { scale })).rejects.toMatchObject(expected);
  });

  test("refuses what is not SVG", async () => {
    await expect(toPng("not a picture", assets)).rejects.toMatchObject({ code: "invalid-argument" });
  });

  test("draws pictures with any text in them: none breaks the XML", { timeout: 60_000 }, async () => {
    const hostile = fc.oneof(
      fc.string({ unit: "binary", maxLength: 30 }),
      fc.constantFrom(
        "</text><script>",
        "]]>",
        "&amp;",
        "\0\u0001\u001f",
        "\ud800",
        "\uffff",
        '"',
        "a\nb",
        "🙂 λ‖∇‖",
        "\u202eabc",
      ),
    );
    await fc.assert(
      fc.asyncProperty(hostile, hostile, async (one, two) => {
        const texts = { title: one, subtitle: two, label: one };
        const line = { name: two, x: [0, 1], y: [0, 1] };
        const chart = lineChart({
          ...texts,
          xLabel: one,
          yLabel: two,
          series: [line],
          marks: [{ x: 0, y: 0, label: one }],
        });
        const map = heatMap({ ...texts, values: [1, 2], height: 1, width: 2 });
        for (const svg of [chart, map]) {
          expect(svg).not.toContain("<script");
          expect(svg).not.toMatch(/[\p{Cc}\p{Cs}\ufffe\uffff]/u);
          expect((await toPng(svg, assets, { scale: 0.1 })).length).toBeGreaterThan(100);
        }
      }),
      { numRuns: 40 },
    );
  });
});

/** From the first ink to the last, as the renderer draws it. */
function drawnWidth(words: string, size: number, bold: boolean): number {
  const svg = picture(4000, 50, "", [label(10, 30, words, { size, bold })]).replace(/<rect[^>]*>/, "");
  const font = { fontBuffers: [...assets.fonts], defaultFontFamily: "DejaVu Sans" };
  const drawing = new Resvg(svg, { font });
  const box = drawing.getBBox();
  const width = box?.width ?? 0;
  box?.free();
  drawing.free();
  return width;
}

describe("text", () => {
  beforeAll(async () => {
    await toPng(picture(1, 1, "", []), assets); // starts the renderer
  });

  test("textWidth is what the fonts take for ASCII, and enough for more", { timeout: 60_000 }, () => {
    const ascii = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i));
    for (const bold of [false, true]) {
      for (const character of ascii) {
        // Fifty times, as the box has no space around the outermost ink; and beside itself or beside a letter or a
        // figure, as the renderer moves some pairs together or apart.
        const errors = ["", "H", "0"].map((beside) => {
          const all = drawnWidth(`H${`${beside}${character}`.repeat(50)}H`, 20, bold);
          return Math.abs(
            all - drawnWidth(`H${beside.repeat(50)}H`, 20, bold) - textWidth(character.repeat(50), 20, bold),
          );
        });
        expect(Math.min(...errors), character).toBeLessThan(2);
      }
      for (const words of ["‖∇λ‖ × 10⁻¹²", "größer – ½", "αβγδ…", "10⁰¹²³⁴⁵⁶⁷⁸⁹"]) {
        expect(drawnWidth(words, 20, bold), words).toBeLessThanOrEqual(textWidth(words, 20, bold) + 1);
      }
    }
  });

  test("shorten and wrap keep within the width, and keep all words that fit", () => {
    const words = fc.array(fc.string({ minLength: 1, maxLength: 12, unit: "grapheme-ascii" }), { maxLength: 12 });
    fc.assert(
      fc.property(words, fc.integer({ min: 40, max: 400 }), fc.integer({ min: 1, max: 4 }), (given, width, most) => {
        const text = given.join(" ");
        expect(textWidth(shorten(text, 12, width), 12)).toBeLessThanOrEqual(width);
        const lines = wrap(text, 12, width, most);
        expect(lines.length).toBeGreaterThanOrEqual(1);
        expect(lines.length).toBeLessThanOrEqual(most);
        for (const line of lines) expect(textWidth(line, 12)).toBeLessThanOrEqual(width);
        if (!lines.join("").includes("…")) expect(lines.join(" ")).toBe(text.trim().split(/\s+/u).join(" "));
      }),
    );
    expect(wrap("one two three", 12, 1000, 3)).toEqual(["one two three"]);
    expect(wrap("one two three", 12, 50, 3)).toEqual(["one two", "three"]);
    expect(shorten("abcdef", 10, 30)).toBe("abc…");
  });
});
