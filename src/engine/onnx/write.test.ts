import { expect, test } from "vitest";
import { writeModel, type OnnxGraph } from "./write.ts";

const EMPTY: OnnxGraph = { name: "g", nodes: [], constants: [], inputs: [], outputs: [] };
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
/** A protobuf field of bytes: its tag, its length (below 128), and what is in it. */
const field = (number: number, content: string): string =>
  hex(Uint8Array.of((number << 3) | 2, content.length / 2)) + content;
const text = (number: number, value: string): string => field(number, hex(Buffer.from(value)));
const model = (graph: string): string => `0809${text(2, "drmad")}${field(7, graph)}${field(8, `${text(1, "")}1012`)}`;

// Wire bytes worked out by hand from onnx.proto3 and the protobuf encoding.
test("an empty model", () => {
  expect(hex(writeModel(EMPTY))).toBe(model(text(2, "g")));
});

test("inputs with fixed, free and large sizes", () => {
  const graph: OnnxGraph = { ...EMPTY, inputs: [{ name: "x", element: "float32", shape: [3, "n", 300] }] };
  // dim { dim_value: 300 } is 08 ac02.
  const shape = field(1, "0803") + field(1, text(2, "n")) + field(1, "08ac02");
  const value = text(1, "x") + field(2, field(1, `0801${field(2, shape)}`));
  expect(hex(writeModel(graph))).toBe(model(text(2, "g") + field(11, value)));
});

test("constants as little-endian bytes", () => {
  const bytes = new Uint8Array(Float64Array.of(1).buffer);
  const graph: OnnxGraph = { ...EMPTY, constants: [{ name: "c", element: "float64", shape: [1], bytes }] };
  const tensor = `0801100b${text(8, "c")}${field(9, "000000000000f03f")}`;
  expect(hex(writeModel(graph))).toBe(model(text(2, "g") + field(5, tensor)));
});

test("nodes with number, list, text and graph attributes; negative numbers take ten bytes", () => {
  const attributes = { axis: -1, perm: [1, 0], reduction: { text: "add" }, body: EMPTY };
  const graph: OnnxGraph = { ...EMPTY, nodes: [{ op: "Op", inputs: ["a", ""], outputs: ["b"], attributes }] };
  const minusOne = "18ffffffffffffffffff01";
  const list = [
    `${text(1, "axis")}${minusOne}a00102`,
    `${text(1, "perm")}40014000a00107`,
    `${text(1, "reduction")}${text(4, "add")}a00103`,
    `${text(1, "body")}${field(6, text(2, "g"))}a00105`,
  ];
  const node =
    text(1, "a") + text(1, "") + text(2, "b") + text(3, "Op:b") + text(4, "Op") + list.map((a) => field(5, a)).join("");
  expect(hex(writeModel(graph))).toContain(node);
});
