import type { JSX } from "preact";
import type { StudyView } from "../../src/server/api.ts";
import { change, count, drawable, figures, metricText, num, seconds } from "../data/numbers.ts";
import { bestStep, metricsOf } from "../data/study.ts";

/** The few numbers that are looked for first. */
export function Figures({ view }: { readonly view: StudyView }): JSX.Element {
  const { steps, summary, start, secondsLeft } = view;
  const best = bestStep(view);
  const first = steps[0]!;
  const spent = steps.reduce((sum, step) => sum + (drawable(step.seconds) ?? 0), 0);
  const metric = metricsOf(view)[1];
  const made = steps.length - 1;
  return (
    <dl class="figures">
      <Figure
        name="Validation loss"
        value={best === null ? "not finite" : figures(best.valid.loss)}
        from={`untuned ${figures(first.valid.loss)}`}
        change={best === null ? undefined : change(num(first.valid.loss), num(best.valid.loss))}
      />
      {metric !== undefined && best !== null && (
        <Figure
          name={`Validation ${metric}`}
          value={metricText(metric, best.valid[metric])}
          from={`untuned ${metricText(metric, first.valid[metric])}`}
        />
      )}
      <TestFigure view={view} metric="loss" />
      {metric !== undefined && <TestFigure view={view} metric={metric} />}
      {start !== null && (
        <Figure
          name="Hyperparameters"
          value={count(num(start.hyperparameters))}
          from={`in ${view.tensors.length} tensor${view.tensors.length === 1 ? "" : "s"}`}
        />
      )}
      <Figure
        name="Outer steps"
        value={summary.outerSteps === null ? String(made) : `${made} / ${summary.outerSteps}`}
        from={best === null ? "none is finite" : `best at step ${best.step}`}
      />
      <Figure
        name="Computing time"
        value={seconds(spent)}
        from={steps.length > 1 ? `${seconds(pace(steps))} an outer step` : undefined}
        under={secondsLeft !== null && summary.state === "running" ? `about ${seconds(secondsLeft)} left` : undefined}
      />
    </dl>
  );
}

/** Seconds of the middle one of all steps: the first also prepares the engine. */
function pace(steps: StudyView["steps"]): number {
  const sorted = steps.flatMap((step) => drawable(step.seconds) ?? []).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

function TestFigure({ view, metric }: { readonly view: StudyView; readonly metric: string }): JSX.Element | null {
  const { test } = view;
  if (test === null) return null;
  return (
    <Figure
      name={`Test ${metric}`}
      value={metricText(metric, test.tuned[metric])}
      from={`untuned ${metricText(metric, test.start[metric])}`}
      under="chose nothing"
    />
  );
}

interface FigureProps {
  readonly name: string;
  readonly value: string;
  readonly from?: string | undefined;
  readonly change?: string | undefined;
  readonly under?: string | undefined;
}

function Figure({ name, value, from, change, under }: FigureProps): JSX.Element {
  return (
    <div class="figure">
      <dt>{name}</dt>
      <dd>
        <span class="figure-value">{value}</span>
        {change !== undefined && <span class="figure-change">{change}</span>}
        {from !== undefined && <span class="figure-under">{from}</span>}
        {under !== undefined && <span class="figure-under">{under}</span>}
      </dd>
    </div>
  );
}
