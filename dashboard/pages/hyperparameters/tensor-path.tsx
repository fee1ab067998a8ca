import type { JSX } from "preact";
import type { TensorCurve } from "../../../src/server/api.ts";
import { useAnswer } from "../../data/answer.ts";
import { drawable, short } from "../../data/numbers.ts";
import { at } from "../../data/server.ts";
import { isWide, keptNote, lostNote, nonFiniteNote, notes, withGaps } from "../../data/study.ts";
import { useValue } from "../../data/value.ts";
import type { Line } from "../../draw/chart-options.ts";
import { LineChart } from "../../draw/line-chart.tsx";
import { lineStyle, theme } from "../../draw/palette.ts";
import { Trouble } from "../../parts/state.tsx";
import { sizeOf, type TensorProps } from "./tensor.ts";

/** How a tensor moved over the outer steps. */
export function TensorPath({ study, version, tensor, step, steps }: TensorProps): JSX.Element | null {
  const { data, fault } = useAnswer<TensorCurve>(at("curve", { study, tensor: tensor.name }), version);
  const colours = useValue(theme, (found) => found);
  if (data === null) return fault === null ? null : <Trouble fault={fault} soft />;
  const gapped = (y: readonly (number | null)[]): (number | null)[] => withGaps(steps, data.steps, y);
  const least = gapped(data.least.map(drawable));
  const median = gapped(data.median.map(drawable));
  const most = gapped(data.most.map(drawable));
  const { each } = data;
  const lines: readonly Line[] =
    each === undefined
      ? [
          { name: "largest", y: most, colour: colours.lines[0]!, opacity: 0.55, width: 1, bandTo: 2 },
          { name: "median", y: median, colour: colours.lines[0]!, width: 2.2 },
          { name: "smallest", y: least, colour: colours.lines[0]!, opacity: 0.55, width: 1 },
        ]
      : // One list for each kept step becomes one line for each value.
        Array.from({ length: each[0]?.length ?? 0 }, (_, i) => ({
          name: sizeOf(tensor) === 1 ? tensor.name : `[${i}]`,
          y: gapped(each.map((values) => drawable(values[i]))),
          ...lineStyle(colours, i),
          width: sizeOf(tensor) === 1 ? 2.2 : 1.5,
        }));
  const all = lines.flatMap(({ y }) => y);
  const lost = data.steps.filter((_, i) => drawable(data.median[i]) === null);
  return (
    <LineChart
      title={`${tensor.name} over the outer steps`}
      x={steps}
      lines={lines}
      xLabel="outer step"
      yLabel={tensor.name}
      whole
      log={
        (tensor.transform === "log" || (tensor.transform !== "logit" && isWide(all))) &&
        all.every((v) => v === null || v > 0)
      }
      at={step}
      format={short}
      summary={`The median went from ${short(data.median[0])} to ${short(data.median.at(-1))}; the latest values lie between ${short(data.least.at(-1))} and ${short(data.most.at(-1))}.`}
      note={notes(
        keptNote(data.steps.length + data.unreadable.length, steps.length),
        lostNote(data.unreadable),
        nonFiniteNote("values", lost),
      )}
      height={tensor.image?.whole === true ? 420 : 240}
    />
  );
}
