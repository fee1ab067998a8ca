import { describe, expect, expectTypeOf, test } from "vitest";
import { leavesOf, mapTree, type MapTree } from "./tree.ts";

const isNumber = (v: unknown): v is number => typeof v === "number";
const TREE = {
  layers: [
    { W: 1, b: 2 },
    { W: 3, b: 4 },
  ],
  scale: 5,
};

describe("leaves", () => {
  test("come in the order they are written, with their paths", () => {
    expect(leavesOf(TREE, isNumber)).toEqual([
      { path: "layers.0.W", value: 1 },
      { path: "layers.0.b", value: 2 },
      { path: "layers.1.W", value: 3 },
      { path: "layers.1.b", value: 4 },
      { path: "scale", value: 5 },
    ]);
  });
  test("a leaf alone has the empty path", () => expect(leavesOf(7, isNumber)).toEqual([{ path: "", value: 7 }]));
  test("empty branches have none", () => expect(leavesOf({ a: [], b: {} }, isNumber)).toEqual([]));
});

describe("mapping", () => {
  test("keeps the nesting and passes each path", () => {
    expect(mapTree(TREE, isNumber, (v, path) => `${path}=${v}`)).toEqual({
      layers: [
        { W: "layers.0.W=1", b: "layers.0.b=2" },
        { W: "layers.1.W=3", b: "layers.1.b=4" },
      ],
      scale: "scale=5",
    });
  });
  test("a leaf alone", () => expect(mapTree(7, isNumber, (v) => v + 1)).toBe(8));
  test("visits leaves in the same order as leavesOf, at the same paths", () => {
    const seen: string[] = [];
    mapTree(TREE, isNumber, (_, path) => seen.push(path));
    expect(seen).toEqual(leavesOf(TREE, isNumber).map((leaf) => leaf.path));
  });
  test("what is no leaf and no branch is named with its path", () => {
    expect(() => mapTree({ a: [1, "no"] }, isNumber, (v) => v)).toThrow('holds no at "a.1"');
    expect(() => mapTree({ a: null }, isNumber, (v) => v)).toThrow('holds null at "a"');
    expect(() => mapTree(undefined, isNumber, (v) => v)).toThrow('holds undefined at ""');
  });
  test("has the type of the tree with other leaves", () => {
    expectTypeOf<
      MapTree<{ readonly a: number; readonly b: readonly [number, number] }, number, string>
    >().toEqualTypeOf<{
      readonly a: string;
      readonly b: readonly [string, string];
    }>();
  });
});
