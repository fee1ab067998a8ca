import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Bytes } from "../data/zip.ts";
import type { StudyEvent } from "../study/state.ts";
import { withFileBytes } from "./file-bytes.ts";
import { readFork } from "./fork.ts";
import { open } from "./open.ts";
import type { Store } from "./store.ts";
import { sqliteBackend } from "./sqlite.ts";
import { exportStudy, importStudy } from "./transfer.ts";
import { writeFilePieces } from "./write.ts";

/** Sees every array that is decoded. */
const decoded = vi.hoisted(() => ({ see: (_array: object): void => undefined }));
vi.mock(import("./safetensors.ts"), async (original) => {
  const real = await original();
  return {
    ...real,
    decodeSafetensors(...given) {
      const found = real.decodeSafetensors(...given);
      for (const { data } of Object.values(found.tensors)) decoded.see(data);
      return found;
    },
  };
});

/** Kept steps, and values of each: three arrays a step. */
const [STEPS, VALUES] = [8, 9000];
const LARGE = 8 * VALUES;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** What was handed out, and the most of it that was alive at any look. */
function watch() {
  const handed: WeakRef<object>[] = [];
  let most = 0;
  return {
    give<T extends object>(value: T): T {
      handed.push(new WeakRef(value));
      return value;
    },
    /** In a turn of its own, for what a turn has made lives until its end. */
    async look(): Promise<void> {
      await new Promise((resolve) => setImmediate(resolve));
      collect();
      most = Math.max(most, handed.filter((ref) => ref.deref() !== undefined).length);
    },
    handed: () => handed.length,
    most: () => most,
  };
}

const folder = mkdtempSync(join(tmpdir(), "drmad-streaming-"));
const path = join(folder, "kept.drmad.zip");
let store: Store;
const point = (n: number) => ({ u: new Float64Array(VALUES).fill(n) });
const start = {
  type: "start", experiment: "e", seed: 0, method: "m", optimizer: "o", engine: "e", precision: "float64", threads: 1,
  weights: 1, hyperparameters: VALUES, groups: { u: VALUES }, innerSteps: 1, outerSteps: STEPS, rows: { train: 1 },
  identity: { fingerprint: "f", patience: 9, onChaos: "continue", testCurve: false },
  at: { point: point(0), optimizer: null },
} as const satisfies StudyEvent; // prettier-ignore
const step = (n: number): StudyEvent => ({
  type: "step",
  step: n,
  best: n < 3,
  train: { loss: 1 },
  valid: { loss: n < 3 ? 9 - n : 8 },
  seconds: 0,
  kept: { point: point(n), optimizer: null, found: { gradient: point(-n), value: 1 } },
  values: { u: { data: point(n).u, shape: [VALUES] } },
});

