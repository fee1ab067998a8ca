import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { failure } from "../../test/oracle/measure.ts";
import { DrmadError } from "../errors.ts";
import { segmentsRun } from "./binomial.ts";
import type { Budget, Plan, Sizes } from "./budget.ts";
import { planAuto, planExact } from "./plan.ts";

const bytes = (least: number, most: number): fc.Arbitrary<number> =>
  fc.double({ min: Math.log(least), max: Math.log(most), noNaN: true }).map((x) => Math.round(Math.exp(x)));

/** From toys to large networks; a step may take more than a state and less. */
const anySizes: fc.Arbitrary<Sizes> = fc
  .record({
    steps: bytes(1, 2e5),
    stateBytes: bytes(8, 1e9),
    perState: fc.double({ min: 0.05, max: 30, noNaN: true }),
    slots: fc.constantFrom(1, 2, 3),
    coordinates: fc.oneof(fc.integer({ min: 1, max: 40 }), bytes(1, 1e6)),
    reversible: fc.option(fc.double({ min: 0.5, max: 30, noNaN: true }), { nil: undefined }),
  })
  .map(({ steps, stateBytes, perState, slots, coordinates, reversible }) => {
    const stepBytes = Math.max(4, Math.round(perState * stateBytes));
    const snapshotBytes = Math.ceil(stateBytes / slots / 4);
    const packed = { float16: Math.ceil(stateBytes / slots / 2), int8: snapshotBytes };
    const taken = reversible === undefined ? {} : { reversibleBytes: Math.round(reversible * stateBytes) };
    return { steps, stateBytes, stepBytes, snapshotBytes, coordinates, packed, ...taken };
  });

/** Whole bytes, around what the problem's own sizes are, where decisions fall. */
const share = fc.double({ min: -12, max: 3, noNaN: true });
const megabytesFor = ({ steps, stepBytes }: Sizes, power: number): number =>
  Math.max(1, Math.round(steps * stepBytes * 2 ** power)) / 1e6;
const anyTime = fc.option(fc.double({ min: 1.2, max: 4.5, noNaN: true }), { nil: undefined, freq: 6 });

const tried = (sizes: Sizes, budget: Budget): Plan | DrmadError => {
  try {
    return planAuto(sizes, budget);
  } catch (error) {
    if (error instanceof DrmadError) return error;
    throw error;
  }
};
const budgetOf = (megabytes: number, time: number | undefined): Budget => ({
  megabytes,
  ...(time === undefined ? {} : { time }),
});

/** Exact ways that fit, reckoned here anew: what each keeps of training and how long it takes. */
function exactCosts({ steps, stateBytes, stepBytes, coordinates }: Sizes, room: number): number[] {
  const costs: number[] = [];
  if (steps * stepBytes <= room) costs.push(3.2);
  for (const segment of new Set([1, 2, 3, 5, 10, 30, 100, Math.ceil(Math.sqrt(steps)), Math.ceil(steps / 2), steps])) {
    if (segment > steps) continue;
    const segments = Math.ceil(steps / segment);
    const free = Math.floor((room - segment * stepBytes) / stateBytes) - 1;
    if (free >= 0) costs.push((segmentsRun(segments, Math.min(free, segments - 1)) * segment) / steps + 2.2);
  }
  if (coordinates <= 32) {
    for (let n = 1; n <= Math.min(8, coordinates) && 2 * n * stateBytes <= room; n++)
      costs.push(Math.ceil(coordinates / n) * (0.65 + 1.55 * n));
  }
  return costs;
}

/** Larger is closer to exact. */
function closeness({ exact, name, megabytes }: Plan): readonly [number, number] {
  if (exact) return [9, 0];
  const rank = ["truncated", "drmad", "reverse int8", "reverse float16"].findIndex((kind) => name.startsWith(kind));
  return [rank, rank <= 1 ? megabytes : 0];
}

const runs = { numRuns: 2000 };

