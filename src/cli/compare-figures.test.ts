import { describe, expect, test } from "vitest";
import type { Compared, Kind, Times } from "../study/compare.ts";
import { described, figuresOf, findingsOf, isMeasured, type Figures } from "./compare-figures.ts";

const plain: Times = { seconds: [1, 2, 4] };
type Measured = Parameters<typeof figuresOf>[0];

const row = (name: string, kind: Kind, seconds: readonly number[], cosineDistance: number | undefined): Measured =>
  ({
    name,
    kind,
    method: name,
    outcome: "ok",
    seconds,
    total: cosineDistance === undefined ? {} : { cosineDistance },
    growth: 1,
  }) as unknown as Measured;

const figures = (...given: Parameters<typeof row>): Figures => figuresOf(row(...given), plain, undefined);

describe("figures", () => {
  test("the ratio is the median of the rounds' own ratios, not that of medians", () => {
    const { ratio, seconds } = figures("a", "exact", [3, 2, 20], 0);
    expect(ratio).toMatchObject({ min: 1, median: 3, max: 5 });
    expect(seconds.median).toBe(3);
  });

  test("memory is the median of the differences, in MB", () => {
    const memory = { a: [3e6, -1e6, 8e6] };
    expect(figuresOf(row("a", "exact", [1, 1, 1], 0), plain, memory).extraMemory!.median).toBe(3);
    expect(figuresOf(row("b", "exact", [1, 1, 1], 0), plain, memory)).not.toHaveProperty("extraMemory");
  });

  test("a refusal is described as it is", () => {
    const refused: Compared = { name: "a", method: "a", kind: "approximate", outcome: "unsupported", message: "no" };
    expect(isMeasured(refused)).toBe(false);
    expect(described(refused, { plain } as never, undefined)).toEqual(refused);
  });
});

describe("findings", () => {
  const exact = figures("exact", "exact", [3, 6, 12], 0);
  const slow = figures("slow exact", "exact", [9, 18, 36], 0);

  test("the nearest approximation that is cheaper than the cheapest exact method", () => {
    const near = figures("near", "approximate", [2, 4, 8], 1e-3);
    const far = figures("far", "approximate", [1, 2, 4], 0.1);
    const dear = figures("dear", "approximate", [5, 10, 20], 1e-9);
    const found = findingsOf([slow, exact, far, dear, near]);
    expect(found.exact.row.name).toBe("exact");
    expect(found.nearest!.row.name).toBe("near");
    expect(findingsOf([exact, dear])).not.toHaveProperty("nearest");
  });

  test("what is no nearer than the best control, or has no direction at all", () => {
    const control = figures("control", "control", [1, 2, 4], 0.5);
    const worse = figures("worse control", "control", [1, 2, 4], 1.2);
    const none = figures("zero", "approximate", [1, 2, 4], undefined);
    const wrong = figures("wrong", "approximate", [1, 2, 4], 0.5);
    const right = figures("right", "approximate", [2, 4, 8], 0.4);
    const found = findingsOf([exact, worse, control, none, wrong, right]);
    expect(found.control!.row.name).toBe("control");
    expect(found.noBetter.map((one) => one.row.name)).toEqual(["zero", "wrong"]);
    expect(found.nearest!.row.name).toBe("right");
    const undirected = findingsOf([exact, figures("directOnly", "control", [1, 2, 4], undefined), wrong]);
    expect(undirected).not.toHaveProperty("control");
    expect(undirected.noBetter).toEqual([]);
  });
});
