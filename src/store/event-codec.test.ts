import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { failure } from "../../test/oracle/measure.ts";
import { decodeEvent, encodeEvent } from "./event-codec.ts";
import { decodeSafetensors, encodeSafetensors } from "./safetensors.ts";

/** Through JSON text and the bytes of a file. */
function roundTrip(event: object): object {
  const { json, tensors } = encodeEvent(event);
  return decodeEvent(json, decodeSafetensors(encodeSafetensors(tensors)).tensors);
}

const bits = fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => new Float64Array(bytes.slice().buffer)[0]!);
const number = fc.oneof(fc.double(), bits, fc.constantFrom(NaN, Infinity, -Infinity, -0, 0, 5e-324, 2 ** 53 + 2));
const array = fc.array(number).map((values) => Float64Array.from(values));
const key = fc.oneof(
  fc.string({ minLength: 1 }),
  fc.constantFrom("$number", "$tensor", "$$", "__proto__", "constructor", "a/b", "l2.0.W", "\ud800"),
);
const plain = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    number,
    fc.boolean(),
    fc.constantFrom(null, undefined),
    fc.string({ unit: "binary" }),
    array,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(key, tie("value"), { maxKeys: 4 }),
  ),
})).value;

const bitsOf = (values: Float64Array): string => Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString("hex"); // prettier-ignore

/** Equal with every bit of every number, as far as a number keeps them: which NaN it is, only arrays do. */
function requireSame(a: unknown, b: unknown): void {
  if (a instanceof Float64Array) {
    expect(b).toBeInstanceOf(Float64Array);
    expect(bitsOf(b as Float64Array)).toBe(bitsOf(a));
  } else if (Array.isArray(a)) {
    expect((b as unknown[]).length).toBe(a.length);
    a.forEach((part, i) => requireSame(part, (b as unknown[])[i]));
  } else if (typeof a === "object" && a !== null) {
    expect(Object.keys(b as object)).toEqual(Object.keys(a));
    for (const [name, part] of Object.entries(a)) requireSame(part, (b as Record<string, unknown>)[name]);
  } else expect(Object.is(a, b)).toBe(true);
}

describe("an event in JSON and tensors", () => {
  test("comes back with every bit, whatever it holds", () => {
    fc.assert(
      fc.property(fc.record({ type: fc.string(), data: plain }), (event) => requireSame(event, roundTrip(event))),
      { numRuns: 300 },
    );
  });

  test("an optimiser's numbers are in the tensors, not in the JSON", () => {
    const event = { type: "step", kept: { optimizer: { step: 3, rate: 0.1, list: [{ x: -0 }] }, point: {} }, step: 7 };
    const { json, tensors } = encodeEvent(event);
    expect(Object.keys(tensors)).toEqual(["kept/optimizer/step", "kept/optimizer/rate", "kept/optimizer/list/0/x"]);
    expect(json).not.toMatch(/0\.1|[:,]3/);
    expect(json).toContain('"step":7');
    requireSame(event, roundTrip(event));
  });

  test("no two places share a tensor", () => {
    const [one, two] = [Float64Array.of(1), Float64Array.of(2)];
    const event = { type: "step", a: { b: one }, "a/b": two, "a~1b": one };
    expect(Object.keys(encodeEvent(event).tensors)).toHaveLength(3);
    requireSame(event, roundTrip(event));
  });

  test("without its tensors it comes without what holds them", () => {
    const { json } = encodeEvent({ type: "step", step: 1, kept: { point: { u: Float64Array.of(1) } }, values: { u: { data: Float64Array.of(2), shape: [1] } } }); // prettier-ignore
    expect(decodeEvent(json)).toEqual({ type: "step", step: 1 });
  });

  test("what has no tensors comes whole without them", () => {
    for (const event of [
      { type: "resume", at: 3, engine: "e" },
      { type: "chosen", outerStep: 2, name: "reverse", exact: true, megabytes: 1, timeFactor: 3, why: "it fits" },
      { type: "warning", message: "m", left: "l2.0" },
    ])
      expect(decodeEvent(encodeEvent(event).json)).toEqual(event);
  });

  test.each([
    ["a function", { type: "step", kept: { optimizer: { f: () => 1 } } }, "a function at kept/optimizer/f"],
    ["a Map", { type: "step", kept: { optimizer: new Map() } }, "of class Map at kept/optimizer"],
    ["a bigint", { type: "step", n: 1n }, "a bigint at n"],
  ])("%s is refused", (_, event, part) => {
    expect(() => encodeEvent(event)).toThrow(expect.objectContaining(failure("unsupported", part)));
  });

  test.each([
    ["no JSON", '{"type":', "no JSON"],
    ["no record", "7", "no record"],
    ["a lost tensor", '{"type":"step","at":{"$values":"at/u"}}', '"at/u"'],
    ["an unknown kind", '{"type":"step","x":{"$future":1}}', "$future"],
  ])("%s is an error of the file", (_, json, part) => {
    expect(() => decodeEvent(json, {})).toThrow(expect.objectContaining(failure("malformed-file", part)));
  });
});
