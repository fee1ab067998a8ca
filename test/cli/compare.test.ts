import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { buildFirst, runCli, temporaryFolder, writeExperiment } from "./run-cli.ts";

buildFirst();

const folder = temporaryFolder();
const HERE = { cwd: folder };
writeExperiment(folder, "good.ts");
writeExperiment(folder, "diverging.ts", { rate: "1e30" });
const LINUX = existsSync("/proc/self/status");
const CONTROLS = ["directOnly", "randomSign", "oneScalar"];

interface Row {
  readonly name: string;
  readonly outcome: string;
  readonly kind: string;
  readonly ratio?: { readonly median: number };
  readonly extraMemory?: { readonly median: number };
  readonly total?: { readonly cosine?: number; readonly signAgreement?: number };
}
const resultIn = (run: string): { readonly rows: readonly Row[]; readonly [key: string]: unknown } =>
  JSON.parse(readFileSync(join(folder, run, "compare.json"), "utf8")) as never;
const byName = (rows: readonly Row[]): Record<string, Row> => Object.fromEntries(rows.map((row) => [row.name, row]));

describe("drmad compare", () => {
  const few = ["--rounds", "2", "--memory-rounds", "0"];

  test("prints a table with the controls, says what was compared, and writes figures and a chart", async () => {
    const args = ["compare", "good.ts", "--methods", "drmad, implicit:cg,truncated:2", ...few, "--out", "some"];
    const { code, stdout, stderr } = await runCli(args, HERE);
    expect(code).toBe(0);
    expect(stderr).toBe(
      "comparing good: 4 methods and 3 controls on 20 training steps, 1 round to compile and 2 timed\n" +
        "compiling\ntime: round 1 of 2\ntime: round 2 of 2\n",
    );
    expect(stdout).toMatch(/^ +seconds +CPU s +× plain +cosine +length +signs +growth +trust\nreverse +[\d.]+ +[\d.]+ +[\d.]+ +1\.000000 +1\.000 +100\.0 % +[\d.]+ +value\ndrmad +/); // prettier-ignore
    for (const name of CONTROLS) expect(stdout).toMatch(new RegExp(`\ncontrol: ${name} +[\\d.]+ `));
    expect(stdout).toMatch(/\nimplicit:cg: not-(converged|stationary): .+\n/);
    expect(stdout).toMatch(/\nCompared with the exact hypergradient by reverse: 72 hyperparameters, 20 training steps, seed 0\. This is the starting point only/); // prettier-ignore
    expect(stdout).toMatch(/median of the ratios to plain training in the same round \([\d.]+ s\), single-threaded, /);
    expect(stdout).toMatch(/\nMemory was not measured\.\n/);
    expect(stdout).toMatch(/\n(No approximation here is cheaper than|Of what is cheaper than) reverse/);
    expect(stdout).toMatch(/\n0 everywhere, so without a direction, and not in the chart: directOnly\.\n/);
    expect(stdout).toMatch(/\nWritten to some: compare\.png, compare\.json\n$/);
    expect(readdirSync(join(folder, "some")).sort()).toEqual(["compare.json", "compare.png"]);
    expect(
      readFileSync(join(folder, "some", "compare.png"))
        .subarray(1, 4)
        .toString(),
    ).toBe("PNG");
    const result = resultIn("some");
    expect(result).toMatchObject({ schema: 1, experiment: "good", rounds: 2, threads: 1, options: { rounds: 2 } });
    expect((result["plain"] as { seconds: unknown[] }).seconds.length).toBe(2);
    const rows = byName(result.rows);
    expect(Object.keys(rows)).toEqual(["reverse", "drmad", "implicit:cg", "truncated:2", ...CONTROLS]);
    expect(rows["drmad"]!.ratio!.median).toBeGreaterThan(0);
    expect(rows["reverse"]!.total!.cosine).toBe(1);
    expect(rows["oneScalar"]!.total!.cosine).toBeLessThan(0.999);
  });

  test("says the same as JSON lines, and tells extra memory from fresh processes", async () => {
    const args = "compare good.ts --methods auto:1MB --rounds 1 --memory-rounds 1 --json --out lines".split(" ");
    const { code, events } = await runCli(args, HERE);
    expect(code).toBe(0);
    expect(events[0]).toMatchObject({ type: "start", contestants: ["reverse", "auto:1MB", ...CONTROLS] });
    const turns = events.filter(({ type }) => type === "turn");
    const named = (what: string, round: number): unknown[] =>
      turns.filter((turn) => turn["what"] === what && turn["round"] === round).map((turn) => turn["name"]);
    const order = ["plain training", "reverse", "auto:1MB", ...CONTROLS];
    expect(named("time", 0)).toEqual(order);
    expect(named("time", 1)).toEqual(order);
    const result = events.at(-1)! as unknown as { type: string; rows: Row[] };
    expect(result).toMatchObject({ type: "result", files: ["compare.png", "compare.json"], experiment: "good" });
    const rows = events.flatMap(({ type, ...row }) => (type === "row" ? [row] : []));
    expect(rows).toEqual(result.rows);
    expect(resultIn("lines").rows).toEqual(result.rows);
    expect(byName(result.rows)["auto:1MB"]).toMatchObject({ kind: "exact", chosen: { name: "reverse" } });
    if (!LINUX) return;
    expect(named("memory", 1)).toEqual(order);
    // A fresh process of so small an experiment is some dozens of megabytes; the differences are few.
    for (const row of result.rows) expect(Math.abs(row.extraMemory!.median), row.name).toBeLessThan(60);
  });

  test("compares the usual methods, what does not apply among them as a row", async () => {
    const args = ["compare", "good.ts", "--inner-steps", "5", "--rounds", "1", "--memory-rounds", "0", "--json"];
    const { code, events } = await runCli([...args, "--out", "usual"], HERE);
    expect(code).toBe(0);
    const rows = byName(resultIn("usual").rows);
    expect(Object.keys(rows)).toEqual(
      expect.arrayContaining(["reverse", "checkpointed:3", "reversible", "reverse:int8", "drmad", "truncated:1"]),
    );
    expect(rows["drmad:T/10"]).toMatchObject({ outcome: "unsupported", kind: "approximate" });
    expect(events.at(-1)!["type"]).toBe("result");
  });

  test("refuses what it does not know, and lists what it does", async () => {
    const { code, stderr } = await runCli(["compare", "good.ts", "--methods", "reverse,revers"], HERE);
    expect(code).toBe(2);
    const words = stderr.replaceAll("\n", " ");
    expect(words).toMatch(/--methods cannot be "reverse,revers"\. Did you mean reverse\? Give some of these with commas between them: reverse, /); // prettier-ignore
    expect(words).toContain("auto:NMB");
    expect((await runCli(["compare", "good.ts", "--rounds", "0"], HERE)).code).toBe(2);
    expect((await runCli(["compare", "none.ts"], HERE)).code).toBe(2);
    expect((await runCli(["compare", "good.ts", "--out", "."], HERE)).code).toBe(2);
  });

  test("ends with 1 where even the exact one has no hypergradient, and writes nothing", async () => {
    const { code, stderr } = await runCli(["compare", "diverging.ts", "--out", "diverged", ...few], HERE);
    expect(code).toBe(1);
    expect(stderr).toMatch(/training diverged/);
    expect(existsSync(join(folder, "diverged"))).toBe(false);
  });

  test.each([
    ["runs", "100000", '"phase":"train"'],
    ["memory is measured", "20", '"what":"memory","round":1'],
  ])("Ctrl-C while %s ends with 130 and writes nothing", async (_, steps, when) => {
    let sent = false;
    const args = ["compare", "good.ts", "--inner-steps", steps, "--rounds", "1", "--methods", "drmad", "--json"];
    const run = await runCli([...args, "--out", "stopped"], {
      cwd: folder,
      watch(stdout, child) {
        if (!sent && (sent = stdout.includes(when))) child.kill("SIGINT");
      },
    });
    if (!sent && !LINUX) return;
    expect(run.code).toBe(130);
    expect(run.events.at(-1)).toMatchObject({ type: "error", code: "cancelled", exit: 130 });
    expect(existsSync(join(folder, "stopped"))).toBe(false);
  });
});
