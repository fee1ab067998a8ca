import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { continuation } from "./reproduce.ts";

const ID = "2016-fu/mnist-penalties";
/** What a shell makes of a command. */
const words = (command: string): string[] =>
  spawnSync("sh", ["-c", `printf '%s\\n' ${command}`], { encoding: "utf8" })
    .stdout.trimEnd()
    .split("\n");

test("the command that continues has every option, and paths that a shell reads as they are", () => {
  expect(continuation(ID, {}, "/runs/a")).toBe(`drmad reproduce ${ID} --out /runs/a`);
  const given = { small: true, data: "my data/it's" } as const;
  expect(words(continuation(ID, given, "/my runs/$HOME (1)"))).toEqual(
    ["drmad", "reproduce", ID, "--small", "--out", "/my runs/$HOME (1)", "--data", resolve("my data/it's")], // prettier-ignore
  );
});
