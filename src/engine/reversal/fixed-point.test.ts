import { describe, expect, test } from "vitest";
import { createFixedPoint, type FixedPointTensor } from "./fixed-point.ts";
import { DECAY_DENOMINATOR as D } from "../engine.ts";
import { VELOCITY_RADIX, WEIGHT_RADIX } from "./kernel.ts";

/** A pseudo-random gradient that is a function of the weight's bits and the step alone. */
function gradientOf(weight: number, i: number, t: number): number {
  let h =
    Math.imul(Math.round(weight * 2 ** 20) ^ Math.imul(i + 1, 0x9e3779b1), 0x85ebca6b) ^ Math.imul(t + 1, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  return (h ^ (h >>> 13)) / 2 ** 31;
}
const fill = ({ weights, gradient }: FixedPointTensor, t: number): void => {
  for (let i = 0; i < weights.length; i++) gradient[i] = gradientOf(weights[i]!, i, t);
};
const startOf = (size: number): Float64Array => Float64Array.from({ length: size }, (_, i) => Math.sin(i + 0.5));
const nearest = (decay: number): number => Math.round(decay * D) / D;

interface Settings {
  readonly rate: (t: number) => readonly number[];
  readonly decay: (t: number) => readonly number[];
}
const steady = (rate: number, decay: number): Settings => ({ rate: () => [rate], decay: () => [nearest(decay)] });

function ahead(tensor: FixedPointTensor, settings: Settings, steps: number): void {
  for (let t = 0; t < steps; t++) {
    tensor.use(settings.rate(t), settings.decay(t));
    fill(tensor, t);
    if (!tensor.forward()) throw new Error(`out of range at step ${t}`);
  }
}
function back(tensor: FixedPointTensor, settings: Settings, steps: number): void {
  for (let t = steps - 1; t >= 0; t--) {
    tensor.use(settings.rate(t), settings.decay(t));
    tensor.undoMove();
    fill(tensor, t);
    tensor.undoTurn();
  }
}
/** Different bits of two arrays. */
function wrongBits(a: Float64Array, b: Float64Array): number {
  const [x, y] = [new Int32Array(a.buffer), new Int32Array(b.buffer)];
  let wrong = 0;
  x.forEach((word, i) => {
    for (let rest = word ^ y[i]!; rest !== 0; rest &= rest - 1) wrong++;
  });
  return wrong;
}
const velocityOf = (tensor: FixedPointTensor): Float64Array => {
  const velocity = new Float64Array(tensor.weights.length);
  tensor.velocityInto(velocity);
  return velocity;
};
const make = (size: number, own: { rates?: boolean; decays?: boolean } = {}): FixedPointTensor =>
  createFixedPoint([{ size, ownRates: own.rates === true, ownDecays: own.decays === true }], "float64")[0]!;

describe.each([0.1, 0.5, 0.9, 0.98])("decay %d, 10,000 steps of 1,000 weights", (decay) => {
  const [size, steps] = [1000, 10_000];
  const tensor = make(size);
  const settings = steady(0.05, decay);
  tensor.begin(startOf(size));
  const first = Float64Array.from(tensor.weights);
  ahead(tensor, settings, steps);
  const { bits, bytes } = tensor.information();
  const last = Float64Array.from(tensor.weights);
  back(tensor, settings, steps);

  test("come back with no bit wrong", () => {
    expect(last).not.toEqual(first);
    expect(wrongBits(Float64Array.from(tensor.weights), first)).toBe(0);
    expect(wrongBits(velocityOf(tensor), new Float64Array(size))).toBe(0);
    expect(tensor.atStart()).toBe(true);
    expect(tensor.information().bits).toBe(0);
  });

  test("keep log2(d/n) bits a weight and step", () => {
    const lost = steps * size * Math.log2(D / Math.round(decay * D));
    expect(Math.abs(bits / lost - 1)).toBeLessThan(0.05);
    expect(bytes).toBeGreaterThan(bits / 8);
    expect(bytes).toBeLessThan(1.15 * (lost / 8) + 16 * size);
  });
});

test.each([
  ["decays of their own, odd in number", 101, { decays: true, rates: true }],
  ["one weight", 1, {}],
  ["settings that change from step to step", 64, {}],
] as const)("%s: no bit wrong, and the bytes within their bound", (_, size, own) => {
  const steps = 3000;
  const numerators = (t: number): number[] =>
    Array.from({ length: "decays" in own ? size : 1 }, (_, i) =>
      i === 3 ? 1 : i === 4 ? D - 1 : 1 + ((7919 * (i + 1) + 104_729 * t) % (D - 1)),
    );
  const settings: Settings = {
    rate: (t) => Array.from({ length: "rates" in own ? size : 1 }, (_, i) => 0.1 * Math.sin(i + 0.01 * t)),
    decay: (t) => numerators(t).map((n) => n / D),
  };
  const tensor = make(size, own);
  tensor.begin(startOf(size));
  const first = Float64Array.from(tensor.weights);
  ahead(tensor, settings, steps);
  const { bits, bytes } = tensor.information();
  let lost = 0;
  for (let t = 0; t < steps; t++)
    for (const n of numerators(t)) lost += (Math.log2(D / n) * size) / ("decays" in own ? size : 1);
  expect(Math.abs(bits / lost - 1)).toBeLessThan(0.05);
  expect(bytes).toBeLessThan(1.15 * (lost / 8) + 16 * size);
  expect(tensor.atStart()).toBe(false);
  back(tensor, settings, steps);
  expect(wrongBits(Float64Array.from(tensor.weights), first)).toBe(0);
  expect(tensor.atStart()).toBe(true);
});

test("a run begins anew in the memory of another", () => {
  const [used, fresh] = [make(33), make(33)];
  const settings = steady(0.05, 0.3);
  used.begin(startOf(33).reverse());
  ahead(used, settings, 500);
  for (const tensor of [used, fresh]) {
    tensor.begin(startOf(33));
    ahead(tensor, settings, 200);
  }
  expect(used.weights).toEqual(fresh.weights);
  expect(velocityOf(used)).toEqual(velocityOf(fresh));
  expect(used.information()).toEqual(fresh.information());
});

type Divide = (a: bigint, b: bigint) => bigint;
const floored: Divide = (a, b) => a / b - (a % b !== 0n && a < 0n !== b < 0n ? 1n : 0n);
const truncated: Divide = (a, b) => a / b;
/** The nearest whole number, ties to the even one. */
const whole = (x: number): bigint => BigInt(Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));
const real = (x: bigint): number => Number(x) / WEIGHT_RADIX;

