import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { LINE_COLOURS, SEQUENTIAL } from "../../dashboard/draw/stops.ts";
import * as palette from "../../src/picture/palette.ts";
import { ask, ROOT } from "./install.ts";

const FOLDER = join(ROOT, "dist/dashboard");
/** All of the page over the wire. */
const MOST_BYTES = 80 * 1024;

const files = (folder = FOLDER): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? files(join(folder, entry.name)) : [join(folder, entry.name)],
  );

const hex = (channels: readonly number[]): string =>
  `#${channels.map((value) => value.toString(16).padStart(2, "0")).join("")}`;

describe("the dashboard's page", () => {
  beforeAll(async () => void (await ask(ROOT, process.execPath, "scripts/build.mjs")), 120_000);

  test("is small", () => {
    const sizes = files().map((path) => gzipSync(readFileSync(path)).length);
    const bytes = sizes.reduce((a, b) => a + b, 0);
    console.log(`dashboard: ${sizes.length} files, ${(bytes / 1024).toFixed(1)} KiB gzipped`);
    expect(bytes).toBeGreaterThan(10_000);
    expect(bytes).toBeLessThan(MOST_BYTES);
  });

  test("has nothing inline, which its policy would refuse, no maps, and no address but its own", () => {
    const html = readFileSync(join(FOLDER, "index.html"), "utf8");
    expect(html).not.toMatch(/<script(?![^>]*\ssrc=)/);
    expect(html).not.toMatch(/<style|\sstyle=|\son\w+=|javascript:/i);
    for (const path of files()) {
      expect(path).not.toMatch(/\.map$/);
      const text = readFileSync(path, "utf8");
      expect(/sourceMappingURL|\beval\(|new Function\(/.exec(text)?.[0]).toBeUndefined();
      expect(/insertAdjacentHTML|document\.write|jsxDEV/.exec(text)?.[0]).toBeUndefined();
      expect(text.includes(ROOT), "names a folder of this machine").toBe(false);
      expect(text.match(/https?:\/\/(?!www\.w3\.org\/)[\w.]+/g) ?? []).toEqual([]);
    }
    // Preact can set markup, where it is asked to.
    for (const path of files(join(ROOT, "dashboard")))
      expect(/innerHTML|outerHTML/i.exec(readFileSync(path, "utf8"))?.[0], path).toBeUndefined();
  });

  test("has the colours of the pictures", () => {
    expect(LINE_COLOURS).toEqual(palette.LINE_COLOURS);
    expect(SEQUENTIAL.map(hex)).toEqual(palette.SCALE_STOPS);
  });
});
