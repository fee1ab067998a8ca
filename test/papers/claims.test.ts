import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { fileURLToPath } from "node:url";
import { valuesOf, type Claim } from "../../papers/claims/claim.ts";
import { PAPERS } from "../../papers/claims/index.ts";
import {
  compared,
  every,
  improves,
  isAbove,
  isBelow,
  keeps,
  lesser,
  some,
  verdictOf,
} from "../../papers/claims/rules.ts";
import { plusMinus } from "../../papers/statistics.ts";
import { claimsPage, judged, PAGE } from "../../scripts/claims-page.ts";
import { catalogue, recordedAt } from "../../src/cli/papers.ts";
import { seedCells } from "../../src/cli/reproduce-report.ts";
import type { Recorded, Row } from "../../src/cli/reproduction.ts";

const README = fileURLToPath(new URL("../../README.md", import.meta.url));
const claims: readonly Claim[] = PAPERS.flatMap((paper) => paper.claims);
const runs = claims.flatMap(({ says, evidence }) => (evidence.kind === "run" ? [{ says, ...evidence }] : []));

const told = (id: string, name: string): string =>
  plusMinus(valuesOf(recordedAt(id)!, "Training loss at the last step", name), 3);
const stateOf = (says: string) =>
  judged(
    claims.find((claim) => claim.says.startsWith(says))!,
    recordedAt,
  ).state;
const none = (): undefined => undefined;

describe("docs/claims.md", () => {
  test("is what the recorded runs give (npm run claims writes it)", async () => {
    expect(readFileSync(PAGE, "utf8")).toBe(await claimsPage(recordedAt));
  });
  test("says of runs that there are none of that they are not run, and estimates nothing", async () => {
    for (const claim of claims) {
      const { state, figures } = judged(claim, none);
      if (claim.evidence.kind !== "run") continue;
      expect(state).toBe("not run");
      expect(figures).not.toMatch(/\d/);
    }
    expect((await claimsPage(none)).match(/\*\*Not run\.\*\*/g)).toHaveLength(runs.length);
  });
  test("has every reproduction, no other, and pictures that full runs have drawn", async () => {
    expect(new Set(runs.map(({ id }) => id))).toEqual(new Set(Object.keys(await catalogue())));
    const page = readFileSync(PAGE, "utf8");
    for (const { id, picture } of runs.filter(({ id }) => recordedAt(id) !== undefined))
      if (picture !== undefined) expect(page).toContain(`](../papers/${id}/${picture}.png)`);
  });
  test("and README.md tell the same figures", () => {
    const readme = readFileSync(README, "utf8").replaceAll(/\s+/g, " ");
    for (const figure of [
      `training loss of ${told("2015-maclaurin/schedules", "schedules from decay .5")} on seeds not tuned on`,
      `the best constants of 150 trainings come to ${told("2015-maclaurin/schedules", "best constants of 150 trainings")}`,
      `By DrMAD's hypergradients they come to ${told("2016-fu/schedules", "schedules, DrMAD")}, no better than untuned`,
    ])
      expect(readme).toContain(figure);
    expect(stateOf("Schedules learned by hypergradients")).toBe("holds partly");
    expect(stateOf("It serves for learning rates")).toBe("does not hold");
  });
  test("and reproductions tell the same times", async () => {
    for (const [id, { load }] of Object.entries(await catalogue())) {
      const found = recordedAt(id);
      if (found !== undefined) expect((await load()).minutes, id).toBe(Math.round(found.seconds / 60));
    }
  });
  test("never takes a small run for a full one", () => {
    for (const { id } of runs) expect(recordedAt(id)?.small ?? false).toBe(false);
  });
});

const memoryPage = (short: string, long: string): string =>
  `| \`drmad:T/10\`, T = 2,000 | ${short} | |\n| \`drmad:T/10\`, T = 20,000 | ${long} | |\n| \`reverse\` (423 MB of it kept) | 400 (390–410) | |`;
describe("memory that does not grow with the steps", () => {
  const claim = claims.find(({ says }) => says.startsWith("Nothing of the trajectory"))!.evidence;
  test.each([
    ["holds", "5 (−1.5–12)", "9 (3–20)"],
    ["not decided", "5 (−1.5–12)", "30 (20–50)"],
    ["does not hold", "5 (−1.5–12)", "90 (60–120)"],
  ])("%s from %s to %s MB, where the states would take 3,600", (expected, short, long) => {
    if (claim.kind !== "page") throw new Error("not of a page");
    expect(claim.judge(memoryPage(short, long)).verdict).toBe(expected);
  });
});

