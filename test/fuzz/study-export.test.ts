import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { crc32, encodeZip, parseZip } from "../../src/data/zip.ts";
import { DrmadError } from "../../src/errors.ts";
import { open } from "../../src/store/open.ts";
import type { Store } from "../../src/store/store.ts";

const MOST_BYTES = 256 * 2 ** 20;

const folder = mkdtempSync(join(tmpdir(), "drmad-fuzz-"));
let store: Store;
let sound: Uint8Array;
let inputs = 0;
let [refusals, untyped] = [0, 0];
/** Milliseconds of the slowest input, and which it was. */
let slowest: readonly [milliseconds: number, input: number] = [0, 0];
const memory = process.memoryUsage().rss;

beforeAll(async () => {
  mkdirSync(join(folder, "s.db.tensors"));
  store = await open(join(folder, "s.db"));
  await store.create({ name: "sound", experiment: "e", tags: ["a"], notes: "n", options: { tune: { seed: 0 } } });
  const claim = await store.claim("sound");
  const point = { a: Float64Array.of(1, NaN, -0) };
  const at = { point, optimizer: { m: point, t: 1 } };
  const values = { a: { data: point.a, shape: [3] } };
  const train = { loss: 1, error: 0.5 };
  const info = {
    experiment: "e", seed: 0, method: "m", optimizer: "o", engine: "e", precision: "float32", threads: 1, weights: 1,
    hyperparameters: 3, groups: { a: 3 }, innerSteps: 1, outerSteps: 2, rows: { train: 1 },
    tensors: [{ name: "a", shape: [3], perStep: false, transform: "log" }],
  } as const; // prettier-ignore
  const kept = { ...at, found: { gradient: point, value: 1 } };
  await claim.append([
    { type: "start", ...info, at },
    { type: "step", step: 0, best: true, train, valid: train, seconds: 1, kept, values },
    { type: "warning", message: "w" },
  ]);
  await claim.append([{ type: "step", step: 1, best: true, train, valid: { loss: 0.5 }, seconds: 1, kept, values }]);
  await claim.release("stopped");
  sound = await store.exportStudy("sound");
});
afterAll(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

/** The same numbers every time (mulberry32). */
function drawer(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let word = Math.imul(state ^ (state >>> 15), 1 | state);
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word;
    return ((word ^ (word >>> 14)) >>> 0) % below;
  };
}

const studies = async (): Promise<number> => (await store.list()).length;
const folders = (): number => readdirSync(join(folder, "s.db.tensors")).length;

/** @returns whether it was imported; then all of it must be readable */
async function attempt(bytes: Uint8Array): Promise<boolean> {
  inputs++;
  const before = [await studies(), folders()];
  const as = `input ${inputs}`;
  const begin = performance.now();
  try {
    await store.importStudy(bytes, { as }).finally(() => {
      const took = performance.now() - begin;
      if (took > slowest[0]) slowest = [Math.round(took), inputs];
    });
  } catch (error) {
    refusals++;
    if (!(error instanceof DrmadError)) untyped++;
    if (!(error instanceof DrmadError)) throw error;
    expect(["malformed-file", "unsupported", "store-version"]).toContain(error.code);
    expect(error.hint).toBeTruthy();
    expect([await studies(), folders()]).toEqual(before);
    return false;
  }
  expect([await studies(), folders()]).toEqual([before[0]! + 1, before[1]! + 1]);
  await store.events(as);
  await store.state(as);
  return true;
}

async function refuse(bytes: Uint8Array): Promise<void> {
  expect(await attempt(bytes)).toBe(false);
}

const flipped = (bytes: Uint8Array, bit: number): Uint8Array =>
  bytes.with(bit >> 3, bytes[bit >> 3]! ^ (1 << (bit & 7)));
const filesIn = (bytes: Uint8Array): [string, Uint8Array][] =>
  [...parseZip(bytes)].map(([name, read]) => [name, read()]);

/** A study whose files are changed, and whose checksums and hashes agree with them. */
function agreeing(change: (name: string, contents: Uint8Array) => Uint8Array): Uint8Array {
  const changed = filesIn(sound).map(([name, contents]) => [name, change(name, contents)] as const);
  const was = new Map(filesIn(sound).map(([name, contents]) => [name, hash(contents)]));
  return encodeZip(
    changed.map(([name, contents]) => {
      if (name !== "study.json") return [name, contents];
      let text = new TextDecoder().decode(contents);
      for (const [other, now] of changed) text = text.replace(was.get(other)!, hash(now));
      return [name, new TextEncoder().encode(text)];
    }),
  );
}
const hash = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

