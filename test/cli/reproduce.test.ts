import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { folderOf, partsIn } from "../../src/cli/parts.ts";
import { cells, ours } from "../../src/cli/reproduce-report.ts";
import { failure } from "../oracle/measure.ts";
import { buildFirst, runCli, temporaryFolder } from "./run-cli.ts";

buildFirst();
const folder = temporaryFolder();
const ID = "2016-fu/mnist-penalties";

describe("drmad reproduce", () => {
  test("lists what there is, and what was found", async () => {
    const { code, stdout } = await runCli(["reproduce"], { cwd: folder });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^2016-fu\/\n {2}mnist-penalties +\d+ min {2}mnist +a penalty for each input, DrMAD$/m);
    expect(
      Math.max(
        ...stdout
          .split("\n\n")[0]!
          .split("\n")
          .map((line) => [...line].length),
      ),
    ).toBeLessThanOrEqual(80);
    expect(stdout).not.toContain("…");
    const { events } = await runCli(["reproduce", "--json"], { cwd: folder });
    expect(events[0]).toMatchObject({ type: "reproduction", id: expect.any(String) as string });
    expect(events.at(-1)).toMatchObject({ type: "result", count: events.length - 1 });
  });

  test("tells about one, and runs nothing", async () => {
    const { code, stdout } = await runCli(["reproduce", ID, "--about"], { cwd: folder, env: { DRMAD_DATA: "" } });
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^${ID}\n {2}a penalty for each input`, "m"));
    expect(stdout).toContain("Found by a full run");
    expect(existsSync(join(folder, "runs"))).toBe(false);
  });

  test.each([
    ["an id that is none", ["2016-fu/nothing"], "there is no reproduction"],
    ["a part of an id", ["2016-fu/mnist"], "Did you mean 2016-fu/mnist-penalties?"],
    ["no data", [ID], "reads mnist, which drmad does not bring"],
    ["a folder without the data", [ID, "--data", "."], `looked in ${folder}, ${join(folder, "mnist")} and`],
  ])("refuses %s, and writes nothing", async (_, args, part) => {
    const { code, stderr } = await runCli(["reproduce", ...args], { cwd: folder, env: { DRMAD_DATA: "" } });
    expect([code, stderr.replaceAll("\n", " ")]).toEqual([2, expect.stringContaining(part)]);
    expect(existsSync(join(folder, "runs"))).toBe(false);
  });
});

const quiet = (): void => undefined;
const running = new AbortController().signal;
describe("parts of a run", () => {
  test("are computed once, for the same run only", async () => {
    const at = join(folder, "parts");
    let computed = 0;
    const compute = (): Promise<object> => Promise.resolve({ n: ++computed });
    expect(await partsIn(at, { id: 1 }, running, quiet).part("a", compute)).toEqual({ n: 1 });
    const again = partsIn(at, { id: 1 }, running, quiet);
    expect(await again.part("a", compute)).toEqual({ n: 1 });
    expect(await again.part("b", compute)).toEqual({ n: 2 });
    expect(await partsIn(at, { id: 2 }, running, quiet).part("a", compute)).toEqual({ n: 3 });
    again.finish([["results.json", new TextEncoder().encode("{}")]]);
    expect(readFileSync(join(at, "results.json"), "utf8")).toBe("{}");
    expect(existsSync(join(at, "parts"))).toBe(false);
    expect(() => partsIn(at, { id: 1 }, running, quiet)).toThrow(
      expect.objectContaining(failure("folder-not-empty", "results.json")),
    );
  });

  test("without a folder of their own get the next number, and go on where the latest was interrupted", async () => {
    const stem = join(folder, "numbered", "a");
    expect(folderOf(stem)).toEqual({ folder: `${stem}-1`, unfinished: false });
    const first = partsIn(`${stem}-1`, {}, running, quiet);
    await first.part("a", () => Promise.resolve(1));
    expect(folderOf(stem)).toEqual({ folder: `${stem}-1`, unfinished: true });
    first.finish([["results.json", new TextEncoder().encode("{}")]]);
    expect(folderOf(stem)).toEqual({ folder: `${stem}-2`, unfinished: false });
  });

  test("that fail leave nothing of theirs", async () => {
    const at = join(folder, "failing");
    const parts = partsIn(at, {}, running, quiet);
    await expect(parts.part("a", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await partsIn(at, {}, running, quiet).part("a", () => Promise.resolve(5))).toBe(5);
  });

  test("that gave what they had when they were asked to stop are not kept", async () => {
    const at = join(folder, "stopped");
    const stop = new AbortController();
    const reached = (): Promise<number> => (stop.abort(), Promise.resolve(1));
    await expect(partsIn(at, {}, stop.signal, quiet).part("a", reached)).rejects.toMatchObject(failure("cancelled"));
    expect(await partsIn(at, {}, running, quiet).part("a", () => Promise.resolve(2))).toBe(2);
  });

  test("do not begin in a folder that holds something else", () => {
    const at = join(folder, "filled");
    mkdirSync(at);
    writeFileSync(join(at, "mine.txt"), "");
    expect(() => partsIn(at, {}, running, quiet)).toThrow(
      expect.objectContaining(failure("folder-not-empty", "mine.txt")),
    );
  });
});

describe("a table", () => {
  test("has the minus of the text, and no exponent where there is as short a number", () => {
    expect(ours({ name: "a", values: [-0.25] })).toBe("−0.25");
    expect(ours({ name: "a", values: [430] })).toBe("430");
  });

  test("gives mean, standard error and range, and says what was not run", () => {
    expect(ours({ name: "a", values: [] })).toBe("not run");
    expect(ours({ name: "a", values: [2.5] })).toBe("2.5");
    expect(ours({ name: "a", values: [1, 2, 3] })).toBe("2 ± 0.5774 (1 to 3)");
    expect(
      cells({
        title: "",
        unit: "%",
        rows: [
          { name: "a", values: [1, 3], paper: "2" },
          { name: "b", values: [0, 0], control: true },
        ],
      }),
    ).toEqual([
      ["", "ours, %: mean ± s.e. of 2 seeds (range)", "paper"],
      ["a", "2 ± 1 (1 to 3)", "2"],
      ["(b)", "0 ± 0 (0 to 0)", "–"],
    ]);
  });
});