/** A run with one table. */
const recorded = (rows: readonly Row[]): Recorded => ({
  schema: 1,
  id: "a/b",
  small: false,
  config: {},
  command: "",
  drmad: "",
  node: "",
  processor: "",
  seconds: 1,
  tables: [{ title: "Loss", unit: "nats", rows }],
  conclusions: [],
  expectations: [],
});
const row = (name: string, values: readonly number[], control?: true): Row => ({
  name,
  values,
  ...(control === undefined ? {} : { control }),
});
const from = (name: string, first: number, control?: true): Row => row(name, [first, first + 1, first + 2.1], control);
const decided = (a: readonly number[], b: readonly number[]) => [isBelow(compared(a, b)), isAbove(compared(a, b))];
const START = row("start", [5, 6, 7], true);

const verdict = (control: Row, ours: readonly number[]) =>
  improves({ table: "Loss", way: "ours", start: "start" })(recorded([START, row("ours", ours), control])).verdict;
const ofLength = (length: number, repeats: string): number => {
  const values = Array.from({ length }, () => 1);
  return seedCells({ title: "", unit: "", repeats, rows: [row("ours", values)] }, recorded([])).length;
};
describe("values of every seed", () => {
  const rows = [row("ours", [1, 2.34567, 3]), row("other", [4, 5], true)];
  const { tables, ...rest } = recorded(rows);
  test("stand under the numbers of the seeds", () => {
    expect(seedCells(tables[0]!, { ...rest, tables, config: { seeds: [7, 8, 9] } })).toEqual([
      ["by seed", "7", "8", "9"],
      ["ours", "1", "2.346", "3"],
      ["(other)", "4", "5", ""],
    ]);
    expect(seedCells(tables[0]!, recorded(rows))[0]).toEqual(["by seed", "1.", "2.", "3."]);
  });
  test("are left out for one seed, for more than ten, and for what is no seed", () => {
    expect([ofLength(1, "seeds"), ofLength(11, "seeds"), ofLength(7, "rounds")]).toEqual([0, 0, 0]);
    expect(ofLength(10, "seeds")).toBe(2);
  });
  test("are on the page", () => {
    expect(readFileSync(PAGE, "utf8")).toMatch(/\| DrMAD as published +\| 7\.98 +\| 7\.84 /);
  });
});

