import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import type { InnerCurves } from "../../src/server/api.ts";
import { useAnswer } from "../data/answer.ts";
import { counted, drawable, num, short } from "../data/numbers.ts";
import { at } from "../data/server.ts";
import { bestStep, isWide } from "../data/study.ts";
import { useValue } from "../data/value.ts";
import type { Line } from "../draw/chart-options.ts";
import { LineChart } from "../draw/line-chart.tsx";
import { theme } from "../draw/palette.ts";
import { Loading, Nothing, Trouble } from "../parts/state.tsx";
import type { PageProps } from "../parts/not-begun.tsx";

type Curve = InnerCurves["curves"][number];
const MOST_CURVES = 60;

/** How training itself went at each outer step. */
export function Inner({ study, version, view }: PageProps): JSX.Element {
  const { data, fault } = useAnswer<InnerCurves>(at("inner", { study }), version);
  const colours = useValue(theme, (found) => found);
  const [linear, setLinear] = useState(false);
  const best = num(bestStep(view)?.step);
  const drawn = useMemo(() => (data === null ? null : overlay(data.curves, best, colours)), [data, best, colours]);
  if (data === null || drawn === null)
    return fault === null ? <Loading what="the inner curves" /> : <Trouble fault={fault} />;
  if (data.curves.length === 0)
    return (
      <Nothing title="No inner curves were kept.">
        Studies of older versions, and steps that ended before training did, have none. The outer steps are in the
        overview.
      </Nothing>
    );
  const wide = isWide(drawn.lines.flatMap(({ y }) => y));
  const last = data.curves.at(-1)!;
  return (
    <>
      {fault !== null && <Trouble fault={fault} soft />}
      {wide && (
        <div class="tools">
          <label class="check">
            <input type="checkbox" checked={linear} onChange={() => setLinear(!linear)} /> linear axis
          </label>
        </div>
      )}
      <LineChart
        title="Training loss on the minibatches, within each outer step"
        x={drawn.x}
        lines={drawn.lines}
        xLabel="training step"
        yLabel="training loss"
        whole
        log={wide && !linear}
        format={short}
        height={440}
        summary={`${data.curves.length} trainings. The latest, of outer step ${last.step}, ended at ${short(last.loss.at(-1))}; the untuned one at ${short(data.curves[0]!.loss.at(-1))}.`}
        note={[
          "Each line is a training, in means over windows of steps; the older, the fainter.",
          drawn.left > 0 ? `${drawn.left} of ${data.curves.length} trainings, evenly, are left out.` : "",
          drawn.nonFinite > 0
            ? `△ ${counted(drawn.nonFinite, "value")} not finite, which leave${drawn.nonFinite === 1 ? "s a gap" : " gaps"}.`
            : "",
        ]
          .filter(Boolean)
          .join(" ")}
      />
    </>
  );
}

interface Overlay {
  readonly x: readonly number[];
  readonly lines: readonly Line[];
  readonly left: number;
  readonly nonFinite: number;
}

function overlay(
  curves: readonly Curve[],
  best: number,
  { lines: colours, ink }: { readonly lines: readonly string[]; readonly ink: string },
): Overlay {
  const last = curves.at(-1)?.step;
  const every = Math.ceil(curves.length / MOST_CURVES);
  const shown = curves.filter(({ step }, i) => i % every === 0 || step === best || step === last);
  const x = [...new Set(shown.flatMap(({ at }) => at))].sort((a, b) => a - b);
  const nonFinite = shown.reduce((sum, { loss }) => sum + loss.filter((v) => drawable(v) === null).length, 0);
  const lines = shown.map((curve, i): Line => {
    const { step } = curve;
    const y = along(x, curve);
    const age = shown.length === 1 ? 1 : i / (shown.length - 1);
    if (step === best) return { name: `best, outer step ${step}`, y, colour: colours[1]!, width: 2.4 };
    if (step === 0) return { name: "untuned", y, colour: ink, dash: [6, 4], width: 1.8 };
    if (step === last) return { name: `latest, outer step ${step}`, y, colour: colours[0]!, width: 2 };
    return { name: `outer step ${step}`, y, colour: colours[0]!, opacity: 0.1 + 0.5 * age, width: 1, quiet: true };
  });
  return { x, lines, left: curves.length - shown.length, nonFinite };
}

/** The curve at all of `x`: straight between its own neighbouring points, and a gap at those that are not finite. */
function along(x: readonly number[], { at, loss }: Curve): readonly (number | null)[] {
  let next = 0;
  return x.map((here) => {
    while (next < at.length && at[next]! < here) next++;
    if (next === at.length) return null;
    const after = drawable(loss[next]);
    if (at[next] === here || after === null || next === 0) return at[next] === here ? after : null;
    const before = drawable(loss[next - 1]);
    const [from, to] = [at[next - 1]!, at[next]!];
    return before === null ? null : before + ((after - before) * (here - from)) / (to - from);
  });
}
