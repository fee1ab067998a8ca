import { describe, expect, test } from "vitest";
import { nearest, requireOptions } from "./errors.ts";

interface Options {
  readonly rate: number;
  readonly decay?: number;
}
const require = (given: unknown): void =>
  requireOptions<Options>("momentum", given as Options, { rate: "number", decay: "number?" });

const optional = (given: object): void =>
  requireOptions<{ a?: number; b?: number }>("f", given, { a: "number?", b: "setting?" });
const either = (a: unknown): void => requireOptions("f", { a } as { a: boolean | number }, { a: "boolean or number" });

describe("options", () => {
  test("that fit are taken", () => {
    expect(() => require({ rate: 1 })).not.toThrow();
    expect(() => require({ rate: 0, decay: undefined })).not.toThrow();
    expect(() => requireOptions<{ a?: 1 }>("f", undefined, { a: "number?" })).not.toThrow();
  });

  test.each([
    [{ rate: 1, dacay: 2 }, "momentum has no option dacay", "Did you mean decay?"],
    [{ rate: 1, Rate: 2 }, "momentum has no option Rate", "Did you mean rate?"],
    [{ learningRate: 1 }, "momentum has no option learningRate", "Its options are rate, decay."],
    [{ rate: "1" }, 'momentum is given rate: "1"', "It must be a number."],
    [{ rate: 1, decay: null }, "momentum is given decay: null", "It must be a number."],
    [{ rate: 1, decay: [0.9] }, "momentum is given decay: a list", "It must be a number."],
    [{}, "momentum needs the option rate", "Its options are rate, decay."],
    [{ rate: undefined }, "momentum needs the option rate", "Its options are rate, decay."],
    [undefined, "momentum is given nothing for its options", "Give a record. Its options are rate, decay."],
    [null, "momentum is given null for its options", "Give a record."],
    [0.1, "momentum is given 0.1 for its options", "Give a record."],
    [[1], "momentum is given an array for its options", "Give a record."],
    [() => 1, "momentum is given function for its options", "Give a record."],
  ])("%j are refused", (given, message, hint) => {
    const told = { code: "invalid-argument", message, hint: expect.stringContaining(hint) as string };
    expect(() => require(given)).toThrow(expect.objectContaining(told));
  });

  test("that are nothing are the default, but where it means a name that does not exist", () => {
    expect(() => optional({ a: undefined })).not.toThrow();
    expect(() => optional({ b: undefined })).toThrow(
      expect.objectContaining({
        message: "f is given b: undefined",
        hint: expect.stringContaining("leave it out") as string,
      }),
    );
  });

  test("of two types", () => {
    expect(() => [true, 3].forEach(either)).not.toThrow();
    expect(() => either("3")).toThrow(
      expect.objectContaining({ message: 'f is given a: "3"', hint: "It must be true or false or a number." }),
    );
  });

  test("of a function that has none", () => {
    expect(() => requireOptions("f", { a: 1 } as object, {})).toThrow(
      expect.objectContaining({ message: "f has no option a", hint: "It has no options." }),
    );
  });
});

describe("the name that was meant", () => {
  test.each([
    ["revrse", "reverse"],
    ["REVERSE", "reverse"],
    ["drmda", "drmad"],
    ["reversibl", "reversible"],
    ["backprop", undefined],
    ["fo", undefined],
    ["auot", "auto"],
  ])("%s is %s", (name, meant) => {
    expect(nearest(name, ["reverse", "reversible", "drmad", "auto", "of"])).toBe(meant);
  });
});
