import { element } from "./svg.ts";

const sizeOf = (svg: string, name: "width" | "height"): number =>
  Number(new RegExp(`^<svg[^>]*? ${name}="([\\d.]+)"`).exec(svg)?.[1]);

/** Pictures side by side, `columns` in a row, each at the top left of its place. */
export function grid(pictures: readonly string[], columns: number): string {
  const rows = Array.from({ length: Math.ceil(pictures.length / columns) }, (_, i) =>
    pictures.slice(i * columns, (i + 1) * columns),
  );
  const widths = Array.from({ length: Math.min(columns, pictures.length) }, (_, i) =>
    Math.max(...rows.flatMap((row) => (row[i] === undefined ? [] : [sizeOf(row[i], "width")]))),
  );
  const placed: string[] = [];
  let y = 0;
  for (const row of rows) {
    let x = 0;
    row.forEach((svg, i) => {
      placed.push(svg.replace("<svg ", `<svg x="${x}" y="${y}" `));
      x += widths[i]!;
    });
    y += Math.max(...row.map((svg) => sizeOf(svg, "height")));
  }
  const width = widths.reduce((sum, each) => sum + each, 0);
  return element(
    "svg",
    { xmlns: "http://www.w3.org/2000/svg", width, height: y, viewBox: `0 0 ${width} ${y}` },
    element("rect", { width, height: y, fill: "#fff" }),
    ...placed,
  );
}
