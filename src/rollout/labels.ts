import { DrmadError } from "../errors.ts";
import type { Problem } from "../problem/problem.ts";
import { topological, type Tensor } from "../tensor/tensor.ts";
import type { SplitName } from "./programs.ts";

/** An integer array of the splits, and how many classes its labels may name where it is used. */
export interface LabelUse {
  readonly key: string;
  readonly classes: number;
  /** Rows of an array that are looked up by it, rather than classes. */
  readonly table?: true;
  /** The one split that the program reads; absent where it is evaluated on all of them. */
  readonly split?: SplitName;
}

/** Views that keep every number of an array and add none. */
const VIEWS: readonly string[] = ["reshape", "transpose", "broadcast", "alias"];

const throughViews = (tensor: Tensor): Tensor => (VIEWS.includes(tensor.op) ? throughViews(tensor.inputs[0]!) : tensor);

const areLabels = (tensor: Tensor): boolean =>
  tensor.op === "alias" || (VIEWS.includes(tensor.op) && areLabels(tensor.inputs[0]!));

/** The array of a split whose numbers a tensor has, minibatches included: any row may come into one. */
function arrayOf(tensor: Tensor): string | undefined {
  const numbers = throughViews(tensor);
  const table = numbers.op === "gather" ? numbers.inputs[0]! : numbers;
  if (table.op !== "input" || table.dtype !== "int" || !table.attributes.name.includes("/")) return undefined;
  return table === numbers || table.attributes.rows ? table.attributes.name : undefined;
}

/** The classes that a tensor numbers: 0, 1, … of `oneHot`, or the places of the largest output. */
function classesOf(tensor: Tensor): number | undefined {
  const numbers = throughViews(tensor);
  if (numbers.op === "argMax") return numbers.inputs[0]!.shape[numbers.attributes.axis];
  if (numbers.op !== "literal" || !numbers.attributes.data.every((value, i) => value === i)) return undefined;
  return numbers.attributes.data.length;
}

/** Rows of a table that is not fed row by row. */
const rowsOf = (table: Tensor): number | undefined =>
  table.op === "input" && table.attributes.rows ? undefined : table.shape[0];

/** An array, and how many numbers from 0 it may hold where a node uses it. */
function usesOf(node: Tensor): readonly (readonly [string | undefined, number | undefined])[] {
  const [a, b] = node.inputs as [Tensor, Tensor];
  if (node.op === "gather") return [[arrayOf(b), rowsOf(a)]];
  if (node.op !== "equal") return [];
  return [
    [areLabels(a) ? arrayOf(a) : undefined, classesOf(b)],
    [areLabels(b) ? arrayOf(b) : undefined, classesOf(a)],
  ];
}

/**
 * What traced expressions compare with class numbers as labels (`crossEntropy`, `nn.errorRate`), and what they look up in a
 * table by (`gather`). `oneHot` by itself gives rows of zeros to other numbers, by intent. Labels that are changed first, by
 * `where` for example, are left alone: the expression does not tell what they become.
 */
export function labelUses(roots: readonly Tensor[], split?: SplitName): readonly LabelUse[] {
  return topological(roots).flatMap((node) =>
    usesOf(node).flatMap(([name, classes]) => {
      if (name === undefined || classes === undefined) return [];
      const key = name.slice(name.indexOf("/") + 1);
      const table = node.op === "gather" ? ({ table: true } as const) : {};
      return [{ key, classes, ...table, ...(split === undefined ? {} : { split }) }];
    }),
  );
}

/**
 * Looks at every label once, before anything is compiled: one beyond the classes would count for
 * nothing in a loss.
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
      if (here.some((use) => use.table === true && use.classes === classes)) {
        throw new DrmadError(
          "invalid-experiment",
          `${split}.${key} looks up row ${largest} of an array of ${classes} rows by gather`,
          { hint: "Give the array a row for each index, counted from 0, or correct the indices." },
        );
      }
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
