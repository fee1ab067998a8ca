import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { failure, formula } from "../../test/oracle/measure.ts";
import type { NdArray } from "../data/dataset.ts";
import { encodeZip, parseZip } from "../data/zip.ts";
import { momentum } from "../dynamics/momentum.ts";
import * as nn from "../nn/nn.ts";
import * as outer from "../outer/outer.ts";
import { hyper } from "../problem/hyper.ts";
import { defineExperiment } from "../study/define.ts";
import type { StartInfo } from "../study/events.ts";
import * as ops from "../tensor/ops.ts";
import { open } from "./open.ts";
import { resume, tune } from "./persist.ts";
import type { Store } from "./store.ts";

const folder = mkdtempSync(join(tmpdir(), "drmad-transfer-"));
let store: Store;
let other: Store;
beforeAll(async () => {
  mkdirSync(join(folder, "two.db.tensors"));
  store = await open(join(folder, "one.db"));
  other = await open(join(folder, "two.db"));
});
afterAll(async () => {
  await Promise.all([store.close(), other.close()]);
  rmSync(folder, { recursive: true });
});

const rows = { x: { data: formula(1, 24), shape: [12, 2] }, y: { data: Int32Array.from({ length: 12 }, (_, i) => i % 2), shape: [12] } }; // prettier-ignore
const experiment = defineExperiment({
  name: "kept",
  data: { train: rows, valid: rows },
  params: nn.mlp([2, 3, 2]),
  hyper: { l2: hyper.perInput(0.01, { transform: "log" }) },
  train: {
    loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.l2)),
    dynamics: momentum({ rate: 0.3, decay: 0.5 }),
    steps: 10,
  },
  valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
});
const OPTIONS = { engine: "reference", optimizer: outer.lbfgs({ rate: 0.5 }), outerSteps: 4 } as const;

/** The files in a packed study, as text where they are text. */
const filesIn = (bytes: Uint8Array): [string, Uint8Array][] =>
  [...parseZip(bytes)].map(([name, read]) => [name, read()]);
const withFile = (bytes: Uint8Array, name: string, change: (contents: Uint8Array) => Uint8Array): Uint8Array =>
  encodeZip(filesIn(bytes).map(([each, contents]) => [each, each === name ? change(contents) : contents]));
const replaced =
  (from: string | RegExp, to: string) =>
  (bytes: Uint8Array): Uint8Array => {
    const text = new TextDecoder().decode(bytes);
    const changed = text.replace(from, to);
    if (changed === text) throw new Error(`there is no ${String(from)} to change`);
    return new TextEncoder().encode(changed);
  };

test("goes on elsewhere to the very end that it would have had", async () => {
  const whole = await tune(experiment, { ...OPTIONS, store, name: "whole", tags: ["a"], notes: "n", source: "text" });
  const abort = new AbortController();
  await tune(experiment, {
    ...OPTIONS,
    store,
    name: "part",
    signal: abort.signal,
    onEvent: (event) => event.type === "step" && event.step === 2 && abort.abort(),
  });
  const bytes = await store.exportStudy("part");
  expect(await other.importStudy(bytes, { as: "theirs" })).toBe("theirs");
  const [before, after] = [await store.state("part"), await other.state("theirs")];
  expect(after).toEqual(before);
  const result = await resume(experiment, { ...OPTIONS, store: other, name: "theirs" });
  expect(result.values).toEqual(whole.values);
  expect(result.steps.map(({ valid }) => valid)).toEqual(whole.steps.map(({ valid }) => valid));
});

test("comes back as the same bytes, with all that lists show", async () => {
  const bytes = await store.exportStudy("whole");
  await other.importStudy(bytes);
  expect(await other.exportStudy("whole")).toEqual(bytes);
  expect(await other.get("whole")).toEqual({ ...(await store.get("whole")), imported: true });
  expect(await other.events("whole")).toEqual(await store.events("whole"));
  expect(await other.state("whole")).toEqual(await store.state("whole"));
});

const hex = async (from: Store): Promise<unknown> => {
  const { last, steps } = await from.state("odd");
  const { values: kept } = { values: await from.tensors("odd", 1) };
  const bits = Object.entries({ ...kept, point: { data: last!.point["a"]!, shape: [5] } }).map(
    ([name, { data }]) => [name, Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("hex")], // prettier-ignore
  );
  return { bits, steps, t: Object.is((last!.optimizer as { t: number }).t, -0) };
};

