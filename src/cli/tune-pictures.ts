import type { ImageShape, NdArray } from "../data/dataset.ts";
import type { Shape } from "../tensor/shape.ts";
import { grid } from "../picture/grid.ts";
import { heatMap } from "../picture/heat-map.ts";
import { lineChart, type Series } from "../picture/line-chart.ts";
import type { StepRecord, TuneResult } from "../study/events.ts";
import type { ParameterInfo, TensorInfo } from "../study/tensor-info.ts";
import { counted, isShare, metricText, short } from "./format.ts";

/** Most panels of tensors in one picture. */
const MOST_PANELS = 8;
const MOST_CELLS = 2 ** 20;
/** Most images in one panel. */
const MOST_IMAGES = 100;
/** A range from which a logarithmic axis reads better. */
const WIDE = 30;

type Values = Readonly<Record<string, NdArray>>;

/** What is drawn of a study; nothing of its experiment is needed. */
export interface Pictured extends Pick<TuneResult, "experiment" | "hyperparameters" | "method" | "steps" | "best"> {
  /** Natural values at the outer step `at`, and at the untuned start where they are known. */
  readonly values: Values;
  readonly at: number;
  readonly start: Values | undefined;
  readonly tensors: readonly TensorInfo[];
  readonly parameters: readonly ParameterInfo[];
  readonly image: ImageShape | undefined;
}

/** Charts that belong together, each as SVG. */
export interface ChartGroup {
  readonly name: string;
  readonly charts: readonly string[];
}

/** What a study found: curves over the outer steps, the first layer as an image, the other tensors. */
export function tuneCharts(study: Pictured): readonly ChartGroup[] {
  const { tensors, image } = study;
  const first = image === undefined ? undefined : tensors.find((tensor) => isFirstLayer(tensor, study, image));
  const panels = tensors.filter((tensor) => tensor !== first).flatMap((tensor) => tensorPanel(study, tensor));
  const groups = [
    { name: "validation", charts: validationCharts(study) },
    {
      name: "first-layer",
      charts: image === undefined || first === undefined ? [] : [firstLayerPicture(study, first, image)],
    },
    { name: "hyperparameters", charts: panels.slice(0, MOST_PANELS) },
  ];
  return groups.filter(({ charts }) => charts.length > 0);
}

/** The same as one SVG picture for each group, by name. */
export const tunePictures = (study: Pictured): readonly (readonly [string, string])[] =>
  tuneCharts(study).map(({ name, charts }) => [
    name,
    name === "first-layer" ? charts[0]! : grid(charts, Math.min(2, charts.length)),
  ]);

function validationCharts({ experiment, hyperparameters, method, steps, best }: Pictured): readonly string[] {
  const x = steps.map(({ step }) => step);
  return Object.keys(steps[0]!.valid).map((metric) => {
    const share = isShare(metric, steps[0]!.valid[metric]!);
    const values = (split: "train" | "valid" | "test"): number[] =>
      steps.map((record) => (share ? 100 : 1) * (record[split]?.[metric] ?? NaN));
    const series: Series[] = [
      { name: "training", x, y: values("train") },
      { name: "validation", x, y: values("valid"), emphasis: true },
      ...(hasTest(steps) ? [{ name: "test (diagnostic)", x, y: values("test"), dashed: true }] : []),
    ];
    const all = series.flatMap(({ y }) => Array.from(y)).filter(Number.isFinite);
    const chosen = steps[best]!.valid[metric]!;
    return lineChart({
      title: `${experiment}: ${metric} after training, by outer step`,
      subtitle: `${counted(hyperparameters, "hyperparameter")} tuned with ${method}; step 0 is the untuned start`,
      xLabel: "outer step",
      yLabel: share ? `${metric} (% of rows)` : metric,
      series,
      marks: [
        {
          x: best,
          y: (share ? 100 : 1) * chosen,
          label: `${metric === "loss" ? "best: " : ""}step ${best}, ${metricText(metric, chosen)}`,
        },
      ],
      logY: !share && Math.min(...all) > 0 && Math.max(...all) > WIDE * Math.min(...all),
    });
  });
}

const hasTest = (steps: readonly StepRecord[]): boolean => steps.some(({ test }) => test !== undefined);

/** One value for each pixel of the inputs: what the first weights read, or a free array of that size. */
function isFirstLayer({ name, shape, perStep }: TensorInfo, { parameters }: Pictured, image: ImageShape): boolean {
  const pixels = image.height * image.width;
  const path = name.split(".").slice(1).join(".");
  return !perStep && shape.reduce((a, b) => a * b, 1) === pixels && (path === "" || path === parameters[0]?.path);
}

