import { describe, expect, test } from "vitest";
import { LINE_COLOURS, SCALE_STOPS, scaleColour } from "./palette.ts";

type Triple = readonly [number, number, number];

function channel(colour: string, at: number): number {
  return Number.parseInt(colour.slice(at, at + 2), 16);
}

/** Light, each channel linear in [0, 1]. */
function linear(colour: string): Triple {
  const channels = [1, 3, 5].map((at) => channel(colour, at) / 255);
  return channels.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)) as unknown as Triple;
}

function cubeRoot(t: number): number {
  return t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116;
}

/** CIELAB under D65. */
function lab([r, g, b]: Triple): Triple {
  const x = cubeRoot((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505);
  const y = cubeRoot(0.2126 * r + 0.7152 * g + 0.0722 * b);
  const z = cubeRoot((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

function difference(a: Triple, b: Triple): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

/** What an eye without one kind of cone sees: Machado, Oliveira and Fernandes (2009), severity 1. */
const EYES: Readonly<Record<string, readonly Triple[]>> = {
  normal: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protanope: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deuteranope: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  tritanope: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}; // prettier-ignore

function seen(colour: string, eye: readonly Triple[]): Triple {
  const light = linear(colour);
  const [r, g, b] = eye.map((row) =>
    Math.min(1, Math.max(0, row[0] * light[0] + row[1] * light[1] + row[2] * light[2])),
  );
  return lab([r!, g!, b!]);
}

describe("LINE_COLOURS", () => {
  test.each(Object.keys(EYES))("are told apart from each other and from white by a %s eye", (name) => {
    const colours = [...LINE_COLOURS, "#ffffff"].map((colour) => seen(colour, EYES[name]!));
    colours.forEach((colour, i) => {
      for (const other of colours.slice(i + 1)) expect(difference(colour, other)).toBeGreaterThan(8);
    });
  });
});

describe("scaleColour", () => {
  test("rises in lightness evenly, so that equal steps of the value look equal", () => {
    const lightness = Array.from({ length: 65 }, (_, i) => lab(linear(scaleColour(i / 64)))[0]);
    const steps = lightness.slice(1).map((value, i) => value - lightness[i]!);
    expect(Math.min(...steps)).toBeGreaterThan(0.4);
    expect(Math.max(...steps)).toBeLessThan(2.2);
    const colours = Array.from({ length: 33 }, (_, i) => lab(linear(scaleColour(i / 32))));
    const distances = colours.slice(1).map((colour, i) => difference(colour, colours[i]!));
    expect(Math.max(...distances) / Math.min(...distances)).toBeLessThan(3);
  });

  test("ends where the scale ends", () => {
    expect(scaleColour(0)).toBe("#440154");
    expect(scaleColour(1)).toBe("#fde725");
    expect(scaleColour(-5)).toBe(scaleColour(0));
    expect(scaleColour(Infinity)).toBe(scaleColour(1));
  });

  test("runs straight between the stops, as the gradient of a scale does", () => {
    SCALE_STOPS.forEach((stop, i) => expect(stop).toBe(scaleColour(i / (SCALE_STOPS.length - 1))));
    for (let k = 1; k < 8; k++) {
      const middle = meanColour(SCALE_STOPS[k - 1]!, SCALE_STOPS[k]!);
      expect(scaleColour((k - 0.5) / 8)).toBe(middle);
    }
  });
});

function meanColour(a: string, b: string): string {
  const mean = [1, 3, 5].map((at) => Math.round((channel(a, at) + channel(b, at)) / 2));
  return `#${mean.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}
