import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  gradientAt,
  HEIGHT,
  HOSTILE,
  keep,
  ROWS,
  startEvent,
  stepEvent,
  valueAt,
  WIDTH,
} from "../../test/server/studies.ts";
import { asking } from "../../test/server/asking.ts";
import { filled, type Filled } from "../../test/server/filled.ts";
import { open } from "../store/open.ts";
import type { StudyEvent } from "../study/state.ts";
import type * as api from "./api.ts";

let given: Filled;
beforeAll(async () => void (given = await filled()));
afterAll(() => given.close());
const get = (path: string, init?: RequestInit): Promise<Response> => given.asked.get(path, init);
const ask = <T>(path: string): Promise<T> => given.asked.ask<T>(path);
const post = (path: string, body: unknown): Promise<Response> => given.asked.post(path, body);
const fault = (path: string): Promise<readonly [number, string]> => given.asked.fault(path);
const stepOf = (name: string): string => `study=pictures&step=2&tensor=${encodeURIComponent(name)}`;

describe("the list", () => {
  test("has every study without its text", async () => {
    const { version, store: place, studies } = await ask<api.StudyList>("/api/studies");
    expect([version, place]).toEqual(["1.2.3", join(given.folder, "studies.db")]);
    expect(studies.map(({ name }) => name).sort()).toEqual(
      ["ended", "failed", "older", "pictures", "waiting", ...HOSTILE].sort(),
    );
    expect(studies.find(({ name }) => name === "pictures")).toMatchObject({
      state: "running",
      steps: 4,
      events: 5,
      outerSteps: 4,
    });
    expect(studies.some((study) => "source" in study)).toBe(false);
    expect(studies[0]!.created).toMatch(/^\d{4}-\d\d-\d\dT/);
  });
});

describe("a study", () => {
  test("that runs has all that its page shows", async () => {
    const view = await ask<api.StudyView>("/api/study?study=pictures");
    expect(view).toMatchObject({
      source: "export default 1;",
      kept: [0, 1, 2, 3],
      trouble: [],
      test: null,
      stop: null,
    });
    expect(view.start).toMatchObject({ method: "reverse", image: { height: HEIGHT, width: WIDTH } });
    expect(view.start).not.toHaveProperty("at");
    expect(view.steps).toHaveLength(4);
    expect(view.steps[2]).toMatchObject({ step: 2, growth: "Infinity", chaotic: true });
    expect(view.steps[2]).not.toHaveProperty("inner");
    // Steps take 3 s each; that with the last update is left.
    expect(view.secondsLeft).toBe(3);
    const image = { height: HEIGHT, width: WIDTH };
    expect(Object.fromEntries(view.tensors.map(({ name, image: of, perExample }) => [name, [of, perExample]]))).toEqual(
      {
        weight: [undefined, true],
        "l2.0.weights": [{ ...image, whole: true }, false],
        "l2.1.weights": [undefined, false],
        rate: [undefined, false],
        inputs: [{ ...image, whole: false }, false],
        big: [undefined, false],
        "odd/~name": [undefined, false],
      },
    );
  });

  test("that goes on from another says from which step, and with what changed", async () => {
    const other = await open(join(given.folder, "forks.db"));
    const fork: StudyEvent = {
      type: "fork", of: "first", step: 3, goesOn: true, optimizerState: "kept", at: { point: {}, optimizer: null },
      changes: [{ what: "outerSteps", was: "4", is: "9" }],
    }; // prettier-ignore
    await (await keep(other, "forked", [startEvent, stepEvent(0), fork])).over();
    const view = await asking(other).ask<api.StudyView>("/api/study?study=forked");
    expect(view.origin).toMatchObject({
      of: "first",
      step: 3,
      changes: [{ what: "outerSteps", was: "4", is: "9" }],
    });
    expect(view.origin).not.toHaveProperty("at");
    expect(view.times).toMatchObject({ study: 3, run: expect.any(Number), sinceBegun: expect.any(Number) });
    await other.close();
    expect((await ask<api.StudyView>("/api/study?study=ended")).origin).toBeNull();
  });

  test("that ended says how", async () => {
    const view = await ask<api.StudyView>("/api/study?study=ended");
    expect(view.stop).toEqual({ reason: "plateau", detail: "no better one" });
    expect(view.test).toEqual({ start: { loss: 2 }, tuned: { loss: "NaN" } });
    expect(view.chosen).toEqual({ method: "checkpointed", why: "it fits" });
    expect(view.warnings).toEqual([
      { message: "the hypergradient is chaotic", chaos: { outerStep: 2, growth: "Infinity" } },
    ]);
    expect(view.secondsLeft).toBeNull();
  });

  test("of an older drmad shows, and says what it lacks", async () => {
    const view = await ask<api.StudyView>("/api/study?study=older");
    expect(view.trouble.map(({ code }) => code)).toEqual(["older-study"]);
    expect(view.tensors.find(({ name }) => name === "odd/~name")).toMatchObject({ shape: [], transform: "unknown" });
    expect(view.tensors).toHaveLength(7);
    expect(view.stop).toEqual({ reason: "cancelled", detail: null });
    expect((await get("/api/map?study=older&step=0&tensor=big&of=value")).status).toBe(200);
  });

  test("that has not begun, or failed, shows too", async () => {
    for (const name of ["waiting", "failed", ...HOSTILE]) {
      const view = await ask<api.StudyView>(`/api/study?study=${encodeURIComponent(name)}`);
      expect(view).toMatchObject({ start: null, tensors: [], steps: [], kept: [], trouble: [] });
      expect(view.summary.name).toBe(name);
      for (const route of ["inner", "health", "log"])
        expect((await get(`/api/${route}?study=${encodeURIComponent(name)}`)).status).toBe(200);
    }
  });

  test("with damaged tensors shows the rest, and says so", async () => {
    const other = await open(join(given.folder, "damaged.db"));
    const of = asking(other);
    await keep(other, "torn", [startEvent, stepEvent(0), stepEvent(1)]);
    const place = join(given.folder, "damaged.db.tensors");
    const [id] = readdirSync(place);
    const files = readdirSync(join(place, id!)).filter((name) => /^00000[12].*\d\.safetensors$/.test(name));
    expect(files).toHaveLength(2);
    for (const file of files) writeFileSync(join(place, id!, file), "torn");
    const answer = async (path: string): Promise<[number, unknown]> => {
      const response = await of.get(`/api/${path}`);
      return [response.status, await response.json()];
    };
    const [status, view] = await answer("study?study=torn");
    expect(status).toBe(200);
    expect(view).toMatchObject({ kept: [0, 1], trouble: [{ code: "malformed-file" }] });
    for (const path of [
      "map?study=torn&step=1&tensor=big&of=value",
      "curve?study=torn&tensor=big",
      "health?study=torn",
    ])
      expect(await answer(path)).toMatchObject([
        409,
        { code: "malformed-file", hint: expect.stringContaining("copy") as string },
      ]);
    rmSync(join(place, id!, files[1]!));
    expect(await answer("map?study=torn&step=1&tensor=big&of=value")).toMatchObject([404, { code: "file-not-found" }]);
    await other.close();
  });

  test("whose arrays are lost at one step has its curves over the others", async () => {
    const other = await open(join(given.folder, "lost.db"));
    const of = asking(other);
    await keep(other, "half", [startEvent, stepEvent(0), stepEvent(1)]);
    const place = join(given.folder, "lost.db.tensors");
    const [id] = readdirSync(place);
    const [file] = readdirSync(join(place, id!)).filter((name) => /^000002.*\d\.safetensors$/.test(name));
    rmSync(join(place, id!, file!));
    const curve = await of.ask<api.TensorCurve>("/api/curve?study=half&tensor=big");
    expect(curve).toMatchObject({ steps: [0], unreadable: [1], median: [expect.any(Number)] });
    await other.close();
  });
});

