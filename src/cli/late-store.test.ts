import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { open } from "../store/open.ts";
import { lateStore } from "./late-store.ts";

const folder = mkdtempSync(join(tmpdir(), "drmad-late-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("a late store has no studies until it is there, and then has them", async () => {
  const place = join(folder, "late.db");
  const late = lateStore(place, () => open(place, { create: false }));
  expect([late.place, await late.list(), await late.revision()]).toEqual([place, [], "none"]);
  await expect(late.get("one")).rejects.toMatchObject({ code: "file-not-found" });
  const other = await open(place);
  await other.create({ name: "one", experiment: "e" });
  await other.close();
  expect((await late.list()).map(({ name }) => name)).toEqual(["one"]);
  expect(await late.revision()).not.toBe("none");
  await late.annotate("one", { notes: "n" });
  expect(await late.get("one")).toMatchObject({ notes: "n" });
  await late.close();
});

test("whatever else is wrong with it is told", async () => {
  const late = lateStore("x", () => open(folder, { create: false }));
  await expect(late.list()).rejects.toMatchObject({ code: "write-failed" });
  await late.close();
});
