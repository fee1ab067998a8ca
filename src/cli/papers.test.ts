import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fingerprint } from "./papers.ts";

let root = "";
const put = (path: string, text: string): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
};
const now = (): string => fingerprint(join(root, "papers"), join(root, "library"));

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "drmad-fingerprint-"));
  put("papers/ways.ts", "ways");
  put("papers/2015-a/one/experiments.ts", "one");
  put("papers/2016-b/two/reproduction.ts", "two");
  put("library/index.ts", "index");
  put("library/hypergradient/reverse.ts", "reverse");
});
afterEach(() => rmSync(root, { recursive: true }));

describe("parts of an interrupted run are good for the same code only", () => {
  test.each([
    "papers/ways.ts",
    // Of another figure and another paper, which may be imported.
    "papers/2015-a/one/experiments.ts",
    "papers/2016-b/two/reproduction.ts",
    "library/index.ts",
    "library/hypergradient/reverse.ts",
    "library/hypergradient/new.ts",
    "library/built.js",
    "library/claims/part.ts",
  ])("%s counts", (path) => {
    const before = now();
    put(path, "changed");
    expect(now()).not.toBe(before);
  });
  test.each([
    "papers/claims/rules.ts",
    "papers/2015-a/one/results.json",
    "library/index.test.ts",
    "library/index.d.ts",
  ])("%s does not", (path) => {
    const before = now();
    put(path, "changed");
    expect(now()).toBe(before);
  });
  test("nothing moves from one file into the next unseen", () => {
    put("papers/a.ts", "xb.ts");
    put("papers/b.ts", "y");
    const before = now();
    put("papers/a.ts", "x");
    put("papers/b.ts", "b.tsy");
    expect(now()).not.toBe(before);
  });
  test("no reproduction imports what does not count", () => {
    const papers = fileURLToPath(new URL("../../papers", import.meta.url));
    const files = readdirSync(papers, { recursive: true, encoding: "utf8" });
    const own = files.filter((path) => path.endsWith(".ts") && !path.startsWith("claims"));
    expect(own.length).toBeGreaterThan(20);
    for (const path of own) expect(readFileSync(join(papers, path), "utf8"), path).not.toMatch(/from "[^"]*claims/);
  });
  test("this library's own files are found", () => {
    expect(fingerprint()).toBe(fingerprint());
    expect(fingerprint()).not.toBe(now());
  });
});