describe("against the recursion in integers of any size", () => {
  interface Big {
    readonly w: bigint[];
    readonly v: bigint[];
    readonly b: bigint[];
  }
  const d = BigInt(D);
  const UNITS = WEIGHT_RADIX / VELOCITY_RADIX;

  function bigAhead(size: number, steps: number, numerator: number, rate: number, divide: Divide): Big {
    const w = [...startOf(size)].map((x) => whole(x * WEIGHT_RADIX));
    const [v, b] = [w.map(() => 0n), w.map(() => 0n)];
    const n = BigInt(numerator);
    for (let t = 0; t < steps; t++) {
      for (let i = 0; i < size; i++) {
        const g = whole((1 - numerator / D) * VELOCITY_RADIX * gradientOf(real(w[i]!), i, t));
        const q = divide(v[i]!, d);
        const pushed = b[i]! * d + (v[i]! - q * d);
        b[i] = divide(pushed, n);
        v[i] = q * n + (pushed - b[i]! * n) - g;
        w[i]! += whole(rate * UNITS * Number(v[i]));
      }
    }
    return { w, v, b };
  }
  function bigBack({ w, v, b }: Big, steps: number, numerator: number, rate: number, divide: Divide): void {
    const n = BigInt(numerator);
    for (let t = steps - 1; t >= 0; t--) {
      for (let i = 0; i < w.length; i++) {
        w[i]! -= whole(rate * UNITS * Number(v[i]));
        const u = v[i]! + whole((1 - numerator / D) * VELOCITY_RADIX * gradientOf(real(w[i]!), i, t));
        const q = divide(u, n);
        const pushed = b[i]! * n + (u - q * n);
        b[i] = divide(pushed, d);
        v[i] = q * d + (pushed - b[i]! * d);
      }
    }
  }
  // So few steps that no word is put aside, which is a matter of memory and not of the recursion.
  const [size, steps, numerator, rate] = [16, 190, 58982, 0.05];

  test("the kernel computes the same integers", () => {
    const tensor = make(size);
    tensor.begin(startOf(size));
    ahead(tensor, steady(rate, numerator / D), steps);
    const big = bigAhead(size, steps, numerator, rate, floored);
    expect(big.v.some((x) => x < 0n)).toBe(true);
    expect([...tensor.weights]).toEqual(big.w.map(real));
    expect([...velocityOf(tensor)]).toEqual(big.v.map((x) => Number(x) / VELOCITY_RADIX));
    const held = big.b.reduce((bits, x) => bits + Math.log2(1 + Number(x)), 0);
    expect(tensor.information().bits).toBeCloseTo(held, 6);
  });

  test("floored division comes back, and division towards zero does not", () => {
    const start = [...startOf(size)].map((x) => whole(x * WEIGHT_RADIX));
    const run = bigAhead(size, steps, numerator, rate, floored);
    bigBack(run, steps, numerator, rate, floored);
    expect(run.w).toEqual(start);
    const other = bigAhead(size, steps, numerator, rate, truncated);
    bigBack(other, steps, numerator, rate, truncated);
    expect(other.w).not.toEqual(start);
  });
});

