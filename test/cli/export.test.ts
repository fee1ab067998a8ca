import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { parseNpz } from "../../src/data/npz.ts";
import { decodeSafetensors } from "../../src/store/safetensors.ts";
import { leaveOut } from "../optional.ts";
import { buildFirst, COMMAND_LINE, runCli, temporaryFolder, writeExperiment, type Outcome } from "./run-cli.ts";

buildFirst();
const cwd = temporaryFolder();
const cli = (...args: string[]): Promise<Outcome> => runCli(args, { cwd });
const read = (name: string): string => readFileSync(join(cwd, name), "utf8");
const bytes = (name: string): Uint8Array => new Uint8Array(readFileSync(join(cwd, name)));

const HYPER = `l2: hyper.perInput(1e-3, { transform: "log", biases: 0 }), rate: hyper.scalar(0.3, { transform: "log", perStep: true }), scale: hyper.scalar(1)`;

beforeAll(async () => {
  writeExperiment(cwd, "mine.ts", {
    hyper: HYPER,
    rate: "h.rate",
    train: "ops.add(ops.mul(h.scale, ops.crossEntropy(nn.forward(w, x), y)), nn.l2(w, h.l2))",
  });
  const notes = "<script>alert(1)</script> & 'quoted'";
  const run = await cli("tune", "mine.ts", "--outer-steps", "3", "--study", "one", "--out", "run", "--notes", notes);
  expect(run.code).toBe(0);
});

describe("the tuned values", () => {
  test("are the same numbers in every format", async () => {
    await cli("export", "one", "--format", "safetensors");
    await cli("export", "one", "--format", "npz");
    await cli("export", "one", "--format", "json");
    await cli("export", "one", "--format", "csv", "--tensors");
    const { tensors, metadata } = decodeSafetensors(bytes("one.safetensors"));
    expect(metadata).toMatchObject({ study: "one", experiment: "mine", method: "reverse", seed: "0" });
    const names = ["l2.0.W", "l2.1.W", "rate", "scale"];
    expect(Object.keys(tensors).sort()).toEqual(names);
    expect(tensors["rate"]!.shape).toEqual([20]);
    // The folder that tune wrote has them as well.
    expect(decodeSafetensors(bytes("run/hyperparameters.safetensors")).tensors).toEqual(tensors);
    const packed = parseNpz(bytes("one.npz"));
    for (const name of names) {
      expect(packed[name]!.shape).toEqual(tensors[name]!.shape);
      expect(Array.from(packed[name]!.data)).toEqual(Array.from(tensors[name]!.data));
    }
    type Value = { name: string; shape: number[]; perStep: boolean; transform: string; uses: string[]; data: number[] };
    const { values, steps, step } = JSON.parse(read("one.json")) as { values: Value[]; steps: object[]; step: number };
    expect(steps).toHaveLength(4);
    for (const { name, data } of values) expect(data).toEqual(Array.from(tensors[name]!.data));
    expect(values.map(({ name, perStep, transform, uses }) => [name, perStep, transform, uses])).toEqual([
      ["l2.0.W", false, "log", ["train.loss"]],
      ["l2.1.W", false, "log", ["train.loss"]],
      ["rate", true, "log", ["momentum's rate"]],
      ["scale", false, "identity", ["train.loss"]],
    ]);
    const rows = read("one.csv").trimEnd().split("\r\n").slice(1).map((line) => line.split(",")); // prettier-ignore
    expect(rows).toHaveLength(64 + 8 + 20 + 1);
    expect(rows[3]).toEqual([String(step), "l2.0.W", "3;0", String(tensors["l2.0.W"]!.data[3])]);
    expect(rows.at(-1)!.slice(0, 3)).toEqual([String(step), "scale", ""]);
  });

  test("are read by NumPy", async (context) => {
    await cli("export", "one", "--format", "npz", "--out", "numpy.npz");
    if (spawnSync("python3", ["-c", "import numpy"]).status !== 0) leaveOut(context, "python3 with numpy");
    const program =
      "import numpy,sys\nz = numpy.load(sys.argv[1])\nprint(z['rate'].shape, repr(float(z['l2.0.W'][3, 0])))";
    const { stdout } = spawnSync("python3", ["-c", program, join(cwd, "numpy.npz")], { encoding: "utf8" });
    await cli("export", "one", "--format", "safetensors", "--out", "for-numpy.safetensors");
    const value = decodeSafetensors(bytes("for-numpy.safetensors")).tensors["l2.0.W"]!.data[3]!;
    expect(stdout).toMatch(/^\(20,\) /);
    expect(Number(stdout.trim().split(" ")[1])).toBe(value);
  });

  test("are those of the step that is asked for; a folder has its result only", async () => {
    await cli("export", "one", "--format", "npz", "--step", "0", "--out", "start.npz");
    const start = parseNpz(bytes("start.npz"));
    for (const value of start["l2.0.W"]!.data) expect(value).toBeCloseTo(1e-3, 15);
    const folder = await cli("export", "./run", "--format", "npz", "--step", "0", "--out", "no.npz", "--json");
    expect([folder.code, folder.events.at(-1)]).toMatchObject([2, { code: "unsupported" }]);
    expect(existsSync(join(cwd, "no.npz"))).toBe(false);
  });
});

