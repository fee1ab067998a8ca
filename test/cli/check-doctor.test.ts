import { describe, expect, test } from "vitest";
import { buildFirst, runCli, temporaryFolder, writeExperiment } from "./run-cli.ts";

buildFirst();

const folder = temporaryFolder();
writeExperiment(folder, "good.ts");
// Values that depend on a hyperparameter behind the back of the derivative.
writeExperiment(folder, "detached.ts", {
  valid: "ops.add(ops.crossEntropy(nn.forward(w, x), y), ops.detach(ops.sum(h.l2[0].W)))",
});
writeExperiment(folder, "diverging.ts", { rate: "1e30" });
writeExperiment(folder, "logarithm.ts", {
  train: "ops.sub(nn.l2(w, h.l2), ops.mean(ops.log(ops.softmax(ops.mul(1e4, nn.forward(w, x))))))",
});

describe("drmad check", () => {
  test("says beforehand what it costs, reports every direction, and ends with 0 where the gradient is right", async () => {
    const { code, stdout, stderr } = await runCli(["check", "good.ts", "--directions", "1"], { cwd: folder });
    expect(code).toBe(0);
    expect(stderr).toMatch(/^checking good: at most 78 trainings of 20 steps/);
    // A terminal may show both: no row stands in both.
    expect(stderr).toMatch(/\ndirection gradient\ndirection random 1\n$/);
    expect(stdout).toMatch(/direction gradient: slope [\d.]+e-\d+\n {2}step +difference +relative error\n {2}2\^-4 /);
    expect(stdout.match(/; halving the step divides it by (3\.\d|4\.\d) \(4 is right\)\n {2}agrees/g)?.length).toBe(2);
    expect(stdout).toMatch(
      /reverse agrees with finite differences in 2 directions; the worst relative error is \d\.\de-\d+\.\n$/,
    );
  });

  test("with --quiet prints its report alone", async () => {
    const args = ["check", "good.ts", "--directions", "0", "--quiet"];
    const { code, stdout, stderr } = await runCli(args, { cwd: folder });
    expect([code, stderr, stdout.split("\n")[0]]).toEqual([0, "", expect.stringMatching(/^good: the hypergradient/)]);
  });

  test("measures an approximation, with 0", async () => {
    const args = ["check", "good.ts", "--directions", "0", "--method", "drmad", "--json"];
    const { code, stderr, events } = await runCli(args, { cwd: folder });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(events[0]).toMatchObject({ type: "start", experiment: "good", innerSteps: 20 });
    expect(events.some(({ type }) => type === "difference")).toBe(true);
    expect(events.at(-1)).toMatchObject({ type: "result", method: "drmad", exact: false, passed: false });
    const words = await runCli(args.slice(0, -1), { cwd: folder });
    expect(words.stdout).toMatch(/the slope is [\d.]+ times the true one/);
    expect(words.stdout).toMatch(/drmad is an approximation, so this measures it: every slope has the right sign/);
  });

  test("ends with 1 where an exact method is wrong", async () => {
    const { code, stdout } = await runCli(["check", "detached.ts", "--directions", "1"], { cwd: folder });
    expect(code).toBe(1);
    expect(stdout).toMatch(/\n {2}DISAGREES\n/);
    expect(stdout).toContain("reverse DISAGREES with finite differences along");
  });

  test("ends with 1 where training diverges, and names the step, the operation, its values and a remedy", async () => {
    const rate = await runCli(["check", "diverging.ts"], { cwd: folder });
    expect(rate).toMatchObject({ code: 1, stdout: "" });
    expect(rate.stderr).toMatch(
      /drmad: training diverged: .*; it began in step \d+ of 20, where mul of shape \[64, 8\] in train\.loss gave Infinity for values .*\(weights\/0\.W\).* had grown from [\d.]+ to [\d.]+e\+1\d\d\. Start from a smaller learning rate/,
    );
    const { code, events } = await runCli(["check", "logarithm.ts", "--json"], { cwd: folder });
    expect(code).toBe(1);
    expect(events.at(-1)).toMatchObject({ type: "error", code: "non-finite", exit: 1 });
    expect(events.at(-1)!["message"]).toMatch(
      /it began in step 1 of 20, where log of shape .* gave -Infinity for values 0 to 1: the logarithm of 0$/,
    );
    expect(events.at(-1)!["hint"]).toContain("ops.logSoftmax");
  });

  test("stops at Ctrl-C with 130", async () => {
    let sent = false;
    const run = await runCli(["check", "good.ts", "--inner-steps", "100000", "--json"], {
      cwd: folder,
      watch(stdout, child) {
        if (!sent && (sent = stdout.includes('"phase":"train"'))) child.kill("SIGINT");
      },
    });
    expect(run.code).toBe(130);
    expect(run.events.at(-1)).toMatchObject({ type: "error", code: "cancelled" });
  });
});

describe("drmad doctor", () => {
  test("says what runs, one line each, and ends with 0", async () => {
    const { code, stdout, stderr } = await runCli(["doctor"], { cwd: folder });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const lines = stdout.trimEnd().split("\n");
    for (const name of [
      "Node.js",
      "platform",
      "memory",
      "ONNX Runtime",
      "float32",
      "float64",
      "engine thread",
      "chosen",
    ]) {
      expect(lines.some((line) => new RegExp(`^(ok|warn) {2,4}${name} `).test(line))).toBe(true);
    }
    expect(stdout).toMatch(
      /float64 +agrees with the reference interpreter; a training step of 0\.\d+ MFLOP takes [\d.]+ ms/,
    );
  });

  test("says the same as JSON", async () => {
    const { code, events } = await runCli(["doctor", "--json"], { cwd: folder });
    expect(code).toBe(0);
    const last = events.at(-1)!;
    expect(last).toMatchObject({ type: "result", runs: true });
    const findings = last["findings"] as object[];
    expect(events.slice(0, -1)).toEqual(findings.map((finding) => ({ type: "finding", ...finding })));
  });
});
