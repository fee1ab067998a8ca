import { scatterChart } from "../picture/scatter-chart.ts";
import type { Comparison, Kind } from "../study/compare.ts";
import { EQUAL, distanceOf, figuresOf, isMeasured } from "./compare-figures.ts";
import { counted } from "./format.ts";

const GROUPS: readonly (readonly [Kind, string])[] = [
  ["exact", "exact"],
  ["approximate", "approximate"],
  ["control", "control"],
];

/** Quality against cost, as SVG. What has no direction is not in it. */
export function comparisonPicture(comparison: Comparison): string {
  const { experiment, hyperparameters, innerSteps, rows, plain, rounds, threads } = comparison;
  const figures = rows.filter(isMeasured).map((row) => figuresOf(row, plain, undefined));
  return scatterChart({
    title: `${experiment}: nearness to the exact hypergradient, by cost`,
    subtitle:
      `${counted(hyperparameters, "hyperparameter")}, ${counted(innerSteps, "training step")}, at the starting point; ` +
      `medians of ${counted(rounds, "round")}, ${counted(threads, "thread")}`,
    xLabel: "time as a multiple of plain training",
    yLabel: "1 − cosine to the exact hypergradient (lower is nearer; rounding: 10⁻¹² or less)",
    groups: GROUPS.map(([, shown]) => shown),
    points: figures.map((row) => ({
      name: row.row.name,
      x: row.ratio.median,
      y: distanceOf(row),
      group: GROUPS.findIndex(([kind]) => kind === row.row.kind),
    })),
    floor: { y: EQUAL, label: "rounding" },
  });
}