test("the outer steps are a table with all digits", async () => {
  const { stdout, code } = await cli("export", "one", "--format", "csv", "--out", "-");
  expect(code).toBe(0);
  const [header, ...rows] = stdout.trimEnd().split("\r\n").map((line) => line.split(",")); // prettier-ignore
  expect(header!.slice(0, 6)).toEqual(["step", "best", "train_loss", "train_error", "valid_loss", "valid_error"]);
  const shown = await cli("show", "one", "--json");
  const steps = shown.events.flatMap(({ event }) => {
    const each = event as { type: string; step: number; valid: { loss: number } } | undefined;
    return each?.type === "step" ? [[String(each.step), String(each.valid.loss)]] : [];
  });
  expect(rows.map((row) => [row[0], row[4]])).toEqual(steps);
});

test("the report is one page that runs nothing and fetches nothing", async () => {
  await cli("export", "one", "--format", "html");
  await cli("export", "run", "--format", "html", "--store", "none.db", "--out", "folder.html");
  for (const page of [read("one.html"), read("folder.html")]) {
    expect(page).not.toMatch(/<script|<link|<img|<iframe|@import|\bon[a-z]+="|javascript:/i);
    // Nothing but the name space of SVG looks like an address.
    expect(page.replaceAll('xmlns="http://www.w3.org/2000/svg"', "")).not.toMatch(/https?:|url\((?!#)|\ssrc=/);
    expect(page.match(/<svg/g)!.length).toBeGreaterThanOrEqual(4);
    expect(page).toContain("prefers-color-scheme: dark");
    expect(page).toContain("default-src 'none'");
    for (const text of ["validation loss", "l2.0.W", "momentum&#39;s rate", "reverse"]) expect(page).toContain(text);
  }
  expect(read("one.html")).toContain("&lt;script&gt;alert(1)&lt;/script&gt; &amp; &#39;quoted&#39;");
  expect(read("one.html")).toContain("export { experiment as default };");
});

test("a study goes to standard output whole or not at all, and leaves no temporary file", async () => {
  const empty = join(cwd, "empty");
  mkdirSync(empty);
  const env = { TMPDIR: empty, TEMP: empty };
  await cli("export", "one", "--format", "study", "--out", "one.zip");
  const piped = spawnSync(process.execPath, [COMMAND_LINE, "export", "one", "--format", "study", "--out", "-"], { cwd, env: { ...process.env, ...env } }); // prettier-ignore
  expect([piped.status, piped.stderr.toString()]).toEqual([0, ""]);
  expect(Buffer.compare(piped.stdout, bytes("one.zip"))).toBe(0);
  // A copy of the store in which the last step's arrays are gone.
  cpSync(join(cwd, "runs"), join(cwd, "torn"), { recursive: true });
  const tensors = join(cwd, "torn/drmad.db.tensors");
  const files = readdirSync(tensors, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".safetensors")); // prettier-ignore
  rmSync(join(tensors, files.sort().at(-1)!));
  const part = await runCli(["export", "one", "--format", "study", "--out", "-", "--store", "torn/drmad.db"], {
    cwd,
    env,
  });
  expect(part.code).not.toBe(0);
  expect(part.stdout).toBe("");
  expect(part.stderr).toContain("drmad: ");
  expect(readdirSync(empty)).toEqual([]);
});

test("pictures of the store alone are those that tune wrote", async () => {
  await cli("export", "one", "--format", "png");
  await cli("export", "one", "--format", "svg", "--out", "drawn");
  const pictures = readdirSync(join(cwd, "run")).filter((name) => name.endsWith(".png")).sort(); // prettier-ignore
  expect(readdirSync(join(cwd, "one-pictures")).sort()).toEqual(pictures);
  for (const name of pictures) expect(bytes(`one-pictures/${name}`)).toEqual(bytes(`run/${name}`));
  for (const name of pictures) expect(read(`drawn/${name.replace("png", "svg")}`)).toMatch(/^<svg [^]*<\/svg>\n$/);
});

describe("nothing is lost", () => {
  test("what is there stays, unless it shall not", async () => {
    writeFileSync(join(cwd, "mine.csv"), "mine");
    const refused = await cli("export", "one", "--format", "csv", "--out", "mine.csv", "--json");
    expect([refused.code, refused.events.at(-1)]).toMatchObject([2, { code: "folder-not-empty" }]);
    expect(read("mine.csv")).toBe("mine");
    const forced = await cli("export", "one", "--format", "csv", "--out", "mine.csv", "--json", "--force");
    expect(forced.events.at(-1)).toMatchObject({ type: "result", files: [{ file: "mine.csv" }] });
    expect(read("mine.csv")).toMatch(/^step,/);
    mkdirSync(join(cwd, "pictures"));
    writeFileSync(join(cwd, "pictures/validation.svg"), "mine");
    expect((await cli("export", "one", "--format", "svg", "--out", "pictures")).code).toBe(2);
    expect(readdirSync(join(cwd, "pictures"))).toEqual(["validation.svg"]);
    expect(readdirSync(cwd).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  test.each([
    ["study-not-found", "export none --format csv"],
    ["invalid-argument", "export one"],
    ["invalid-argument", "export one --format xml"],
    ["invalid-argument", "export one --format csv --step 99 --tensors --out x.csv"],
    ["invalid-argument", "export one --format csv --step soon"],
    ["invalid-argument", "export one --format html --tensors"],
    ["invalid-argument", "export one --format svg --out -"],
    ["file-not-found", "export one --format csv --out nowhere/x.csv"],
    ["file-not-found", "export one --format csv --store none.db --out x.csv"],
  ])("%s: drmad %s", async (code, args) => {
    const before = readdirSync(cwd);
    const outcome = await cli(...args.split(" "), "--json");
    expect([outcome.code, outcome.events.at(-1)]).toMatchObject([2, { type: "error", code }]);
    expect(readdirSync(cwd)).toEqual(before);
  });
});
