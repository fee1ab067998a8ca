import { DrmadError } from "../errors.ts";
import { callerLine } from "./caller.ts";

export type Shape = readonly number[];

export const sizeOf = (shape: Shape): number => shape.reduce((product, d) => product * d, 1);

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((d, i) => d === b[i]);

export const showShape = (shape: Shape): string => `[${shape.join(", ")}]`;

/** A shape error names the operation, the shapes, and the line of the user's file that asked for it. */
export function shapeError(op: string, shapes: readonly Shape[], why: string, hint?: string): DrmadError {
  const line = callerLine();
  const where = line === undefined ? "" : ` (${line})`;
  return new DrmadError(
    "shape-mismatch",
    `${op} of ${shapes.map(showShape).join(" and ")}: ${why}${where}`,
    hint === undefined ? {} : { hint },
  );
}

/** The common shape of NumPy broadcasting: axes are matched from the last, and an axis of size 1 stretches. */
export function broadcastShapes(op: string, shapes: readonly Shape[]): Shape {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  const result: number[] = Array.from({ length: rank }, () => 1);
  for (const shape of shapes) {
    const offset = rank - shape.length;
    shape.forEach((d, i) => {
      const at = offset + i;
      if (d === 1 || d === result[at]) return;
      if (result[at] !== 1) {
        throw shapeError(
          op,
          shapes,
          `sizes ${result[at]} and ${d} do not fit on axis ${at - rank}`,
          "Shapes are matched from the last axis; sizes must be equal or 1. Use reshape to add axes of size 1.",
        );
      }
      result[at] = d;
    });
  }
  return result;
}

/** Axes as non-negative, sorted, unique indices; negative ones count from the end. */
export function normalizeAxes(
  op: string,
  shape: Shape,
  axes: number | readonly number[] | undefined,
): readonly number[] {
  if (axes === undefined) return shape.map((_, i) => i);
  const list = (typeof axes === "number" ? [axes] : axes).map((axis) => {
    const at = axis < 0 ? axis + shape.length : axis;
    if (!Number.isInteger(at) || at < 0 || at >= shape.length) {
      throw shapeError(op, [shape], `there is no axis ${axis}`);
    }
    return at;
  });
  if (new Set(list).size !== list.length) throw shapeError(op, [shape], `axes [${list.join(", ")}] repeat`);
  return list.sort((a, b) => a - b);
}
