import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { buildFirst, runCli, temporaryFolder, writeExperiment } from "./run-cli.ts";

buildFirst();

const folder = temporaryFolder();
writeExperiment(folder, "good.ts");
/** Its adjoint doubles at every one of 20 steps, so that growth passes a thousand at step 10. */
writeFileSync(
  join(folder, "growing.ts"),
  `import { defineExperiment, hyper, nn, ops, sgd } from "drmad";
const nothing = { x: { data: new Float64Array(1), shape: [1, 1] } };
export default defineExperiment({
  data: { train: nothing, valid: nothing },
  params: { w: nn.constant([1]) },
  hyper: { u: hyper.scalar(0) },
  train: {
    loss: ({ w }, { u }) => ops.sub(ops.mul(-0.5, ops.sum(ops.square(w))), ops.mul(ops.mul(1e-6, u), ops.sum(w))),
    dynamics: sgd({ rate: 1 }),
    steps: 20,
  },
  valid: { loss: ({ w }) => ops.sum(ops.square(ops.sub(w, 2))) },
});
`,
);
const HERE = { cwd: folder };
const resultIn = (run: string): Record<string, unknown> =>
  JSON.parse(readFileSync(join(folder, run, "result.json"), "utf8")) as Record<string, unknown>;

describe("drmad check of an approximation", () => {
  const args = ["check", "good.ts", "--directions", "0", "--inner-steps", "40", "--method", "truncated:20"];

  test("says beforehand what measuring costs, and last whether to trust it", async () => {
    const { code, stdout, stderr } = await runCli(args, HERE);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^checking good: at most 44 trainings of 40 steps.*; the first 4 measure truncated\(20\) against the exact hypergradient\n/); // prettier-ignore
    expect(stdout).toContain("truncated(20) is an approximation, so this measures it");
    expect(stdout).toMatch(/\ntruncated\(20\) against the exact hypergradient by reverse\n +cosine +length +signs right +zeros +trust\nwhole +0\.\d+ /); // prettier-ignore
    expect(stdout).toMatch(/\nthrough training +0\.\d+ +[\d.]+ +[\d.]+ % +\d+ +(value|direction|signs|none)\n {2}l2 /);
    expect(stdout).toMatch(/\n {4}l2\.0\.W .*\n {4}l2\.1\.W /);
    expect(stdout).toMatch(/\ncost: truncated\(20\) [\d.]+ s \([\d.]+ trainings\), reverse .*, one training [\d.]+ s/);
    expect(stdout).toMatch(/\n(Trust|Do not use).*truncated\(20\).*\n(.*\n)*This holds at this point only, .*\n$/);
  });

  test("says the same as JSON, as soon as it is known", async () => {
    const { code, events } = await runCli([...args, "--json"], HERE);
    expect(code).toBe(0);
    const at = (type: string): number => events.findIndex((event) => event.type === type);
    expect(at("fidelity")).toBeGreaterThan(0);
    expect(at("fidelity")).toBeLessThan(at("difference"));
    const { type: _, ...report } = events[at("fidelity")]!;
    expect(report).toMatchObject({ outcome: "ok", exact: "reverse", coordinates: 72, through: { signs: {} } });
    expect(events.at(-1)).toMatchObject({ type: "result", method: "truncated(20)", exact: false, fidelity: report });
  });

  test("ends with 1 where the method refuses, and measures no differences", async () => {
    const refusing = ["check", "good.ts", "--method", "implicit:cg"];
    const { code, stdout } = await runCli(refusing, HERE);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^implicit.* against the exact hypergradient by reverse: .*\n/);
    expect(stdout).toMatch(/Do not use implicit.* here: it has no hypergradient, though reverse has one\./);
    const { events } = await runCli([...refusing, "--json"], HERE);
    expect(events.at(-1)).toMatchObject({ type: "result", passed: false, fidelity: { outcome: "not-converged", trust: "none" } }); // prettier-ignore
  });

  test("is not made of an exact method", async () => {
    const { stdout, stderr } = await runCli(["check", "good.ts", "--directions", "0"], HERE);
    expect(stdout + stderr).not.toMatch(/exact hypergradient|Trust/);
  });
});

