import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import * as drmad from "../../src/index.ts";
import { REFERENCE, referencePage } from "../../scripts/reference-page.ts";

const page = readFileSync(REFERENCE, "utf8");

test("the reference is what the source says (npm run reference)", async () => {
  expect(page).toBe(await referencePage());
});

test("it has every public name, and every member of the namespaces", () => {
  const names = Object.entries(drmad).flatMap(([name, value]) =>
    typeof value === "function" ? [name] : Object.keys(value).map((member) => `${name}.${member}`),
  );
  expect(names.length).toBeGreaterThan(100);
  const missing = names.filter(
    (name) => !new RegExp(`^- .*\`(class )?${name.replace(".", "\\.")}[(<:\`]`, "m").test(page),
  );
  expect(missing).toEqual([]);
});