interface Map {
  readonly header: api.TensorMapHeader;
  readonly cells: readonly number[];
}
async function mapOf(query: string): Promise<Map> {
  const response = await get(`/api/map?${query}`);
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "application/octet-stream"]);
  const view = new DataView(await response.arrayBuffer());
  const length = view.getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(view.buffer, 4, length))) as api.TensorMapHeader;
  const n = (view.byteLength - 4 - length) / 4;
  expect(n).toBe(header.rows * header.columns);
  return { header, cells: Array.from({ length: n }, (_, i) => view.getFloat32(4 + length + 4 * i, true)) };
}

describe("a map", () => {
  test.each([
    ["weight", 1, ROWS],
    ["l2.0.weights", HEIGHT, WIDTH],
    ["l2.1.weights", 5, 1],
    ["rate", 6, 1],
    ["inputs", 2, HEIGHT * WIDTH],
    ["odd/~name", 1, 1],
  ])("of %s is the tensor itself, %i × %i", async (name, rows, columns) => {
    const { header, cells } = await mapOf(`${stepOf(name)}&of=value`);
    expect(header).toMatchObject({ step: 2, tensor: name, of: "value", rows, columns, blocks: [1, 1] });
    expect(cells).toEqual([...Float32Array.from(valueAt(name, 2))]);
    const gradient = await mapOf(`${stepOf(name)}&of=hypergradient`);
    const finite = [...gradientAt(name, 2)].filter(Number.isFinite);
    const [least, most] = finite.length === 0 ? [null, null] : [Math.min(...finite), Math.max(...finite)];
    expect(gradient.header).toMatchObject({ of: "hypergradient", least, most, nonFinite: 1 });
  });

  test("of a large tensor is the means of blocks", async () => {
    const { header, cells } = await mapOf(`${stepOf("big")}&of=value`);
    expect(header).toMatchObject({ shape: [3000, 10], rows: 1000, columns: 10, blocks: [3, 1], nonFinite: 30 });
    const values = valueAt("big", 2);
    const mean = (row: number, column: number): number =>
      (values[30 * row + column]! + values[30 * row + 10 + column]! + values[30 * row + 20 + column]!) / 3;
    expect(cells[0]).toBeNaN();
    for (const [row, column] of [
      [1, 0],
      [7, 3],
      [999, 9],
    ] as const)
      // prettier-ignore
      expect(cells[10 * row + column]).toBeCloseTo(mean(row, column), 6);
  });

  test("is refused where there is none", async () => {
    for (const [query, status] of [
      ["study=pictures&step=9&tensor=big&of=value", 400],
      ["study=pictures&step=2&tensor=none&of=value", 400],
      ["study=pictures&step=2&tensor=__proto__&of=value", 400],
      ["study=pictures&step=2&tensor=big&of=all", 400],
      ["study=pictures&step=-1&tensor=big&of=value", 400],
      ["study=pictures&step=1e1&tensor=big&of=value", 400],
      ["study=pictures&step=99999999999&tensor=big&of=value", 400],
      ["study=pictures&study=ended&step=2&tensor=big&of=value", 400],
      ["study=ended&step=4&tensor=big&of=hypergradient", 400],
      ["study=none&step=2&tensor=big&of=value", 404],
      ["step=2&tensor=big&of=value", 400],
    ] as const)
      expect([query, await fault(`/api/map?${query}`)]).toEqual([query, [status, status === 404 ? "study-not-found" : "invalid-argument"]]); // prettier-ignore
  });
});