describe("drmad tune --fidelity", () => {
  test("tells its cost, then a line for each measurement, and sums up; result.json has it", async () => {
    const args = ["tune", "good.ts", "--method", "drmad", "--outer-steps", "2", "--out", "measured", "--fidelity"];
    const { code, stdout, stderr } = await runCli(args, HERE);
    expect(code).toBe(0);
    const lines = stderr.split("\n");
    expect(lines[2]).toBe("fidelity to reverse at the first step and the chosen one; each measurement costs about 4 trainings, the chosen one's may cost the method once more"); // prettier-ignore
    const { best, fidelity } = resultIn("measured") as { best: number; fidelity: { step: number }[] };
    expect(fidelity.map(({ step }) => step)).toEqual(best === 0 ? [0] : [0, best]);
    const told = lines.filter((line) => line.startsWith("fidelity at step"));
    expect(told[0]).toMatch(/^fidelity at step 0: through training cosine -?\d.*, length [\d.e+]+ times, signs [\d.]+ %; whole cosine .*; trust: \w+$/); // prettier-ignore
    const words = stdout.replaceAll("\n", " ");
    for (const line of told) expect(words).toContain(line);
    expect(words).toMatch(/(Trust|Do not use).*drmad.*and certifies nothing about other points of a run\./);
  });

  test("every so many steps, as JSON", async () => {
    const args = "tune good.ts --method drmad --outer-steps 3 --out every --json --fidelity 2".split(" ");
    const { code, events } = await runCli(args, HERE);
    expect(code).toBe(0);
    const steps = events.flatMap((event) => (event.type === "fidelity" ? [event["step"]] : []));
    expect(steps.slice(0, 2)).toEqual([0, 2]);
    expect(events[0]).toMatchObject({ type: "start", fidelityPlan: { every: 2, trainings: 4 } });
    const { type: _, ...first } = events.find(({ type }) => type === "fidelity")!;
    expect((events.at(-1)!["fidelity"] as unknown[])[0]).toEqual(first);
    expect(resultIn("every")["options"]).toMatchObject({ fidelity: 2 });
  });

  test("refuses what is no number of steps", async () => {
    const { code, stderr } = await runCli(["tune", "good.ts", "--fidelity", "0"], HERE);
    expect(code).toBe(2);
    expect(stderr).toContain("--fidelity cannot be");
  });
});

describe("chaos in drmad tune", () => {
  test("is warned of once, marked at each step, and counted at the end", async () => {
    const args = ["tune", "growing.ts", "--outer-steps", "2", "--optimizer", "sign", "--out", "goes-on"];
    const { code, stdout, stderr } = await runCli(args, HERE);
    expect(code).toBe(0);
    expect(stderr.match(/^warning: the hypergradient of outer step 0 is chaotic .* at training step 10; .*truncated:9/gm)).toHaveLength(1); // prettier-ignore
    expect(stderr.match(/ 1\.05e\+6! /g)).toHaveLength(2);
    expect(stdout).toContain("2 of 2 hypergradients were chaotic, the first at step 0");
    const { steps } = resultIn("goes-on") as { steps: object[] };
    expect(steps[1]).toMatchObject({ growthPassedAt: 10, chaotic: true });
    expect(steps[2]).not.toHaveProperty("chaotic");
  });

  test("--on-chaos stop ends with 1 before anything moved, and keeps the start", async () => {
    const args = ["tune", "growing.ts", "--on-chaos", "stop", "--json", "--out", "stops"];
    const { code, events } = await runCli(args, HERE);
    expect(code).toBe(1);
    const warning = events.find(({ type }) => type === "warning")!;
    expect(warning).toMatchObject({ chaos: { outerStep: 0, growthPassedAt: 10 } });
    expect(events.at(-1)).toMatchObject({ type: "result", stop: "chaotic", best: 0, stopDetail: warning["message"] });
    expect(resultIn("stops")).toMatchObject({ stop: "chaotic", values: { u: { max: 0 } } });
    const words = await runCli(["tune", "growing.ts", "--on-chaos", "stop", "--quiet", "--out", "words"], HERE);
    expect(words.stdout.replaceAll("\n", " ")).toContain(
      "Stopped because the hypergradient of outer step 0 is chaotic",
    );
    expect(words.stdout).not.toContain("moved at random");
  });
});