describe("rules", () => {
  test("a difference is clear from two paired standard errors on, and never from one seed", () => {
    expect(decided([1, 2, 3], [2, 3.1, 3.9])).toEqual(["yes", "no"]);
    expect(decided([2, 3.1, 3.9], [1, 2, 3])).toEqual(["no", "yes"]);
    expect(decided([1, 2, 3], [0, 2.5, 4])).toEqual(["open", "open"]);
    // 1.4 of them.
    expect(decided([1, 1, 2.3], [2, 3, 2])).toEqual(["open", "open"]);
    expect(decided([1], [2])).toEqual(["open", "open"]);
    // The same figures are not lower, and that is clear.
    expect(decided([1, 2], [1, 2])).toEqual(["no", "no"]);
    expect(isBelow({ difference: 3, error: 1 }, 6)).toBe("yes");
    expect(isAbove({ difference: 3, error: 1 }, 2)).toBe("open");
  });
  test("a verdict is the best that is clear", () => {
    expect(verdictOf({ whole: "yes", part: "yes" })).toBe("holds");
    expect(verdictOf({ whole: "open", part: "yes" })).toBe("holds partly");
    expect(verdictOf({ whole: "no", part: "open" })).toBe("not decided");
    expect(verdictOf({ whole: "no", part: "no" })).toBe("does not hold");
    const [none, part] = (["does not hold", "holds partly"] as const).map((one) => () => ({
      verdict: one,
      figures: one,
    }));
    expect(lesser(part!, none!)(recorded([]))).toEqual({
      verdict: "does not hold",
      figures: "holds partly does not hold",
    });
    expect([every(["yes", "open"]), every(["open", "no"]), every([])]).toEqual(["open", "no", "yes"]);
    expect([some(["no", "open"]), some(["open", "yes"]), some(["no"])]).toEqual(["open", "yes", "no"]);
  });

  test.each([
    ["holds", [1, 2, 3], [3, 4, 5.1]],
    ["holds partly", [1, 2, 3], [1, 2, 3.1]],
    ["holds partly", [1, 2, 3], [0, 1, 2.1]],
    ["not decided", [4, 6, 7.1], [8, 9, 10]],
    ["does not hold", [5, 6, 7], [8, 9, 10]],
    ["does not hold", [6, 7, 8.1], [8, 9, 10]],
  ] as const)("improves: %s for %j beside a control of %j", (expected, ours, control) => {
    expect(verdict(row("control", control, true), ours)).toBe(expected);
  });
  test("improves: other ways to tune are rivals where the rule says so", () => {
    const rows = [START, row("ours", [1, 2, 3]), row("control", [3, 4, 5.1], true), row("one for all", [1, 2, 2.9])];
    const rule = { table: "Loss", way: "ours", start: "start" };
    expect(improves(rule)(recorded(rows)).verdict).toBe("holds");
    const { verdict, figures } = improves({ ...rule, rivals: "all" })(recorded(rows));
    expect(verdict).toBe("holds partly");
    expect(figures).toContain("best of the others, one for all");
  });
  test("improves: what knows the answer is no control", () => {
    const rows = [START, row("ours", [1, 2, 3]), row("control", [3, 4, 5.1], true), row("truth", [0, 0, 0], true)];
    const rule = { table: "Loss", way: "ours", start: "start" };
    expect(improves(rule)(recorded(rows)).verdict).toBe("holds partly");
    expect(improves({ ...rule, oracles: ["truth"] })(recorded(rows)).verdict).toBe("holds");
  });

  test.each([
    ["holds", [1.01, 1.98, 3.02]],
    ["holds", [0.5, 1.4, 2.5]],
    ["holds partly", [1.8, 2.9, 3.8]],
    // As good in the mean as what holds, and too scattered to say so.
    ["holds partly", [0.1, 2, 3.9]],
    ["not decided", [1, 5.1, 3]],
    ["does not hold", [4, 5.1, 6]],
    ["does not hold", [6, 7.1, 8]],
  ] as const)("keeps: %s for %j of a gain from 5 to 1, 6 to 2 and 7 to 3", (expected, ours) => {
    const rows = [START, row("exact", [1, 2, 3]), row("ours", ours)];
    const rule = keeps({ table: "Loss", way: "ours", start: "start", best: "exact" });
    expect(rule(recorded(rows)).verdict).toBe(expected);
  });
  test.each([
    ["holds", [2, 3.1, 4]],
    // All of the gain is kept, and so it is by these controls: clearly, or for all that is clear.
    ["does not hold", [1, 2, 3]],
    ["does not hold", [1.1, 1.9, 2.9]],
    ["not decided", [1.9, 1.1, 3.3]],
  ] as const)("keeps: %s beside a control of %j that keeps as much, or less", (expected, control) => {
    const ours = row("ours", [1.2, 2.1, 3.2]);
    const rows = [START, row("exact", [1, 2, 3]), ours, row("control", control, true), row("other", [4, 5, 6.1], true)];
    const { verdict, figures } = keeps({ table: "Loss", way: "ours", start: "start", best: "exact" })(recorded(rows));
    expect(verdict).toBe(expected);
    expect(figures).toContain("Of the controls, control keeps most");
  });
  test("keeps: nothing is kept of no gain", () => {
    const rows = [START, row("exact", [6, 7, 8]), row("ours", [6, 7, 8])];
    const rule = keeps({ table: "Loss", way: "ours", start: "start", best: "exact" });
    expect(rule(recorded(rows)).verdict).toBe("does not hold");
  });
  test("what was chosen on the seeds of a run is not decided by it", () => {
    const rows = [from("learned weights, exact", 1), from("wrong labels, no weights", 5, true), from("true labels", 1, true), from("signs", 4, true)]; // prettier-ignore
    const tables = [{ title: "Test error at the outer step", unit: "%", rows }];
    const claim = claims.find(({ says }) => says.startsWith("A weight for each training example"))!;
    const withSeeds = (seeds: readonly number[]) =>
      judged(claim, () => ({ ...recorded([]), tables, config: { seeds } }));
    expect(withSeeds([100, 101, 102]).state).toBe("holds");
    expect(withSeeds([4, 101, 102]).state).toBe("not decided");
  });
  test("a row or table that is not there is an error, not a verdict", () => {
    expect(() => improves({ table: "Loss", way: "ours", start: "start" })(recorded([START]))).toThrow(/0 rows/);
    expect(() => improves({ table: "Error", way: "ours", start: "start" })(recorded([START]))).toThrow(/0 tables/);
  });
});
