import { describe, expect, test, vi } from "vitest";
import { toGraph } from "../../tensor/graph.ts";
import { input } from "../../tensor/layout.ts";
import * as ops from "../../tensor/ops.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Loop } from "../engine.ts";
import { toModel } from "./model.ts";
import type { OnnxGraph } from "./write.ts";

/** The model as it is before it becomes bytes. */
const written = vi.hoisted(() => ({ models: [] as unknown[] }));
vi.mock("./write.ts", async (importActual) => {
  const actual = await importActual<typeof import("./write.ts")>();
  const writeModel = (graph: OnnxGraph): Uint8Array => {
    written.models.push(graph);
    return actual.writeModel(graph);
  };
  return { ...actual, writeModel };
});

const model = (outputs: Readonly<Record<string, Tensor>>, loop?: Partial<Loop>): OnnxGraph => {
  toModel(
    {
      name: "test",
      graph: toGraph(outputs),
      ...(loop === undefined ? {} : { loop: { carry: {}, scan: [], direction: "forward" as const, ...loop } }),
    },
    "float32",
  );
  return written.models.at(-1) as OnnxGraph;
};
const opsOf = (graph: OnnxGraph): readonly string[] => graph.nodes.map((n) => n.op);
const bodyOf = (graph: OnnxGraph): OnnxGraph =>
  graph.nodes.find((n) => n.op === "Scan")!.attributes["body"] as OnnxGraph;

const w = input("w", [2, 3]);
const c = input("c", [2, 3]);
const t = input("t", [], "int");

describe("a loop's model", () => {
  test("computes outside the loop what depends on neither the step nor a carried value", () => {
    const invariant = ops.tanh(ops.exp(c));
    const graph = model({ next: ops.mul(ops.sin(w), invariant) }, { carry: { w: "next" } });
    expect(opsOf(graph)).toEqual(expect.arrayContaining(["Exp", "Tanh", "Scan"]));
    const body = opsOf(bodyOf(graph));
    expect(body).toEqual(expect.arrayContaining(["Sin", "Mul"]));
    for (const op of ["Exp", "Tanh"]) expect(body).not.toContain(op);
    for (const op of ["Sin", "Mul"]) expect(opsOf(graph)).not.toContain(op);
  });

  test("leaves inside what depends on the step, its place, or a carried value", () => {
    const k = input("k", [], "int");
    const next = ops.add(w, ops.add(ops.exp(ops.cast(t, "float")), ops.cos(ops.cast(k, "float"))));
    const body = opsOf(bodyOf(model({ next }, { carry: { w: "next" } })));
    expect(body).toEqual(expect.arrayContaining(["Exp", "Cos"]));
  });

  test("computes each value once, whatever it is used for", () => {
    const s = ops.sin(w);
    const graph = model({ next: ops.add(s, c), kept: s, again: ops.sin(input("w", [2, 3])) }, { carry: { w: "next" }, scan: ["kept", "again"] }); // prettier-ignore
    expect(opsOf(bodyOf(graph)).filter((op) => op === "Sin")).toHaveLength(1);
  });

  test("leaves out what no result needs", () => {
    const graph = model({ next: ops.sin(w), unused: ops.exp(w) }, { carry: { w: "next" } });
    // An output that the loop neither carries nor keeps may be computed, but never comes out.
    expect(graph.outputs.map((o) => o.name)).toEqual(["result:w"]);
  });

  test("reads what the graph reads, what is carried, and the numbers of the steps", () => {
    const { inputs, counters } = toModel(
      {
        name: "test",
        graph: toGraph({ next: ops.add(ops.mul(w, c), ops.cast(t, "float")) }),
        loop: { carry: { w: "next", unread: "next" }, scan: [], direction: "backward" },
      },
      "float64",
    );
    expect(inputs.map((i) => i.name).toSorted()).toEqual(["c", "unread", "w"]);
    const graph = written.models.at(-1) as OnnxGraph;
    expect(counters).toEqual(["t"]);
    expect(graph.inputs.map((i) => i.name).toSorted()).toEqual(["c", "loop:t", "unread", "w"]);
  });

  test("hands the body rows of tables as they lie, and gathers no others", () => {
    const k = input("k", [], "int");
    const table = input("table", [1, 2, 3], "float", { rows: true });
    const rows = input("rows", [1, 2], "int", { rows: true });
    const picked = ops.gather(input("data", [5, 3], "float", { rows: true }), ops.gather(rows, k));
    const graph = model({ next: ops.add(w, ops.add(ops.gather(table, k), picked)) }, { carry: { w: "next" } });
    expect(opsOf(bodyOf(graph)).filter((op) => op === "Gather")).toHaveLength(1);
    expect(graph.inputs.map((i) => i.name).toSorted()).toEqual(["data", "loop:t", "rows", "table", "w"]);
  });
});

describe("any model", () => {
  test("defines every name once, before it is used", () => {
    const twice = ops.sin(w);
    const outputs = {
      a: twice,
      b: twice,
      w,
      one: ops.constant(1, [2]),
      sum: ops.sum(ops.square(ops.add(w, ops.broadcastTo(input("r", [3]), [2, 3])))),
      stretched: ops.add(ops.constant(2, [2, 3]), ops.constant(1)),
      row: ops.sum(ops.mul(twice, c), { axes: 0 }),
    };
    for (const graph of [
      model(outputs),
      model(outputs, { carry: { w: "a" }, scan: Object.keys(outputs).filter((n) => n !== "w") }),
    ]) {
      check(graph, new Set());
    }
  });

  test("tables have a free first axis", () => {
    const graph = model({ y: ops.gather(input("table", [1, 4], "float", { rows: true }), t) });
    expect(graph.inputs.find((i) => i.name === "table")!.shape).toEqual(["rows of table", 4]);
  });

  test("a transpose goes into the product, and a sum of squares is one node", () => {
    expect(opsOf(model({ y: ops.matmul(ops.transpose(w), c) }))).not.toContain("Transpose");
    expect(opsOf(model({ y: ops.sum(ops.square(w)) }))).not.toContain("Mul");
  });
});

function check(graph: OnnxGraph, outer: ReadonlySet<string>): void {
  const known = new Set(outer);
  const define = (name: string): void => {
    expect(known.has(name), `${name} is defined twice`).toBe(false);
    known.add(name);
  };
  graph.inputs.forEach((i) => define(i.name));
  graph.constants.forEach((i) => define(i.name));
  for (const n of graph.nodes) {
    for (const name of n.inputs)
      expect(name === "" || known.has(name), `${name} is used before it is defined`).toBe(true);
    const { body } = n.attributes;
    if (body !== undefined && typeof body === "object" && "nodes" in body) check(body, known);
    n.outputs.forEach(define);
  }
  for (const { name } of graph.outputs) expect(known.has(name), `${name} is an output that nothing makes`).toBe(true);
}
