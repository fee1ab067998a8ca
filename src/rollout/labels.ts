import { DrmadError } from "../errors.ts";
import type { Problem } from "../problem/problem.ts";
import type { Graph, GraphNode } from "../tensor/graph.ts";
import type { SplitName } from "./programs.ts";

/** An integer array of the splits, and how many classes its labels may name where it is used. */
export interface LabelUse {
  readonly key: string;
  readonly classes: number;
  /** The one split that the program reads; absent where it is evaluated on all of them. */
  readonly split?: SplitName;
}

/** Views that keep every number of an array and add none. */
const VIEWS: readonly string[] = ["reshape", "transpose", "broadcast"];

function throughViews(graph: Graph, at: number): GraphNode {
  let node = graph.nodes[at]!;
  while (VIEWS.includes(node.op)) node = graph.nodes[node.inputs[0]!]!;
  return node;
}

/** The array of a split whose numbers a node has, minibatches included: any row may come into one. */
function labelsAt(graph: Graph, at: number): string | undefined {
  const node = throughViews(graph, at);
  const table = node.op === "gather" ? graph.nodes[node.inputs[0]!]! : node;
  if (table.op !== "input" || table.dtype !== "int" || !table.attributes.name.includes("/")) return undefined;
  return table === node || table.attributes.rows ? table.attributes.name : undefined;
}

/** The classes that a node numbers: 0, 1, … of `oneHot`, or the places of the largest output. */
function classesAt(graph: Graph, at: number): number | undefined {
  const node = throughViews(graph, at);
  if (node.op === "argMax") return graph.nodes[node.inputs[0]!]!.shape[node.attributes.axis];
  if (node.op !== "literal" || !node.attributes.data.every((value, i) => value === i)) return undefined;
  return node.attributes.data.length;
}

/**
 * What a traced program compares with class numbers (`crossEntropy`, `oneHot`, `errorRate`), and what it looks up in a table by
 * (`gather`). Labels that are changed first, by `where` for example, are left alone: the graph does not tell what they become.
 */
export function labelUses(graph: Graph, split?: SplitName): readonly LabelUse[] {
  return graph.nodes.flatMap((node) => {
    const [a, b] = node.inputs as [number, number];
    const pairs =
      node.op === "equal"
        ? ([
            [labelsAt(graph, a), classesAt(graph, b)],
            [labelsAt(graph, b), classesAt(graph, a)],
          ] as const)
        : node.op === "gather"
          ? ([[labelsAt(graph, b), rowsAt(graph, a)]] as const)
          : [];
    return pairs.flatMap(([name, classes]) => {
      if (name === undefined || classes === undefined) return [];
      const key = name.slice(name.indexOf("/") + 1);
      return [{ key, classes, ...(split === undefined ? {} : { split }) }];
    });
  });
}

/** Rows of a table that is not fed row by row. */
function rowsAt(graph: Graph, at: number): number | undefined {
  const table = graph.nodes[at]!;
  return table.op === "input" && table.attributes.rows ? undefined : table.shape[0];
}

/**
 * Looks at every label once, before anything is compiled: one beyond the classes would be a row of zeros in `oneHot`, and so
 * count for nothing in a loss.
 * @throws DrmadError invalid-experiment
 */
export function checkLabels({ data }: Pick<Problem, "data">, uses: readonly LabelUse[]): void {
  for (const split of ["train", "valid", "test"] as const) {
    for (const [key, array] of Object.entries(data[split] ?? {})) {
      const here = uses.filter((use) => use.key === key && (use.split ?? split) === split);
      if (here.length === 0) continue;
      const classes = Math.min(...here.map((use) => use.classes));
      const largest = (array.data as Int32Array).reduce((most, label) => Math.max(most, label), 0);
      if (largest < classes) continue;
      throw new DrmadError(
        "invalid-experiment",
        `${split}.${key} has labels up to ${largest}, but it is used where there are ${classes} outputs, for labels from 0 to ${classes - 1}`,
        {
          hint: "Make the last layer as wide as there are classes, count labels from 0, and leave out rows that have none.",
        },
      );
    }
  }
}
