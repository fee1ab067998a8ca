import type { Snapshot } from "../rollout/rollout.ts";

/** ‖a − b‖ over all weights. */
function distance(a: Snapshot, b: Snapshot): number {
  let total = 0;
  for (const [name, { array, scale = 1 }] of Object.entries(a.weights)) {
    const other = b.weights[name]!;
    const otherScale = other.scale ?? 1;
    array.data.forEach((v, i) => (total += (v * scale - other.array.data[i]! * otherScale) ** 2));
  }
  return Math.sqrt(total);
}

/**
 * The k − 1 knots between the first and the last that cut the path through all of them into the most equal lengths.
 * What the path does between knots counts as straight, so that noise finer than the knots adds nothing.
 */
export function byArcLength(knots: readonly Snapshot[], k: number): readonly Snapshot[] {
  const along = [0];
  for (let j = 1; j < knots.length; j++) along.push(along[j - 1]! + distance(knots[j]!, knots[j - 1]!));
  const total = along.at(-1)!;
  const chosen = new Set([0, knots.length - 1]);
  for (let i = 1; i < k; i++) {
    const aim = (total * i) / k;
    const after = along.findIndex((length) => length >= aim);
    chosen.add(aim - along[Math.max(after - 1, 0)]! < along[after]! - aim ? after - 1 : after);
  }
  return knots.filter((_, j) => chosen.has(j));
}
