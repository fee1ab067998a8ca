/** Square images of half the side, one after the other: means of squares of four pixels. */
export function halved(x: ArrayLike<number>, side: number): Float32Array {
  const half = side / 2;
  return Float32Array.from({ length: x.length / 4 }, (_, i) => {
    const [image, p] = [Math.floor(i / (half * half)), i % (half * half)];
    const at = image * side * side + 2 * Math.floor(p / half) * side + 2 * (p % half);
    return (x[at]! + x[at + 1]! + x[at + side]! + x[at + side + 1]!) / 4;
  });
}
