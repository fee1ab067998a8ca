import { DrmadError } from "../errors.ts";
import { matmul } from "./matmul.ts";
import { reshape, transpose } from "./layout.ts";
import { sum } from "./reduce.ts";
import { shapeError, sizeOf } from "./shape.ts";
import type { Tensor } from "./tensor.ts";

/**
 * Contraction of one or two tensors by index letters, as in NumPy: einsum("bi,ij->bj", x, w).
 * A letter in both operands but not in the result is summed; repeated letters within one operand are not supported.
 */
export function einsum(spec: string, ...operands: readonly Tensor[]): Tensor {
  const match = /^([a-zA-Z]*)(?:,([a-zA-Z]*))?->([a-zA-Z]*)$/.exec(spec.replaceAll(" ", ""));
  const lists = match === null ? [] : [match[1]!, ...(match[2] === undefined ? [] : [match[2]])];
  if (match === null || lists.length !== operands.length) {
    throw new DrmadError("invalid-argument", `einsum: "${spec}" does not describe ${operands.length} operand(s)`, {
      hint: 'Write one list of letters for each operand and the result, for example "bi,ij->bj".',
    });
  }
  const result = [...match[3]!];
  const size = new Map<string, number>();
  lists.forEach((letters, n) => {
    const shape = operands[n]!.shape;
    if (letters.length !== shape.length || new Set(letters).size !== letters.length) {
      throw shapeError(`einsum "${spec}"`, [shape], `"${letters}" does not name its ${shape.length} axes once each`);
    }
    [...letters].forEach((letter, i) => {
      if ((size.get(letter) ?? shape[i]) !== shape[i]) {
        throw shapeError(
          `einsum "${spec}"`,
          operands.map((x) => x.shape),
          `axis "${letter}" has two sizes`,
        );
      }
      size.set(letter, shape[i]!);
    });
  });
  if (result.some((letter) => !size.has(letter)) || new Set(result).size !== result.length) {
    throw new DrmadError(
      "invalid-argument",
      `einsum: the result of "${spec}" has letters that no operand has, or twice`,
    );
  }
  // Letters that only one operand has and the result lacks are summed first.
  const [a, b] = lists.map((letters, n) => {
    const other = lists[1 - n] ?? "";
    const kept = [...letters].filter((letter) => result.includes(letter) || other.includes(letter));
    const gone = [...letters].map((letter, i) => (kept.includes(letter) ? -1 : i)).filter((i) => i >= 0);
    return { letters: kept, tensor: gone.length === 0 ? operands[n]! : sum(operands[n]!, { axes: gone }) };
  }) as readonly Operand[] as readonly [Operand, Operand?];
  if (b === undefined) return arrange(a, result);

  const shared = a.letters.filter((letter) => b.letters.includes(letter));
  const batch = shared.filter((letter) => result.includes(letter));
  const inner = shared.filter((letter) => !result.includes(letter));
  const left = a.letters.filter((letter) => !shared.includes(letter));
  const right = b.letters.filter((letter) => !shared.includes(letter));
  const sizes = (letters: readonly string[]): number[] => letters.map((letter) => size.get(letter)!);
  const x = reshape(arrange(a, [...batch, ...left, ...inner]), [
    ...sizes(batch),
    sizeOf(sizes(left)),
    sizeOf(sizes(inner)),
  ]);
  const y = reshape(arrange(b, [...batch, ...inner, ...right]), [
    ...sizes(batch),
    sizeOf(sizes(inner)),
    sizeOf(sizes(right)),
  ]);
  const letters = [...batch, ...left, ...right];
  return arrange({ letters, tensor: reshape(matmul(x, y), sizes(letters)) }, result);
}

interface Operand {
  readonly letters: readonly string[];
  readonly tensor: Tensor;
}

const arrange = (x: Operand, order: readonly string[]): Tensor =>
  transpose(
    x.tensor,
    order.map((letter) => x.letters.indexOf(letter)),
  );
