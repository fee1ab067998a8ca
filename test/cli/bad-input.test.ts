import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { buildFirst, runCli, temporaryFolder, writeExperiment } from "./run-cli.ts";

buildFirst();

const folder = temporaryFolder();
writeExperiment(folder, "good.ts");
writeExperiment(folder, "not-scalar.ts", { train: "ops.softmax(nn.forward(w, x))" });
writeExperiment(folder, "unused.ts", {
  hyper: 'l2: hyper.perInput(1e-3, { transform: "log", biases: 0 }), idle: hyper.scalar(1)',
});
writeExperiment(folder, "misfit.ts", { train: "ops.crossEntropy(ops.matmul(x, w[1].W), y)" });
writeExperiment(folder, "bug.ts", { train: "w.first.W" });
const files: Record<string, string> = {
  "malformed.ts": 'import { hyper } from "drmad";\n\nconst a = ;\n',
  "no-default.ts": "export const a = 1;\n",
  "other-default.ts": "const a = { b: 1 };\nexport { a as default };\n",
  "throws.ts": 'import { nn } from "drmad";\n\nthrow new TypeError("on purpose");\n',
  "missing-package.ts": 'import { a } from "no-such-package-anywhere";\n\na();\n',
  "wrong-call.ts": 'import { nn } from "drmad";\n\n\nnn.mlp([5]);\n',
  "table.csv": "1,2\n",
};
for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
mkdirSync(join(folder, "full"));
writeFileSync(join(folder, "full", "notes"), "");

/** A folder with the four files of MNIST, the first of which is `bytes`. */
function mnistFolder(name: string, bytes: Uint8Array): void {
  mkdirSync(join(folder, name));
  const empty = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 0);
  for (const file of ["train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]) {
    writeFileSync(join(folder, name, file), empty);
  }
  writeFileSync(join(folder, name, "train-images-idx3-ubyte"), bytes);
}
mnistFolder("truncated", Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3));
mnistFolder("no-idx", new TextEncoder().encode("PK, a zip archive"));

const before = readdirSync(folder, { recursive: true });

