import { add, cast, mul, sub } from "../tensor/elementwise.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Path } from "../rollout/path.ts";

/** A first tensor, and how far the last one is from it. */
const ends = (
  leaf: { name: string; shape: readonly number[] },
  input: Parameters<Path["state"]>[1]["input"],
): [Tensor, Tensor] => {
  const start = input(`start/${leaf.name}`, leaf.shape);
  return [start, sub(input(`end/${leaf.name}`, leaf.shape), start)];
};

/**
 * The straight line w_0 + β (w_T − w_0), with the position β of each sample of the sweep; slots that weights do not tell
 * likewise.
 */
function line(name: string, steps: number, length: number, position: (i: Tensor) => Tensor): Path {
  return {
    name,
    length,
    state(leaf, { t, input }) {
      if (leaf.recoverable) return undefined;
      const [start, chord] = ends(leaf, input);
      return add(start, mul(position(cast(t, "float")), chord));
    },
    change: (leaf, { input }) => mul(ends({ ...leaf, name: `weights/${leaf.path}` }, input)[1], 1 / steps),
  };
}

/** A sample for every training step: β_t = t/T. */
export const chord = (steps: number): Path => line("drmad", steps, steps, (t) => mul(t, 1 / steps));

/** N samples as published: β = linspace(0.001, 0.999, N), minibatch i with sample i. */
export const publishedChord = (steps: number, samples: number): Path =>
  line(`drmad, ${samples} samples`, steps, samples, (i) => add(0.001, mul(i, samples > 1 ? 0.998 / (samples - 1) : 0)));