test("floating point taken back the same way loses the start", () => {
  const decay = 0.5;
  const start = startOf(20);
  const [w, v] = [start.slice(), new Float64Array(20)];
  const gradient = (i: number, t: number): number => (1 - decay) * gradientOf(w[i]!, i, t);
  for (let t = 0; t < 200; t++)
    for (let i = 0; i < 20; i++) {
      v[i] = decay * v[i]! - gradient(i, t);
      w[i]! += 0.05 * v[i]!;
    }
  for (let t = 199; t >= 0; t--)
    for (let i = 0; i < 20; i++) {
      w[i]! -= 0.05 * v[i]!;
      v[i] = (v[i]! + gradient(i, t)) / decay;
    }
  expect(Math.max(...w.map((x, i) => Math.abs(x - start[i]!)))).toBeGreaterThan(1);
});

test.each([
  ["a velocity", 0, 300],
  ["a weight", 1e6, 1],
  ["a weight by many steps", 100, 1],
  ["no number", 0.1, NaN],
  ["infinity", 0.1, -Infinity],
] as const)("out of range by %s: told, not wrapped round", (_, rate, gradient) => {
  const tensor = make(5);
  tensor.begin(startOf(5));
  tensor.use([rate], [nearest(0.01)]);
  let inside = true;
  for (let t = 0; t < 100 && inside; t++) {
    tensor.gradient.fill(0);
    tensor.gradient[4] = gradient;
    inside = tensor.forward();
    if (inside) expect(tensor.weights.every((x) => Math.abs(x) < 4096)).toBe(true);
  }
  expect(inside).toBe(false);
});

test("weights beyond the range are refused, those just inside kept", () => {
  const tensor = make(2);
  expect(tensor.begin([0, 4096])).toBe(false);
  expect(tensor.begin([-4095.999, 1])).toBe(true);
  expect(tensor.begin([NaN, 1])).toBe(false);
});
