import { describe, expect, test } from "vitest";
import { DrmadError } from "../errors.ts";
import type { Compared, Comparison, Kind } from "../study/compare.ts";
import { measureMemory, type MemoryJob } from "./compare-memory.ts";
import { comparisonTable, comparisonWords } from "./compare-table.ts";

type Peak = (job: MemoryJob) => Promise<number | undefined>;
const signal = new AbortController().signal;

async function measured(peak: Peak, rounds = 2) {
  const warnings: string[] = [];
  const turns: string[] = [];
  const memory = await measureMemory({ experiment: "x" }, ["a", "b"], {
    rounds,
    signal,
    onTurn: (round, name) => void turns.push(`${round} ${name}`),
    warn: (message) => void warnings.push(message),
    peak,
  });
  return { memory, warnings, turns };
}
const died = () => Promise.reject(new Error("a process of its own ended with code 1: out of memory"));

describe("extra memory", () => {
  test("is the difference to plain training in the same round", async () => {
    let plain = 0;
    const { memory, warnings } = await measured(({ contestant }) =>
      Promise.resolve(contestant === undefined ? (plain += 10) : contestant === "a" ? 100 : 50),
    );
    expect(memory).toEqual({ a: [80, 70], b: [30, 20] });
    expect(warnings).toEqual([]);
  });

  test("of a process that dies is not measured, and told once", async () => {
    const { memory, warnings, turns } = await measured(({ contestant }) =>
      contestant === "a" ? died() : Promise.resolve(5),
    );
    expect(memory).toEqual({ a: [], b: [0, 0] });
    expect(warnings).toEqual([
      "the memory of a is not measured: a process of its own ended with code 1: out of memory",
    ]);
    expect(turns.filter((turn) => turn.endsWith(" a"))).toEqual(["1 a"]);
  });

  test("that dies in a later round takes the earlier figures along", async () => {
    let calls = 0;
    const { memory } = await measured(({ contestant }) =>
      contestant === "b" && ++calls > 1 ? died() : Promise.resolve(5),
    );
    expect(memory).toEqual({ a: [0, 0], b: [] });
  });

  test("has no round whose plain training dies", async () => {
    let calls = 0;
    const { memory, warnings } = await measured(({ contestant }) =>
      contestant === undefined && ++calls === 2 ? died() : Promise.resolve(5),
    );
    expect(memory).toEqual({ a: [0], b: [0] });
    expect(warnings).toEqual([expect.stringContaining("the memory of plain training is not measured")]);
  });

  test("where the system does not tell is undefined; stopping is no death", async () => {
    expect((await measured(() => Promise.resolve(undefined))).memory).toBeUndefined();
    const stopped = new DrmadError("cancelled", "stopped");
    await expect(measured(() => Promise.reject(stopped))).rejects.toBe(stopped);
  });
});

const row = (name: string, kind: Kind, seconds: number, cosine?: number): Compared =>
  ({
    name,
    kind,
    method: name,
    outcome: "ok",
    seconds: [seconds],
    growth: 1,
    trust: "value",
    total: cosine === undefined ? {} : { cosine, cosineDistance: 1 - cosine },
    through: {},
    direct: { length: 0 },
  }) as unknown as Compared;
const refused: Compared = {
  name: "x",
  method: "x",
  kind: "approximate",
  outcome: "non-finite",
  message: "it diverged",
};
const comparison = (...rows: Compared[]): Comparison =>
  ({ rows: [row("reverse", "exact", 3, 1), ...rows], plain: { seconds: [1] }, rounds: 1, threads: 1, hyperparameters: 1, innerSteps: 1 }) as unknown as Comparison; // prettier-ignore

describe("what a comparison says", () => {
  test.each<[string, Compared[], string]>([
    [
      "nothing is cheaper",
      [row("slow", "approximate", 4, 0.5)],
      "No approximation here is cheaper than reverse, which is exact at 3.00 times",
    ],
    [
      "nothing approximate was entered",
      [row("other", "exact", 4, 1)],
      "No approximation was compared; the quickest exact method is reverse",
    ],
    ["all approximations refused", [refused], "No approximation here gave a hypergradient: use reverse"],
    [
      "what is cheaper is 0 everywhere",
      [row("zero", "approximate", 1)],
      "What is cheaper here has no direction (zero): use reverse",
    ],
    ["one is cheaper", [row("near", "approximate", 2, 0.9), refused], "near is nearest"],
  ])("where %s", (_, rows, part) => {
    const words = comparisonWords(comparison(...rows), undefined, 0).join("\n");
    expect(words).toContain(part);
    expect(/No approximation|no direction \(|is nearest/.exec(words)).not.toBeNull();
    expect(words.match(/No approximation|no direction \(|is nearest/g)).toHaveLength(1);
  });

  test("memory that is missing stands in its cell", () => {
    const lines = comparisonTable(comparison(row("a", "approximate", 1, 0.5)), { reverse: [3e6], a: [] }, 200);
    expect(lines.find((line) => line.startsWith("a "))).toContain("not measured");
    expect(lines.find((line) => line.startsWith("reverse "))).toContain(" 3.0 ");
  });
});
