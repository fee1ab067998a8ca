import type { JSX } from "preact";
import type { StudyView } from "../../src/server/api.ts";
import { change, count, drawable, metricText, num, seconds, short } from "../data/numbers.ts";
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
        value={best === null ? "not finite" : short(best.valid.loss)}
        from={short(first.valid.loss)}
        change={best === null ? undefined : change(num(first.valid.loss), num(best.valid.loss))}
      />
      {metric !== undefined && best !== null && (
        <Figure
          name={`Validation ${metric}`}
          value={metricText(metric, best.valid[metric])}
          from={metricText(metric, first.valid[metric])}
        />
      )}
      <TestFigure view={view} metric="loss" />
      {metric !== undefined && <TestFigure view={view} metric={metric} />}
      {start !== null && (
        <Figure
          name="Hyperparameters"
          value={count(num(start.hyperparameters))}
          under={`in ${view.tensors.length} tensor${view.tensors.length === 1 ? "" : "s"}`}
        />
      )}
      <Figure
        name="Outer steps"
        value={summary.outerSteps === null ? String(made) : `${made} / ${summary.outerSteps}`}
        under={best === null ? "none is finite" : `best at ${best.step}`}
      />
      <Figure
        name="Time"
        value={seconds(spent)}
        under={
          secondsLeft !== null && summary.state === "running"
            ? `about ${seconds(secondsLeft)} left`
            : steps.length > 1
              ? `${seconds(spent / steps.length)} a step`
              : ""
        }
      />
    </dl>
  );
}

function TestFigure({ view, metric }: { readonly view: StudyView; readonly metric: string }): JSX.Element | null {
  const { test } = view;
  if (test === null) return null;
  return (
    <Figure
      name={`Test ${metric}`}
      value={metricText(metric, test.tuned[metric])}
      from={metricText(metric, test.start[metric])}
      under="reported only"
    />
  );
}

interface FigureProps {
  readonly name: string;
  readonly value: string;
  readonly from?: string;
  readonly change?: string | undefined;
  readonly under?: string;
}

function Figure({ name, value, from, change, under }: FigureProps): JSX.Element {
  return (
    <div class="figure">
      <dt>{name}</dt>
      <dd>
        <span class="figure-value">{value}</span>
        {change !== undefined && <span class="figure-change">{change}</span>}
        {from !== undefined && <span class="figure-under">untuned {from}</span>}
        {under !== undefined && <span class="figure-under">{under}</span>}
      </dd>
    </div>
  );
}