describe("a plan for a budget", () => {
  test("never exceeds it", () => {
    let approximate = 0;
    fc.assert(
      fc.property(anySizes, share, anyTime, (sizes, power, time) => {
        const budget = budgetOf(megabytesFor(sizes, power), time);
        const plan = tried(sizes, budget);
        if (plan instanceof DrmadError) return;
        if (!plan.exact) approximate++;
        expect(plan.megabytes).toBeLessThanOrEqual(budget.megabytes * (1 + 1e-14));
        expect(plan.megabytes).toBeGreaterThan(0);
        expect(plan.timeFactor).toBeLessThanOrEqual(time ?? Infinity);
        expect(plan.timeFactor).toBeGreaterThan(1);
        expect(plan.name).toBe(plan.method.name);
        expect(plan.exact).toBe(plan.method.exact);
      }),
      runs,
    );
    expect(approximate).toBeGreaterThan(50);
  });

  test("is exact whenever something exact fits, and then as fast as any", () => {
    let exact = 0;
    fc.assert(
      fc.property(anySizes, share, anyTime, (sizes, power, time) => {
        const budget = budgetOf(megabytesFor(sizes, power), time);
        const fastest = Math.min(...exactCosts(sizes, Math.round(budget.megabytes * 1e6)));
        const plan = tried(sizes, budget);
        if (fastest > (time ?? Number.MAX_VALUE)) return;
        exact++;
        expect(plan).toMatchObject({ exact: true });
        expect((plan as Plan).timeFactor).toBeLessThanOrEqual(fastest * (1 + 1e-9));
      }),
      runs,
    );
    expect(exact).toBeGreaterThan(500);
  });

  test("is no less exact with more memory, and no slower while it is exact", () => {
    fc.assert(
      fc.property(anySizes, share, fc.double({ min: 0, max: 6, noNaN: true }), anyTime, (sizes, power, more, time) => {
        const little = tried(sizes, budgetOf(megabytesFor(sizes, power), time));
        const much = tried(sizes, budgetOf(megabytesFor(sizes, power + more), time));
        if (little instanceof DrmadError) return;
        if (much instanceof DrmadError) throw much;
        const [a, b] = [closeness(little), closeness(much)];
        expect(b[0] > a[0] || (b[0] === a[0] && b[1] >= a[1])).toBe(true);
        if (little.exact) expect(much.timeFactor).toBeLessThanOrEqual(little.timeFactor);
      }),
      runs,
    );
  });

  test("names the least megabytes that do where nothing fits", () => {
    let refused = 0;
    fc.assert(
      fc.property(anySizes, fc.double({ min: -24, max: 0, noNaN: true }), anyTime, (sizes, power, time) => {
        const budget = budgetOf(megabytesFor(sizes, power), time);
        const error = tried(sizes, budget);
        if (!(error instanceof DrmadError)) return;
        expect(error.code).toBe("unsupported");
        const [, megabytes] = /at least ([\d.e+-]+) MB/.exec(error.hint!) ?? [];
        if (megabytes === undefined) {
          // Then it is time that is wanting, whatever the memory.
          const [, times] = /at least ([\d.]+) times/.exec(error.hint!)!;
          expect(Number(times)).toBeGreaterThan(time!);
          expect(tried(sizes, budgetOf(1e30, Number(times)))).not.toBeInstanceOf(DrmadError);
          return;
        }
        refused++;
        expect(Number(megabytes)).toBeGreaterThan(budget.megabytes);
        expect(tried(sizes, budgetOf(Number(megabytes), time))).not.toBeInstanceOf(DrmadError);
        // It is said in two figures, so that a tenth less may still do, but no more.
        const less = tried(sizes, budgetOf(Number(megabytes) * 0.9 - 2e-6, time));
        expect(less).toBeInstanceOf(DrmadError);
      }),
      runs,
    );
    expect(refused).toBeGreaterThan(100);
  });
});

/** The published problem in float32: 44,860 weights with their velocities, T = 2000. */
const published: Sizes = {
  steps: 2000,
  stateBytes: 358_880,
  stepBytes: 211_440,
  snapshotBytes: 44_900,
  coordinates: 44_860,
  packed: { float16: 89_720, int8: 44_900 },
};

const at = (megabytes: number, time?: number): Plan => planAuto(published, budgetOf(megabytes, time));

describe("on the published problem", () => {
  test("reverse where all fits, checkpointed where not", () => {
    expect(at(500)).toMatchObject({ name: "reverse", exact: true, timeFactor: 3.2, why: "every step fits in memory" });
    expect(at(500).megabytes).toBeCloseTo(422.88);
    expect(at(50)).toMatchObject({ name: "checkpointed", exact: true });
    expect(at(50).timeFactor).toBeCloseTo(4.09);
    expect(at(50).why).toMatch(/^every step would take 423 MB, so \d+ states and a segment of \d+ steps are kept$/);
    expect(at(2).timeFactor).toBeGreaterThan(at(50).timeFactor);
  });

  test("approximations only where the time or the megabytes rule exact ones out, the closest first", () => {
    expect(at(200, 3.75)).toMatchObject({ name: "reverse float16", exact: false });
    expect(at(150, 3.75)).toMatchObject({ name: "reverse int8", exact: false });
    expect(at(50, 3.75)).toMatchObject({ name: expect.stringMatching(/^drmad \d+ points int8$/) as string });
    expect(at(50, 3)).toMatchObject({ name: "truncated(236)" });
    expect(at(50, 3).why).toBe(
      "only the last 236 of 2000 steps are differentiated; no exact method is as fast as 3 times plain training",
    );
    expect(at(50, 3.75).why).toContain("; an exact gradient within 3.75 times plain training takes ");
  });

  test("forward for very few hyperparameters, where it is faster or all that fits", () => {
    expect(planAuto({ ...published, coordinates: 1 }, { megabytes: 500 })).toMatchObject({ name: "forward" });
    expect(planAuto({ ...published, coordinates: 3 }, { megabytes: 500 })).toMatchObject({ name: "reverse" });
    expect(planAuto({ ...published, coordinates: 3 }, { megabytes: 0.75 })).toMatchObject({
      name: "forward",
      timeFactor: expect.closeTo(6.6) as number,
    });
    expect(planExact({ ...published, coordinates: 33 }, { megabytes: 0.55 })).toBeUndefined();
  });

  test("says what would do where nothing does", () => {
    expect(() => at(0.4)).toThrow(
      expect.objectContaining({
        ...failure("unsupported", "auto finds no method within 0.4 MB"),
        hint: "Give at least 0.58 MB.",
      }),
    );
    expect(() => at(0.4, 3)).toThrow(
      expect.objectContaining({
        hint: expect.stringMatching(/^Give at least 42\.3 MB; no exact method is as fast/) as string,
      }),
    );
    expect(() => at(500, 1.1)).toThrow(expect.objectContaining({ hint: "Allow at least 1.23 times plain training." }));
  });
});