test("numbers that are none, and −0, keep their bits", async () => {
  const odd = Float64Array.of(NaN, Infinity, -Infinity, -0, 5e-324);
  new DataView(odd.buffer).setBigUint64(0, 0x7ff8dead_beef0001n, true);
  const info: StartInfo = {
    experiment: "e", seed: 0, method: "m", optimizer: "o", engine: "e", precision: "float64", threads: 1, weights: 1,
    hyperparameters: 5, groups: { a: 5 }, innerSteps: 1, outerSteps: 1, rows: { train: 1 },
  }; // prettier-ignore
  await store.create({ name: "odd", experiment: "e" });
  const claim = await store.claim("odd");
  const values: Record<string, NdArray> = { a: { data: odd, shape: [5] } };
  const at = { point: { a: odd }, optimizer: { m: odd, t: -0 } };
  const metrics = { loss: -Infinity, error: NaN, zero: -0 };
  await claim.append([
    { type: "start", ...info, at },
    { type: "step", step: 0, best: true, train: metrics, valid: metrics, seconds: 0, kept: at, values },
  ]);
  await claim.release("stopped");
  await other.importStudy(await store.exportStudy("odd"));
  expect(await hex(other)).toEqual(await hex(store));
  expect(await hex(other)).toMatchObject({ t: true, steps: [{ train: { loss: -Infinity, error: NaN, zero: -0 } }] });
  expect(JSON.stringify(await hex(other))).toContain("0100efbeaddef87f");
});

const untouched = async (
  attempt: () => Promise<unknown>,
  code: Parameters<typeof failure>[0],
  part: string,
): Promise<void> => {
  const before = [(await other.list()).length, readdirSync(join(folder, "two.db.tensors")).length];
  await expect(attempt()).rejects.toMatchObject(failure(code, part));
  expect([(await other.list()).length, readdirSync(join(folder, "two.db.tensors")).length]).toEqual(before);
};

describe("is refused, and nothing is imported", () => {
  test("a name that is taken, or is none", async () => {
    const bytes = await store.exportStudy("whole");
    await untouched(() => other.importStudy(bytes), "study-exists", "whole");
    await untouched(() => other.importStudy(bytes, { as: " " }), "invalid-argument", "is empty");
  });

  const changes: readonly [what: string, file: string, from: string | RegExp, to: string, says: string][] = [
    ["a newer version", "study.json", '"version":1', '"version":2', "has version 2"],
    ["another format", "study.json", "drmad study", "drmad store", "does not say"],
    ["a state that is none", "study.json", '"state":"done"', '"state":"running"', "state"],
    ["a key twice", "study.json", '"notes":"n"', '"notes":"n","notes":"m"', "twice"],
    ["a key __proto__", "study.json", '"notes":"n"', '"notes":"n","__proto__":{"a":1}', "__proto__"],
    ["deep nesting", "study.json", '"tags":["a"]', `"tags":${"[".repeat(9000)}${"]".repeat(9000)}`, "deep"],
    ["a file elsewhere", "study.json", "000000-1.safetensors", "../000000-1.safetensors", "../000000"],
    ["a hash of other bytes", "study.json", /"sha256":"(....)/, '"sha256":"0000', "SHA-256"],
    ["an event too few", "events.jsonl", /^.*\n/, "", "events"],
    ["a step twice", "events.jsonl", '"step":1,', '"step":0,', "step 0 where step 1"],
    ["a step without a loss", "events.jsonl", /"valid":\{"loss":[^,}]+/, '"valid":{"lost":1', "lacks"],
    ["an array that is not there", "events.jsonl", '"$values":"kept/point', '"$values":"kept/paint', "kept/paint"],
    ["a kind that is not known", "events.jsonl", "$values", "$valves", "$valves"],
    ["a type that is not known", "events.jsonl", '"type":"result"', '"type":"sultre"', "type"],
  ];
  test.each(changes)("%s", async (_, file, from, to, says) => {
    const bytes = withFile(await store.exportStudy("whole"), file, replaced(from, to));
    const code = file === "study.json" && to === '"version":2' ? "store-version" : "malformed-file";
    await untouched(() => other.importStudy(bytes, { as: "bad" }), code, says);
  });

  test("a file that nothing refers to, one that is missing, and one of other bytes", async () => {
    const bytes = await store.exportStudy("whole");
    const files = filesIn(bytes);
    const tensors = files.filter(([name]) => name.startsWith("tensors/"));
    const [first] = tensors[0]!;
    const more = encodeZip([...files, ["tensors/more", new Uint8Array(1)]]);
    await untouched(() => other.importStudy(more, { as: "bad" }), "malformed-file", "nothing refers");
    const less = encodeZip(files.filter(([name]) => name !== first));
    await untouched(() => other.importStudy(less, { as: "bad" }), "malformed-file", first);
    const turned = withFile(bytes, first, (contents) => contents.with(contents.length - 1, contents.at(-1)! ^ 1));
    await untouched(() => other.importStudy(turned, { as: "bad" }), "malformed-file", "SHA-256");
  });
});