const replaced = (which: string, from: string, to: string): Uint8Array =>
  agreeing((name, contents) =>
    name === which ? new TextEncoder().encode(new TextDecoder().decode(contents).replace(from, to)) : contents,
  );

test("the sound one is imported", async () => {
  expect(await attempt(sound)).toBe(true);
});

describe("malformed study files are refused by type, and nothing is imported", () => {
  test("cut off anywhere", async () => {
    for (let i = 0; i < 800; i++) await refuse(sound.slice(0, Math.floor((i * sound.length) / 800)));
  });

  test("with a bit turned: refused, or the very study where nothing reads that bit", { timeout: 120_000 }, async () => {
    const draw = drawer(1);
    let imported = 0;
    for (let i = 0; i < 400; i++) {
      if (!(await attempt(flipped(sound, draw(8 * sound.length))))) continue;
      imported++;
      expect(filesIn(await store.exportStudy(`input ${inputs}`)).slice(1)).toEqual(filesIn(sound).slice(1));
    }
    expect(imported).toBeLessThan(80);
  });

  test("bytes at random, of other formats, and none", async () => {
    const draw = drawer(2);
    const heads = ["", "PK\x03\x04", "PK\x05\x06", "\x93NUMPY", "SQLite format 3\0", "{", "\x1f\x8b"];
    for (let i = 0; i < 500; i++) {
      const noise = Uint8Array.from({ length: draw(400) }, () => draw(256));
      await refuse(Buffer.concat([Buffer.from(heads[i % heads.length]!, "latin1"), noise]));
    }
    await refuse(new Uint8Array(0));
  });

  test("with lengths that lie", async () => {
    const view = new DataView(sound.buffer, sound.byteOffset);
    const end = sound.length - 22;
    const directory = view.getUint32(end + 16, true);
    const lies = [0, 1, 0xffff, 0x7fffffff, 0xfffffffe, 0xffffffff];
    // Sizes and offsets in the first local header, the first record of the directory, and the end record.
    const places = [18, 22, directory + 20, directory + 24, directory + 42, end + 12, end + 16];
    for (const place of places)
      for (const lie of lies) {
        const bytes = sound.slice();
        new DataView(bytes.buffer).setUint32(place, lie, true);
        // In a local header, all ones point to another field and say nothing; an offset of 0 is the first entry's own.
        const silent = (place < directory && lie === 0xffffffff) || (place === directory + 42 && lie === 0);
        expect(await attempt(bytes)).toBe(silent);
      }
  });

  test("with bytes changed in the texts, checksums agreeing", { timeout: 120_000 }, async () => {
    const draw = drawer(3);
    const scraps = [
      '"',
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      "null",
      "-1",
      "1e999",
      "\\u0000",
      "$",
      "/",
      "..",
      "\ud800",
      "9007199254740993",
    ];
    for (let i = 0; i < 300; i++) {
      const which = i % 2 === 0 ? "study.json" : "events.jsonl";
      const bytes = agreeing((name, contents) => {
        if (name !== which) return contents;
        const at = draw(contents.length);
        const scrap = new TextEncoder().encode(scraps[draw(scraps.length)]);
        return new Uint8Array(Buffer.concat([contents.subarray(0, at), scrap, contents.subarray(at + draw(6))]));
      });
      await attempt(bytes);
    }
  });

  test("with values of other kinds in the texts", { timeout: 120_000 }, async () => {
    const others = [
      "null",
      "true",
      "0",
      "-1",
      "0.5",
      '""',
      '"x"',
      "[]",
      "{}",
      '{"$number":"NaN"}',
      '{"$undefined":true}',
      '{"$values":"x"}',
    ];
    for (const which of ["study.json", "events.jsonl"]) {
      const text = new TextDecoder().decode(filesIn(sound).find(([name]) => name === which)![1]);
      const places = [...text.matchAll(/:("[^"]*"|-?[\d.]+|true|false|null|\[[^\][]*\])/g)];
      for (const [i, place] of places.entries()) {
        const at = place.index + 1;
        const changed = text.slice(0, at) + others[i % others.length]! + text.slice(at + place[1]!.length);
        await attempt(agreeing((name, contents) => (name === which ? new TextEncoder().encode(changed) : contents)));
      }
    }
  });

  test("with tensors that are damaged, hashes agreeing", { timeout: 120_000 }, async () => {
    const draw = drawer(4);
    for (let i = 0; i < 120; i++) {
      const chosen = draw(4);
      const bytes = agreeing((name, contents) => {
        if (!name.startsWith("tensors/") || draw(4) !== chosen) return contents;
        return i % 3 === 0 ? contents.slice(0, draw(contents.length)) : flipped(contents, draw(8 * contents.length));
      });
      await attempt(bytes);
    }
  });

  test("keys twice, deep nesting, names of prototypes, and names that leave their folder", async () => {
    const before = readdirSync(folder).sort();
    await refuse(replaced("study.json", '"notes":"n"', '"notes":"n","notes":"n"'));
    await refuse(replaced("events.jsonl", '"loss":1', '"loss":1,"loss":1'));
    for (const depth of [65, 10_000, 1_000_000]) {
      await refuse(replaced("study.json", '"options":{', `"options":{"x":${"[".repeat(depth)}${"]".repeat(depth)},`));
      await refuse(replaced("events.jsonl", '"loss":1', `"loss":1,"x":${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`));
      await refuse(replaced("study.json", '"notes":"n"', `"notes":${"[".repeat(depth)}`));
    }
    for (const key of ["__proto__", "\\u005f_proto__"]) {
      await refuse(replaced("study.json", '"options":{', `"options":{"${key}":{"polluted":1},`));
      await refuse(replaced("events.jsonl", '"loss":1', `"loss":1,"${key}":{"polluted":1}`));
      await refuse(replaced("events.jsonl", '"values":{"a":', `"values":{"${key}":`));
    }
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
    for (const name of [
      "../x",
      "/etc/x",
      "..",
      "a/../../x",
      "C:\\x",
      "a\\..\\x",
      "\0",
      "000001-1.safetensors/../../../x",
      "CON",
    ]) {
      const zip = encodeZip(filesIn(sound).map(([each, contents], i) => [i === 2 ? name : each, contents]));
      await refuse(zip);
      await refuse(
        encodeZip(filesIn(sound).map(([each, contents], i) => [i === 2 ? `tensors/${name}` : each, contents])),
      );
      await refuse(replaced("study.json", "000000-1.safetensors", JSON.stringify(name).slice(1, -1)));
    }
    await refuse(encodeZip([...filesIn(sound), ...filesIn(sound).slice(0, 1)]));
    expect(readdirSync(folder).sort()).toEqual(before);
  });

  test("bombs", async () => {
    // What the larger ones claim is a lie besides.
    const zeros = new Uint8Array(deflateRawSync(new Uint8Array(32 * 2 ** 20)));
    for (const megabytes of [1, 32, 2000]) {
      for (const which of ["study.json", "events.jsonl", "tensors/000000-1.safetensors"]) {
        const size = megabytes * 2 ** 20;
        await refuse(deflated(which, zeros, size, 0));
      }
    }
    const nested = encodeZip([["study.json", sound]]);
    await refuse(nested);
  });

  test("in all more than two thousand of them, in little memory", () => {
    expect(inputs).toBeGreaterThan(2000);
    expect(refusals).toBeGreaterThan(inputs / 2);
    expect(untyped).toBe(0);
    const mebibytes = Math.round((process.resourceUsage().maxRSS * 1024 - memory) / 2 ** 20);
    console.log(
      `study files: ${inputs} inputs, ${refusals} refused; slowest ${slowest[0]} ms (input ${slowest[1]}); ${mebibytes} MiB`,
    );
    expect(process.resourceUsage().maxRSS * 1024 - memory).toBeLessThan(MOST_BYTES);
  });
});

/** An archive of one deflated file that says how large it becomes. */
function deflated(name: string, packed: Uint8Array, size: number, crc: number): Uint8Array {
  const path = Buffer.from(name);
  const common = (at: Buffer, offset: number): void => {
    at.writeUInt16LE(20, offset);
    at.writeUInt16LE(8, offset + 4);
    at.writeUInt32LE(crc || crc32(new Uint8Array(0)), offset + 10);
    at.writeUInt32LE(packed.length, offset + 14);
    at.writeUInt32LE(size, offset + 18);
    at.writeUInt16LE(path.length, offset + 22);
  };
  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x04034b50, 0);
  common(local, 4);
  const record = Buffer.alloc(46);
  record.writeUInt32LE(0x02014b50, 0);
  record.writeUInt16LE(20, 4);
  common(record, 6);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(46 + path.length, 12);
  end.writeUInt32LE(30 + path.length + packed.length, 16);
  return new Uint8Array(Buffer.concat([local, path, packed, record, path, end]));
}
