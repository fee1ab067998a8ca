import { expect, test } from "vitest";
import { nativeEngine } from "../../src/engine/onnx/session.ts";
import { LISTED } from "./methods.ts";
import { ALL, holdEveryMethod, OF_ONE_RUN } from "./suite.ts";
import { TINY_NAMES } from "./tiny.ts";

/** Every method, on every tiny problem, in the main engine: what all of them owe. */
holdEveryMethod("native float64", () => nativeEngine({ precision: "float64", threads: 1 }), ALL, TINY_NAMES);
holdEveryMethod("native float32", () => nativeEngine({ precision: "float32", threads: 1 }), OF_ONE_RUN, TINY_NAMES);

test("on every problem something is exact, and something refuses elsewhere what it cannot serve", () => {
  expect(LISTED.filter(([, { make }]) => make().exact)).toHaveLength(6);
  for (const name of TINY_NAMES) expect(LISTED.some(([, { refuses }]) => refuses?.[name])).toBe(true);
});
