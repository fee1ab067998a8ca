/** Whether the lowest loss lies at least `patience` steps back. */
export const plateaued = (losses: readonly number[], patience: number): boolean => {
  const best = losses.indexOf(Math.min(...losses));
  return losses.length - 1 - best >= patience;
};
