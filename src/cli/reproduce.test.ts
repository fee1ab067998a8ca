import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { continuation, meantBy } from "./reproduce.ts";
import { worded } from "./reproduce-words.ts";

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

describe("words", () => {
  test.each([
    ["a minus b: -0.52 ± Infinity points", "a minus b: −0.52 points. One seed: no standard error."],
    ["minus a: 0.520 ± Infinity (no clear difference); minus b: -1 ± Infinity (better).", "minus a: 0.520; minus b: −1 (better). One seed: no standard error."], // prettier-ignore
    ["mean of 1 seeds; dashed: controls", "one seed; dashed: controls"],
    ["mean over seeds (1); the truth is 30°", "one seed; the truth is 30°"],
    ["mean of 12 seeds", "mean of 12 seeds"],
    ["growth 4.3e+2, 1.2e+9 and 2.5e-7", "growth 430, 1.2e+9 and 2.5e−7"],
    ["from -45° to 45°, (-0.5), 2016-17, T1-2, 3-layer", "from −45° to 45°, (−0.5), 2016-17, T1-2, 3-layer"],
    ["-0.52 ± 0.10 (better)", "−0.52 ± 0.10 (better)"],
  ])("%s", (made, read) => {
    expect(worded(made)).toBe(read);
    expect(worded(read)).toBe(read);
  });
});

test("an id that is none is led to those that it is a part of", () => {
  const ids = ["2016-fu/schedules", "2016-fu/costs", "2015-maclaurin/schedules", "2016-fu/mnist-penalties"];
  expect(meantBy("2016-fu/mnist", ids)).toEqual(["2016-fu/mnist-penalties"]);
  expect(meantBy("2016-fu/cost", ids)).toEqual(["2016-fu/costs"]);
  expect(meantBy("schedules", ids)).toEqual(["2016-fu/schedules", "2015-maclaurin/schedules"]);
  expect(meantBy("2016-fu/nothing", ids)).toEqual([]);
});