function firstLayerPicture(study: Pictured, { name, transform }: TensorInfo, { height, width }: ImageShape): string {
  return heatMap({
    title: `${study.experiment}: tuned ${name}, one value for each input pixel`,
    subtitle: [`at outer step ${study.at}`, ...startText(study, name)].join("; "),
    values: study.values[name]!.data,
    height,
    width,
    label: `${name}${transform === "log" ? " (logarithmic)" : ""}`,
    log: transform === "log",
  });
}

/** Nothing where the start is not known. */
function startText({ start }: Pictured, name: string): readonly string[] {
  const values = start?.[name]?.data;
  if (values === undefined) return [];
  return values.every((value) => value === values[0])
    ? [`started from ${short(values[0]!)}`]
    : ["started from values of their own"];
}

/** A curve over the steps, images, a map, or values in order of size; nothing for a single number. */
function tensorPanel(study: Pictured, tensor: TensorInfo): readonly string[] {
  const { values, image, start } = study;
  const { name, shape, perStep, transform } = tensor;
  const data = values[name]!.data;
  const log = transform === "log";
  if (data.length < 2) return [];
  const columns = data.length / shape[0]!;
  if (perStep && columns <= 7) return [scheduleChart(study, tensor, columns)];
  if (image !== undefined && !perStep && areImages(shape, image)) return [imagesPanel(study, tensor, image)];
  if (shape.length >= 2 && shape[0]! > 1 && columns > 1 && data.length <= MOST_CELLS) {
    const subtitle = [`${shape[0]} rows of ${columns}`, ...startText(study, name)].join("; ");
    return [
      heatMap({ title: `tuned ${name}`, subtitle, values: data, height: shape[0]!, width: columns, label: name, log }),
    ];
  }
  const sorted = Float64Array.from(data).sort();
  const rank = Array.from(sorted, (_, i) => i + 1);
  const before = start?.[name] === undefined ? [] : [Float64Array.from(start[name].data).sort()];
  return [
    lineChart({
      title: `tuned ${name}, in order of size`,
      subtitle: [counted(data.length, "value"), ...startText(study, name)].join("; "),
      xLabel: "rank",
      yLabel: name,
      series: [
        { name: "tuned", x: rank, y: sorted, emphasis: true },
        ...before.map((y) => ({ name: "start", x: rank, y, dashed: true })),
      ],
      logY: log,
    }),
  ];
}

/** A few rows, each as long as an image. */
const areImages = (shape: Shape, { height, width }: ImageShape): boolean =>
  shape.length === 2 && shape[0]! > 1 && shape[0]! <= MOST_IMAGES && shape[1] === height * width;

/** Rows of pixels as the images that they are, side by side with a gap. */
function imagesPanel(study: Pictured, { name, shape, transform }: TensorInfo, { height, width }: ImageShape): string {
  const { data } = study.values[name]!;
  const count = shape[0]!;
  const across = Math.ceil(Math.sqrt(count));
  const rows = Math.ceil(count / across) * (height + 1) - 1;
  const columns = across * (width + 1) - 1;
  const values = new Float64Array(rows * columns).fill(NaN);
  for (let i = 0; i < data.length; i++) {
    const [n, pixel] = [Math.floor(i / (height * width)), i % (height * width)];
    const row = Math.floor(n / across) * (height + 1) + Math.floor(pixel / width);
    values[row * columns + (n % across) * (width + 1) + (pixel % width)] = data[i]!;
  }
  return heatMap({
    title: `tuned ${name}`,
    subtitle: [`${count} images`, ...startText(study, name)].join("; "),
    values,
    height: rows,
    width: columns,
    label: name,
    log: transform === "log",
  });
}

function scheduleChart(study: Pictured, { name, transform }: TensorInfo, columns: number): string {
  const { data } = study.values[name]!;
  const steps = Array.from({ length: data.length / columns }, (_, t) => t);
  const start = study.start?.[name]?.data;
  return lineChart({
    title: `tuned ${name}, by training step`,
    subtitle: startText(study, name).join(""),
    xLabel: "training step",
    yLabel: name,
    series: [
      ...Array.from({ length: columns }, (_, i) => ({
        name: columns === 1 ? "tuned" : `tuned ${i}`,
        x: steps,
        y: steps.map((t) => data[t * columns + i]!),
        emphasis: columns === 1,
      })),
      ...(start === undefined
        ? []
        : [{ name: "start", x: steps, y: steps.map((t) => start[t * columns]!), dashed: true }]),
    ],
    logY: transform === "log",
  });
}
