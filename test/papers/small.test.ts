import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { catalogue } from "../../src/cli/papers.ts";
import { PAPERS } from "../../papers/claims/index.ts";
import { claimsPage, judged } from "../../scripts/claims-page.ts";
import type { Recorded } from "../../src/cli/reproduction.ts";
import { buildFirst, runCli } from "../cli/run-cli.ts";
import { needs } from "../optional.ts";

/** Every reproduction in its small version, whose expectations have tolerances that can fail. */
buildFirst();
const DATA = process.env["DRMAD_DATA"];
needs(() => (DATA === undefined ? "DRMAD_DATA names no folder with the papers' data sets" : undefined));

const folder = mkdtempSync(join(tmpdir(), "drmad-papers-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe.each(Object.keys(await catalogue()))("%s", (id) => {
  test("its small run holds what it must", async () => {
    const out = join(folder, id);
    const { code, events, stderr } = await runCli(["reproduce", id, "--small", "--json", "--out", out], {
      cwd: folder,
      env: { DRMAD_DATA: DATA! },
    });
    const result = events.at(-1) as unknown as Recorded & { readonly files: readonly string[] };
    expect(result, stderr).toMatchObject({ type: "result", small: true, id });
    for (const { what, holds, found } of result.expectations) expect(holds, `${what}: ${found}`).toBe(true);
    expect(result.expectations.length).toBeGreaterThan(0);
    expect(code).toBe(0);
    expect(readdirSync(out).sort()).toEqual([...result.files].sort());
    const { type: _, folder: __, files: ___, ...written } = result as unknown as Record<string, unknown>;
    expect(JSON.parse(readFileSync(join(out, "results.json"), "utf8"))).toEqual(written);
  }, 180_000);
});

const written = (id: string): Recorded =>
  JSON.parse(readFileSync(join(folder, id, "results.json"), "utf8")) as Recorded;

// Verdicts look rows up by name: what a reproduction calls them is known without a full run.
test("claims can be judged by what these runs record", async () => {
  for (const claim of PAPERS.flatMap(({ claims }) => claims))
    expect(judged(claim, written).figures).not.toMatch(/NaN|undefined/);
  expect(await claimsPage(written)).not.toContain("**Not run.**");
});