/** Arguments, the error's code, and what its paragraph says. */
const cases: [args: string, code: string, says: (string | RegExp)[]][] = [
  ["tune missing.ts", "file-not-found", ['no file "missing.ts"', "digits-l2"]],
  ["tune full", "file-not-found", ['"full" is not a file']],
  ["tune digits", "invalid-argument", ['no experiment "digits"', "digits-l2 and mnist-l2", "./digits.ts"]],
  ["tune malformed.ts", "malformed-file", [/malformed\.ts:3:\d+ is not valid/, "Unexpected token"]],
  ["tune no-default.ts", "invalid-experiment", ["no-default.ts has no default export", "export default"]],
  ["tune other-default.ts", "invalid-experiment", ["exports an object as default", "defineExperiment"]],
  ["tune throws.ts", "invalid-experiment", ["TypeError: on purpose", /throws\.ts:3:\d+/]],
  ["tune missing-package.ts", "file-not-found", ["no-such-package-anywhere", "Install"]],
  ["tune wrong-call.ts", "invalid-argument", ["sizes [5]", /wrong-call\.ts:4:\d+/]],
  ["tune table.csv", "invalid-argument", ["neither TypeScript nor JavaScript", ".ts"]],
  ["tune not-scalar.ts", "invalid-loss", ["train.loss", "[20, 10]", "ops.mean"]],
  ["tune unused.ts", "unused-hyperparameter", ["idle", "take it out"]],
  ["tune misfit.ts", "shape-mismatch", ["matmul of [20, 64] and [8, 10]", /misfit\.ts:7:\d+/]],
  ["tune bug.ts", "invalid-experiment", ["TypeError", "reading 'W'", /bug\.ts:7:\d+/]],
  ["tune mnist-l2", "file-not-found", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte", "--data", "DRMAD_DATA"]],
  ["tune mnist-l2 --data nowhere", "file-not-found", ["looked in", "/nowhere,", "train-images-idx3-ubyte"]],
  ["tune mnist-l2 --data truncated", "malformed-file", ["train-images-idx3-ubyte", "3 bytes", "at byte 19"]],
  ["tune mnist-l2 --data no-idx", "malformed-file", ["train-images-idx3-ubyte", "at byte 0"]],
  ["tune digits-l2 --data full", "invalid-argument", ["--data", "only mnist-l2"]],
  ["tune good.ts --out full", "folder-not-empty", ['"full" already holds files', "new or an empty"]],
  ["tune good.ts --out good.ts", "folder-not-empty", ['"good.ts" is a file']],
  ["tune good.ts --out good.ts/below", "write-failed", ["cannot write", "--out"]],
  [
    "tune good.ts --method backwards",
    "invalid-argument",
    ['"backwards"', "checkpointed:NMB, reversible", "drmad:T/10,"],
  ],
  ["tune good.ts --method truncated:0", "invalid-argument", ['"truncated:0"', "truncated:N, ", "implicit:cg"]],
  [
    "tune good.ts --optimizer newton",
    "invalid-argument",
    ['"newton"', "adam, sign, sgd, rmsprop, lbfgs or maclaurinAdam"],
  ],
  ["tune good.ts --optimizer sgd", "invalid-argument", ["no usual rate", "--outer-rate"]],
  ["tune good.ts --clip 0", "invalid-argument", ['--clip cannot be "0"', "above 0"]],
  ["tune good.ts --seeds 0", "invalid-argument", ['--seeds cannot be "0"', "from 1 to 1000"]],
  ["tune good.ts --coarse-to-fine 5", "invalid-argument", ['--coarse-to-fine cannot be "5"', "5,5"]],
  ["tune good.ts --outer-rate -1", "invalid-argument", ['--outer-rate cannot be "-1"', "above 0"]],
  ["tune good.ts --outer-steps 0", "invalid-argument", ['--outer-steps cannot be "0"', "from 1"]],
  ["tune good.ts --inner-steps 1.5", "invalid-argument", ['--inner-steps cannot be "1.5"']],
  ["tune good.ts --seed 1e3", "invalid-argument", ['--seed cannot be "1e3"']],
  ["tune good.ts --precision float16", "invalid-argument", ['"float16"', "float32 or float64"]],
  ["tune good.ts --engine gpu", "invalid-argument", ['"gpu"', "auto, native or reference"]],
  ["tune good.ts --seconds soon", "invalid-argument", ['--seconds cannot be "soon"']],
  ["tune good.ts --method drmad:T/10 --inner-steps 9", "unsupported", ["at least 10 training steps"]],
  ["check good.ts --directions many", "invalid-argument", ['--directions cannot be "many"']],
  ["check good.ts/deeper.ts", "file-not-found", ['no file "good.ts/deeper.ts"']],
  ["check missing.ts", "file-not-found", ['no file "missing.ts"']],
  ["tune good.ts --outre-steps 3", "usage", ["unknown option '--outre-steps'", "--outer-steps"]],
  ["tun good.ts", "usage", ["unknown command 'tun'", "tune"]],
  ["tune", "usage", ["missing required argument 'experiment'", "--help"]],
  ["tune good.ts good.ts", "usage", ["too many arguments"]],
  ["tune good.ts --seed", "usage", ["argument missing"]],
  ["doctor --method reverse", "usage", ["unknown option '--method'"]],
];

describe("bad input ends with code 2, a paragraph that says what to do, and nothing written", () => {
  test.concurrent.each(cases)("drmad %s", async (args, code, says) => {
    const [command = "", ...rest] = args.split(" ");
    const { code: exit, stderr, events } = await runCli([command, "--json", ...rest], { cwd: folder });
    expect({ exit, stderr }).toMatchObject({ exit: 2 });
    const [paragraph, ...more] = stderr.split("\n");
    expect(more).toEqual([""]);
    expect(paragraph).toMatch(/^drmad: .*[.!?]$/);
    expect(paragraph).not.toMatch(/\bat (async )?\S+ \(|\[object/);
    for (const text of says) expect(paragraph).toMatch(text instanceof RegExp ? text : escaped(text));
    expect(events.at(-1)).toMatchObject({ type: "error", code, exit: 2 });
    expect(events.filter(({ type }) => type === "result")).toEqual([]);
    // What to do about it is more than what happened.
    expect(paragraph!.length).toBeGreaterThan((events.at(-1)!["message"] as string).length + 15);
  });

  test("nothing was written by any of them", () => {
    expect(readdirSync(folder, { recursive: true })).toEqual(before);
  });
});

const escaped = (text: string): RegExp => new RegExp(text.replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`));

describe("errors", () => {
  test("without --json nothing is on stdout; --trace adds the stack", async () => {
    const plain = await runCli(["tune", "misfit.ts"], { cwd: folder });
    expect(plain.stdout).toBe("");
    const traced = await runCli(["tune", "misfit.ts", "--trace"], { cwd: folder });
    expect(traced.stderr).toMatch(/\n {4}at .*misfit\.ts:7/);
    const asked = await runCli(["tune", "misfit.ts"], { cwd: folder, env: { DRMAD_TRACE: "1" } });
    expect(asked.stderr).toBe(traced.stderr);
  });

  test("no command shows the help and ends with 2; --help and --version end with 0", async () => {
    const none = await runCli([], { cwd: folder });
    expect(none).toMatchObject({ code: 2, stdout: "" });
    expect(none.stderr).toMatch(/^Usage: drmad/);
    expect(none.stderr).not.toContain("drmad: ");
    const help = await runCli(["tune", "--help"], { cwd: folder });
    expect(help).toMatchObject({ code: 0, stderr: "" });
    expect(help.stdout).toMatch(/Examples:\n {2}drmad tune/);
    const version = await runCli(["--version"], { cwd: folder });
    expect(version).toMatchObject({ code: 0, stderr: "" });
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
