import type { JSX } from "preact";
import type { StudyView } from "../../src/server/api.ts";
import { drawable, isShare, metricText, num, percent, seconds, short } from "../data/numbers.ts";
import { bestStep, isWide, metricsOf, nonFiniteNote } from "../data/study.ts";
import { useValue } from "../data/value.ts";
import type { Line } from "../draw/chart-options.ts";
import { LineChart } from "../draw/line-chart.tsx";
import { theme } from "../draw/palette.ts";
import { Facts } from "../parts/facts.tsx";
import { Figures } from "../parts/figures.tsx";
import { Notes } from "../parts/notes.tsx";
import { Words } from "../parts/state.tsx";
import { Stop } from "../parts/stop.tsx";
import { NotBegun, type PageProps } from "../parts/not-begun.tsx";

/** What came of a study so far, and what it is. */
export function Overview(props: PageProps): JSX.Element {
  const { view } = props;
  const begun = view.steps.length > 0;
  return (
    <>
      {begun && <Figures view={view} />}
      <div class="columns">
        <div class="wide">
          {begun ? (
            <div class="charts">
              {metricsOf(view).map((metric) => (
                <MetricChart key={metric} view={view} metric={metric} />
              ))}
              <CostChart view={view} />
            </div>
          ) : (
            <NotBegun {...props} />
          )}
          <Warnings view={view} />
        </div>
        <aside class="narrow">
          <Stop view={view} study={props.study} />
          <Facts view={view} />
          <Notes summary={view.summary} study={props.study} />
        </aside>
      </div>
    </>
  );
}

function MetricChart({ view, metric }: { readonly view: StudyView; readonly metric: string }): JSX.Element {
  const { lines: colours, ink } = useValue(theme, (found) => found);
  const { steps } = view;
  const share = isShare(metric);
  const scale = share ? 100 : 1;
  const column = (split: "train" | "valid" | "test"): (number | null)[] =>
    steps.map((step) => {
      const found = drawable(step[split]?.[metric]);
      return found === null ? null : scale * found;
    });
  const [train, valid, test] = [column("train"), column("valid"), column("test")];
  const best = bestStep(view);
  // Of the test rows only the start and the result are measured, unless a curve was asked for.
  const ends = steps.map(({ step }) =>
    step === 0 ? view.test?.start[metric] : step === best?.step ? view.test?.tuned[metric] : null,
  );
  const lines: Line[] = [
    { name: "training", y: train, colour: colours[0]! },
    { name: "validation", y: valid, colour: colours[1]!, width: 2.4 },
    ...(test.some((v) => v !== null)
      ? [{ name: "test (diagnostic)", y: test, colour: colours[2]!, dash: [7, 4] }]
      : view.test === null
        ? []
        : [
            {
              name: "test, at the start and the best",
              y: ends.map((v) => (drawable(v) === null ? null : scale * num(v))),
              colour: colours[2]!,
              points: true,
            },
          ]),
  ];
  const untuned = valid[0] ?? null;
  const bestValue = best === null ? null : drawable(best.valid[metric]);
  const lost = steps.filter(({ valid, train }) => drawable(valid[metric]) === null || drawable(train[metric]) === null);
  const text = (value: number): string => (share ? percent(value / 100) : short(value));
  return (
    <LineChart
      title={metric === "loss" ? "Loss after training" : `${capital(metric)} after training`}
      x={steps.map(({ step }) => num(step))}
      lines={lines}
      xLabel="outer step"
      yLabel={share ? `${metric} (% of rows)` : metric}
      whole
      log={!share && isWide([...train, ...valid])}
      levels={untuned === null ? [] : [{ y: untuned, name: `untuned: validation ${text(untuned)}` }]}
      marks={
        best === null || bestValue === null
          ? []
          : [
              {
                x: num(best.step),
                y: scale * bestValue,
                name: `${metric === "loss" ? "best" : "at the best"}: step ${best.step}, ${metricText(metric, bestValue)}`,
                colour: ink,
              },
            ]
      }
      format={text}
      summary={
        best === null
          ? "No outer step has a finite validation loss."
          : `Validation ${metric} went from ${metricText(metric, steps[0]!.valid[metric])} untuned to ${metricText(metric, best.valid[metric])} at the best outer step, ${best.step}, of ${steps.length - 1}.`
      }
      note={nonFiniteNote(
        metric,
        lost.map(({ step }) => num(step)),
      )}
      height={metric === "loss" ? 300 : 220}
    />
  );
}

const capital = (word: string): string => word[0]!.toUpperCase() + word.slice(1);

function CostChart({ view }: { readonly view: StudyView }): JSX.Element {
  const { lines: colours } = useValue(theme, (found) => found);
  const y = view.steps.map(({ seconds }) => drawable(seconds));
  const total = y.reduce<number>((sum, v) => sum + (v ?? 0), 0);
  return (
    <LineChart
      title="Time of each outer step"
      x={view.steps.map(({ step }) => num(step))}
      lines={[{ name: "time", y, colour: colours[0]! }]}
      xLabel="outer step"
      yLabel="seconds"
      whole
      log={isWide(y)}
      format={seconds}
      note="A training, its hypergradient and the losses after it. The first also prepares the engine."
      summary={`${seconds(total)} in outer steps.`}
      height={220}
    />
  );
}

function Warnings({ view }: { readonly view: StudyView }): JSX.Element | null {
  if (view.warnings.length === 0) return null;
  return (
    <section class="warnings">
      <h2>Warnings</h2>
      <ul>
        {view.warnings.map(({ message }, i) => (
          <li key={i}>
            <span aria-hidden="true">△</span> <Words text={message} />
          </li>
        ))}
      </ul>
    </section>
  );
}
