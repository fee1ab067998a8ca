/** The middle one of some numbers, or the mean of the two in the middle; NaN of none. Reorders them; expected linear time. */
export function medianOf(values: Float64Array): number {
  const n = values.length;
  if (n === 0) return NaN;
  const upper = select(values, Math.floor(n / 2));
  if (n % 2 === 1) return upper;
  let lower = -Infinity;
  for (let i = 0; i < n / 2; i++) lower = Math.max(lower, values[i]!);
  // Half of each, for their sum may overflow.
  return lower / 2 + upper / 2;
}

/** Hoare's FIND: the value that sorting would put at `k`, with none larger before it. */
function select(values: Float64Array, k: number): number {
  for (let [left, right] = [0, values.length - 1]; left < right;) {
    const pivot = values[k]!;
    let [i, j] = [left, right];
    while (i <= j) {
      while (values[i]! < pivot) i++;
      while (values[j]! > pivot) j--;
      if (i > j) break;
      const kept = values[i]!;
      values[i++] = values[j]!;
      values[j--] = kept;
    }
    if (j < k) left = i;
    if (k < i) right = j;
  }
  return values[k]!;
}
