import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { FileSink } from "../../store/write.ts";
import { throughFile } from "./through-file.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "drmad-through-"));
  vi.stubEnv("TMPDIR", folder);
  vi.stubEnv("TEMP", folder);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

const large = Uint8Array.from({ length: 2 ** 21 + 5 }, (_, i) => (i * 2654435761) >>> 24);
const anew = async (sink: FileSink): Promise<void> => {
  sink.write(Uint8Array.of(1, 2, 3));
  sink.restart();
  for (let at = 0; at < large.length; at += 999_999) sink.write(large.subarray(at, at + 999_999));
};

test("gives only what was made last, in pieces, and leaves nothing", async () => {
  const given: Uint8Array[] = [];
  let there = 0;
  await throughFile(anew, async (piece) => {
    given.push(piece);
    there += readdirSync(folder).length;
  });
  expect(Buffer.compare(Buffer.concat(given), large)).toBe(0);
  expect(given.length).toBe(3);
  expect(there).toBe(3);
  expect(readdirSync(folder)).toEqual([]);
});

test("gives nothing of what could not be made, and leaves nothing", async () => {
  const given: Uint8Array[] = [];
  const made = throughFile(
    async (sink) => {
      sink.write(large);
      throw new Error("gone");
    },
    async (piece) => void given.push(piece),
  );
  await expect(made).rejects.toThrow("gone");
  expect(given).toEqual([]);
  expect(readdirSync(folder)).toEqual([]);
});

test("leaves nothing and no listener where nobody takes it", async () => {
  const before = process.listenerCount("SIGINT") + process.listenerCount("exit");
  await expect(throughFile(anew, () => Promise.reject(new Error("EPIPE")))).rejects.toThrow("EPIPE");
  expect(readdirSync(folder)).toEqual([]);
  expect(process.listenerCount("SIGINT") + process.listenerCount("exit")).toBe(before);
});
