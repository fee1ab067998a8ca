import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { contestants, CONTROLS, methodNamed, usualMethods } from "./compare-methods.ts";
import { methodRule, methodsRule, spelt } from "./methods.ts";

const nameOf = (text: string): string => v.parse(methodRule.schema, text).name;

describe("spellings of methods", () => {
  test.each([
    ["reverse", "reverse"],
    ["reverse:int8", "reverse int8"],
    ["reverse:float16", "reverse float16"],
    ["reversible", "reversible"],
    ["checkpointed:4", "checkpointed"],
    ["auto:50MB", "auto 50 MB"],
    ["drmad", "drmad"],
    ["drmad:T/10", "drmad T/10"],
    ["drmad:8", "drmad 8 points"],
    ["drmad:8:points", "drmad 8 points"],
    ["drmad:8:means", "drmad 8 means"],
    ["drmad:8:int8", "drmad 8 points int8"],
    ["truncated:7", "truncated(7)"],
  ])("%s", (text, name) => expect(nameOf(text)).toBe(name));

  test("auto takes a share of the memory that there is", () => {
    expect(nameOf("auto")).toMatch(/^auto \d+ MB$/);
    expect(spelt("auto").spelling).toMatch(/^auto:\d+MB$/);
  });

  test.each(["", "Reverse", "reverse:int4", "drmad:0", "drmad:8:", "auto:MB", "auto:5", "auto:0MB", "reversible:3"])(
    "not %j",
    (text) => {
      expect(v.is(methodRule.schema, text)).toBe(false);
      expect(v.is(methodsRule.schema, `reverse,${text}`)).toBe(false);
    },
  );

  test.each([
    ["revrse", "reverse"],
    ["Reverse", "reverse"],
    ["revers:int8", "reverse:int8"],
    ["checkpointd:50MB", "checkpointed:50MB"],
    ["truncted:7", "truncated:7"],
    ["drmad:8:point", "drmad:8:points"],
    ["drmad:8:", "drmad:8"],
    ["auto:5", "auto"],
    ["implicit:gc", "implicit:cg"],
    ["drmad:0", undefined],
    ["backprop", undefined],
    ["reverse", undefined],
  ])("for %s the hint is %s", (text, meant) => {
    expect(methodRule.meant!(text)).toBe(meant);
    expect(methodsRule.meant!(`drmad, ${text},forward`)).toBe(meant);
  });

  test("what is allowed lists every one", () => {
    for (const part of ["reverse:int8", "reversible", "auto:NMB", "drmad:N:points", "drmad:N:int8"]) {
      expect(methodRule.allowed).toContain(part);
      expect(methodsRule.allowed).toContain(part);
    }
  });
});

describe("what is compared", () => {
  const wanted = { steps: 100, exact: { method: spelt("reverse").method, trainings: 3 } };

  test("lists are read with blanks, and what is named twice is one", () => {
    const several = v.parse(methodsRule.schema, "drmad:4, truncated:3,drmad:4");
    expect(several.map(({ spelling }) => spelling)).toEqual(["drmad:4", "truncated:3"]);
    expect(contestants(several)(wanted).map(({ name }) => name)).toEqual([
      "reverse",
      "drmad:4",
      "truncated:3",
      "directOnly",
      "randomSign",
      "oneScalar",
    ]);
  });

  test("the exact method comes first and once, whatever the list, and the controls last", () => {
    for (const exact of [wanted.exact, { ...wanted.exact, checkpoints: 10 }]) {
      const all = contestants(undefined)({ steps: 100, exact });
      expect(all[0]!.name).toBe("checkpoints" in exact ? "checkpointed:10" : "reverse");
      expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
      expect(all.filter(({ control }) => control).map(({ name }) => name)).toEqual(Object.keys(CONTROLS));
      for (const { name, method } of all) expect(methodNamed(name).name).toBe(method.name);
    }
  });

  test.each([1, 3, 10, 50, 1e5])("the usual methods for %i steps are all known", (steps) => {
    for (const name of usualMethods(steps)) expect(v.is(methodRule.schema, name), name).toBe(true);
  });
});
