import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { destination, stemOf, writeRun, type RunFiles } from "./run-folder.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "drmad-run-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const files: RunFiles = [
  ["a", Uint8Array.of(1, 2)],
  ["result.json", new TextEncoder().encode("{}\n")],
];

const expectFiles = (path: string): void => {
  expect(readdirSync(path).sort()).toEqual(["a", "result.json"]);
  expect([...readFileSync(join(path, "a"))]).toEqual([1, 2]);
};

describe("writeRun", () => {
  test("makes a new folder, with those above it, and leaves nothing beside it", () => {
    const to = destination(join(folder, "x", "y"));
    expect(readdirSync(folder)).toEqual([]);
    const path = writeRun(to, "stem", files);
    expect(path).toBe(join(folder, "x", "y"));
    expectFiles(path);
    expect(readdirSync(join(folder, "x"))).toEqual(["y"]);
  });

  test("fills an empty folder and keeps it", () => {
    const path = join(folder, "x");
    mkdirSync(path, { mode: 0o700 });
    expect(writeRun(destination(path), "stem", files)).toBe(path);
    expectFiles(path);
    expect(readdirSync(folder)).toEqual(["x"]);
  });

  test.each([true, false])("goes beside a folder that was filled meanwhile (there before: %s)", (before) => {
    const path = join(folder, "x");
    if (before) mkdirSync(path);
    const to = destination(path);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, "other"), "");
    expect(writeRun(to, "stem", files)).toBe(`${path}-1`);
    expectFiles(`${path}-1`);
    expect(readdirSync(path)).toEqual(["other"]);
    expect(readdirSync(folder)).toEqual(["x", "x-1"]);
  });

  test("counts up below a folder, past what is there", () => {
    const to = { below: join(folder, "runs") };
    expect(writeRun(to, "e", files)).toBe(join(folder, "runs", "e-1"));
    mkdirSync(join(folder, "runs", "e-41"));
    mkdirSync(join(folder, "runs", "e-f-99"));
    writeFileSync(join(folder, "runs", "e-1x"), "");
    expect(writeRun(to, "e", files)).toBe(join(folder, "runs", "e-42"));
    expect(readdirSync(join(folder, "runs")).sort()).toEqual(["e-1", "e-1x", "e-41", "e-42", "e-f-99"]);
  });

  test("leaves nothing where a file cannot be written", () => {
    const to = { below: join(folder, "runs") };
    const bad: RunFiles = [...files, ["no/such/folder", Uint8Array.of(1)]];
    expect(() => writeRun(to, "e", bad)).toThrowError(expect.objectContaining({ code: "write-failed" }) as Error);
    expect(readdirSync(join(folder, "runs"))).toEqual([]);
  });
});

describe("destination", () => {
  test("refuses what holds something, and what cannot be written, before anything runs", () => {
    writeFileSync(join(folder, "file"), "");
    expect(() => destination(folder)).toThrowError(expect.objectContaining({ code: "folder-not-empty" }) as Error);
    const below = join(folder, "file", "below");
    expect(() => destination(below)).toThrowError(expect.objectContaining({ code: "write-failed" }) as Error);
    expect(readdirSync(folder)).toEqual(["file"]);
  });
});

test.each([
  ["digits-l2", "digits-l2"],
  ["../../etc/passwd", "etc-passwd"],
  ["my experiment: A/B", "my-experiment-A-B"],
  ["..", "run"],
  ["数字", "run"],
])("an experiment called %j gets the folder name %j", (name, stem) => {
  expect(stemOf(name)).toBe(stem);
});
