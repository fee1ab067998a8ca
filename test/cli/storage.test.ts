import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { buildFirst, runCli, temporaryFolder, type Outcome } from "./run-cli.ts";

buildFirst();
const cwd = temporaryFolder();
const cli = (...args: string[]): Promise<Outcome> => runCli(args, { cwd });

test("a store of an older drmad is upgraded by the command that its refusal names", async () => {
  cpSync(fileURLToPath(new URL("../contract/schema-1", import.meta.url)), cwd, { recursive: true });
  const refused = await cli("runs", "--store", "studies.db");
  expect([refused.code, refused.stdout]).toEqual([2, ""]);
  expect(refused.stderr).toMatch(/^drmad: the store has schema 1.* drmad storage upgrade and the same --store.*\n$/);
  const place = join(cwd, "studies.db");
  const done = await cli("storage", "upgrade", "--store", "studies.db", "--json");
  expect([done.code, done.events]).toEqual([0, [{ type: "result", place, from: 1, to: 2, studies: 3 }]]);
  const again = await cli("storage", "upgrade", "--store", "studies.db");
  expect([again.code, again.stdout]).toEqual([0, `${place} has schema 2, the latest: there was nothing to do.\n`]);
  expect((await cli("runs", "--store", "studies.db")).stdout).toMatch(/^stopped +stopped +1\/3/m);
});

test("what is no store is told so, and stays as it is", async () => {
  const file = join(cwd, "package.json");
  writeFileSync(file, "{}\n");
  for (const args of [["storage", "upgrade"], ["runs"], ["tune", "digits-l2", "--study", "x"]]) {
    const { code, stderr } = await cli(...args, "--store", "package.json");
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/package.json" is not a store of drmad.* runs\/drmad.db/),
    ]);
  }
  expect(readFileSync(file, "utf8")).toBe("{}\n");
  const none = await cli("storage", "upgrade", "--json");
  expect([none.code, none.events.at(-1)!["code"]]).toEqual([2, "file-not-found"]);
  expect((await cli("storage", "shrink")).code).toBe(2);
  expect((await cli("runs", "--upgrade")).code).toBe(2);
});
