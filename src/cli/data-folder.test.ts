import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { dataFolder } from "./data-folder.ts";

const root = mkdtempSync(join(tmpdir(), "drmad-data-"));
afterAll(() => rmSync(root, { recursive: true }));
const filled = (...names: readonly string[]): string => {
  const folder = join(root, ...names);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "t10k-labels-idx1-ubyte.gz"), "");
  return folder;
};

describe("the folder of a data set", () => {
  test.each([
    ["the one that is named", "own", ["own"]],
    ["one in it that is called so", "above", ["above", "mnist"]],
    ["one in its data", "far-above", ["far-above", "data", "mnist"]],
  ])("is %s", (_, given, place) => {
    const folder = filled(...place);
    expect(dataFolder("this", "mnist", join(root, given))).toBe(folder);
  });

  test("is looked for by its files: an error has every place", () => {
    mkdirSync(join(root, "empty", "mnist"), { recursive: true });
    const at = join(root, "empty");
    expect(() => dataFolder("this", "mnist", at)).toThrow(
      `this reads mnist, which drmad does not bring (looked in ${at}, ${join(at, "mnist")} and ${join(at, "data/mnist")})`,
    );
  });
});