test("a curve has the least, middle and largest finite value of each step", async () => {
  const curve = await ask<api.TensorCurve>(`/api/curve?study=pictures&tensor=weight`);
  const sorted = [...valueAt("weight", 1)].filter(Number.isFinite).sort((a, b) => a - b);
  expect(curve.steps).toEqual([0, 1, 2, 3]);
  expect(sorted).toHaveLength(ROWS - 1);
  expect([curve.least[1], curve.median[1], curve.most[1]]).toEqual([sorted[0], sorted[19], sorted.at(-1)]);
  expect(curve.each).toBeUndefined();
  const few = await ask<api.TensorCurve>(`/api/curve?study=pictures&tensor=rate`);
  const rate = [...valueAt("rate", 3)].sort((a, b) => a - b);
  expect(few.median[3]).toBeCloseTo((rate[2]! + rate[3]!) / 2, 14);
  expect(few.each![3]).toEqual([...valueAt("rate", 3)]);
  expect(await fault("/api/curve?study=pictures&tensor=none")).toEqual([400, "invalid-argument"]);
});

test("inner curves are those that the steps recorded", async () => {
  const { curves } = await ask<api.InnerCurves>("/api/inner?study=pictures");
  expect(curves[2]).toEqual({ step: 2, at: [3, 6], loss: [1, "NaN"] });
  expect(curves).toHaveLength(4);
});

test("the log has every event in words and as JSON", async () => {
  const { events } = await ask<api.Log>("/api/log?study=ended&from=1");
  expect(events[0]).toMatchObject({ sequence: 1, text: "from step 0 with checkpointed: it fits" });
  expect(events.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(events[4]!.text).toBe("step 3: validation loss 1.25, 3 s");
  expect(JSON.parse(events[6]!.json)).toMatchObject({ type: "warning", chaos: { growth: "Infinity" } });
});

describe("what changes a study", () => {
  test("notes and tags", async () => {
    expect((await post("/api/notes", { study: "waiting", notes: "líne\nline", tags: ["x"] })).status).toBe(204);
    expect(await given.store.get("waiting")).toMatchObject({ notes: "líne\nline", tags: ["x"] });
    for (const body of [
      { study: "waiting", notes: "a" },
      { study: "waiting", notes: "a\0", tags: [] },
      { study: "waiting", notes: "\ud800", tags: [] },
      { study: "waiting", notes: "a", tags: [""] },
      { study: "waiting", notes: "a", tags: "x" },
      { study: "waiting", notes: "a", tags: [], more: 1 },
      ["waiting"],
      null,
    ])
      expect((await post("/api/notes", body)).status).toBe(400);
    expect((await post("/api/notes", { study: "none", notes: "", tags: [] })).status).toBe(404);
    expect((await post("/api/notes", { study: "waiting", notes: "a".repeat(2 ** 20), tags: [] })).status).toBe(413);
    expect(await given.store.get("waiting")).toMatchObject({ notes: "líne\nline", tags: ["x"] });
  });

  test("a stop", async () => {
    const { over } = await keep(given.store, "to be stopped", [startEvent]);
    expect((await post("/api/stop", { study: "to be stopped" })).status).toBe(204);
    expect(await given.store.get("to be stopped")).toMatchObject({ stopping: true });
    await over();
    expect((await post("/api/stop", { study: "to be stopped" })).status).toBe(409);
  });
});

test("without the built page there is one that says how to build it", async () => {
  const response = await get("/");
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
  expect(await response.text()).toContain("npm run build");
});

test("a route takes its own method only", async () => {
  expect((await get("/api/stop")).status).toBe(405);
  expect((await post("/api/studies", {})).status).toBe(405);
  expect((await get("/api/studies", { method: "HEAD" })).status).toBe(200);
});