beforeAll(async () => {
  store = await open(join(folder, "studies.db"));
  await store.create({ name: "long", experiment: "e" });
  const claim = await store.claim("long");
  await claim.append([start]);
  for (let n = 0; n < STEPS; n++) await claim.append([step(n)]);
  await claim.release("stopped");
});
afterAll(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

test("an export holds the arrays of one step at a time, and is the same bytes", async () => {
  const place = await sqliteBackend(join(folder, "studies.db"));
  const row = await place.db.selectFrom("studies").selectAll().where("name", "=", "long").executeTakeFirstOrThrow();
  const seen = watch();
  const bytes = { ...place.bytes, read: async (file: string) => seen.give(await place.bytes.read(file)) };
  await writeFilePieces(path, (sink) =>
    exportStudy({ ...place, bytes }, row, {
      async write(piece) {
        sink.write(piece);
        await seen.look();
      },
    }),
  );
  await place.db.destroy();
  expect(seen.handed()).toBe(STEPS + 1);
  expect(seen.most()).toBeGreaterThan(0);
  // The one that is written, and one that the last turn has let go.
  expect(seen.most()).toBeLessThanOrEqual(2);
  await withFileBytes(path, async (file) =>
    expect(Buffer.compare(file.subarray(0, file.length), await store.exportStudy("long"))).toBe(0),
  );
});

test("an import holds the arrays of one event at a time, of a file that it reads in parts", async () => {
  const [seen, arrays] = [watch(), watch()];
  let looks = 0;
  decoded.see = arrays.give;
  const other = await open(join(folder, "other.db"));
  const place = await sqliteBackend(join(folder, "other.db"));
  // The import waits for the looks: without a turn of their own everything would be looked at when it is over.
  const write = async (...given: Parameters<typeof place.bytes.write>): Promise<void> => {
    await place.bytes.write(...given);
    looks++;
    await seen.look();
    await arrays.look();
  };
  await withFileBytes(path, async (file) => {
    const bytes: Bytes = {
      length: file.length,
      subarray(from, to) {
        const part = file.subarray(from, to);
        return to - from < LARGE ? part : seen.give(part);
      },
    };
    await importStudy({ ...place, bytes: { ...place.bytes, write } }, bytes, { as: "theirs" });
  });
  await place.db.destroy();
  decoded.see = () => undefined;
  // Twice: to check all, and to write.
  expect(seen.handed()).toBe(2 * (STEPS + 1));
  expect(looks).toBe(STEPS + 1);
  expect(seen.most()).toBeLessThanOrEqual(2);
  // The start's one; of a step its point, hypergradient and values. All were let go when the first file was written.
  expect(arrays.handed()).toBe(1 + 3 * STEPS);
  expect(arrays.most()).toBeLessThanOrEqual(3);
  expect(await other.state("theirs")).toEqual(await store.state("long"));
  await other.close();
});

test("a fork copies one step at a time, and has them all", async () => {
  const seen = watch();
  const watched: Store = {
    ...store,
    async event(name, sequence) {
      await seen.look();
      const found = await store.event(name, sequence);
      if (found?.type === "step") seen.give(found.kept!.point["u"]!);
      return found;
    },
  };
  const { before, whole } = await readFork(watched, { of: "long", step: STEPS - 1 });
  const kept = before.flatMap((event) => (event.type === "step" && event.kept !== undefined ? [event.step] : []));
  expect(kept).toEqual([2, STEPS - 2]);
  await store.create({ name: "fork", experiment: "e" });
  const claim = await store.claim("fork");
  await claim.append([start, ...before], whole);
  await claim.release("stopped");
  expect(seen.handed()).toBeGreaterThanOrEqual(STEPS - 1);
  // The step itself, the best and the last before it, and the one that is copied, with the one before.
  expect(seen.most()).toBeLessThanOrEqual(5);
  for (const n of [0, 1, 5, STEPS - 2]) {
    const [mine, theirs] = await Promise.all(["fork", "long"].map((name) => store.tensors(name, n + 1)));
    expect(mine).toEqual(theirs);
  }
});

test("a study that changes while it is written begins its file anew", async () => {
  const place = await sqliteBackend(join(folder, "studies.db"));
  const row = await place.db.selectFrom("studies").selectAll().where("name", "=", "long").executeTakeFirstOrThrow();
  // The third file of the first look is gone, as one of the optimiser's state may be after a commit.
  let [reads, pieces, restarts] = [0, 0, 0];
  const bytes: typeof place.bytes = {
    ...place.bytes,
    read: (file) => place.bytes.read(++reads === 3 ? `${file}.gone` : file),
  };
  const whole = join(folder, "anew");
  await writeFilePieces(whole, (sink) =>
    exportStudy({ ...place, bytes }, row, {
      write: (piece) => {
        if (restarts === 0) pieces++;
        sink.write(piece);
      },
      restart: () => {
        restarts++;
        sink.restart();
      },
    }),
  );
  expect([reads, restarts]).toEqual([3 + STEPS + 1, 1]);
  // Something of the first was written already.
  expect(pieces).toBeGreaterThan(1);
  await withFileBytes(whole, async (file) =>
    expect(Buffer.compare(file.subarray(0, file.length), await store.exportStudy("long"))).toBe(0),
  );
  // Where it cannot begin anew, that ends it.
  reads = 0;
  await expect(exportStudy({ ...place, bytes }, row, { write: () => undefined })).rejects.toMatchObject({
    code: "file-not-found",
  });
  await place.db.destroy();
});
