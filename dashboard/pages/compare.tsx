import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Fault, StudyView } from "../../src/server/api.ts";
import { useLateAnswer } from "../data/answer.ts";
import { live } from "../data/live.ts";
import { change, drawable, metricText, num, seconds, short, visible } from "../data/numbers.ts";
import { at, getJson, Refusal } from "../data/server.ts";
import { bestStep, isWide, metricsOf, settingsOf, startSettings } from "../data/study.ts";
import { useValue } from "../data/value.ts";
import type { Line } from "../draw/chart-options.ts";
import { LineChart } from "../draw/line-chart.tsx";
import { lineStyle, theme } from "../draw/palette.ts";
import { Loading, Name, Nothing, State, Trouble } from "../parts/state.tsx";
import { studyAddress } from "../route.ts";

const MOST_STUDIES = 14;

type Found = { readonly name: string } & ({ readonly view: StudyView } | { readonly fault: Fault });
interface Shown {
  readonly name: string;
  readonly view: StudyView;
}

async function getAll(key: string, signal: AbortSignal): Promise<readonly Found[]> {
  return Promise.all(
    (JSON.parse(key) as string[]).map(async (name): Promise<Found> => {
      try {
        return { name, view: await getJson<StudyView>(at("study", { study: name }), signal) };
      } catch (error) {
        if (error instanceof Refusal) return { name, fault: error.fault };
        throw error;
      }
    }),
  );
}

/** Studies side by side. */
export function Compare({ studies }: { readonly studies: readonly string[] }): JSX.Element {
  const names = [...new Set(studies)].slice(0, MOST_STUDIES);
  const version = useValue(live, (found) => names.map((name) => found.studies.get(name) ?? "").join("|"));
  const { data } = useLateAnswer(names.length === 0 ? null : JSON.stringify(names), version, getAll);
  if (names.length === 0)
    return (
      <Nothing title="Nothing is chosen to be compared.">
        <p>
          Tick two or more studies under <a href="#/">Runs</a>.
        </p>
      </Nothing>
    );
  if (data === null) return <Loading what="the studies" />;
  const shown = data.flatMap((found): readonly Shown[] => ("view" in found ? [found] : []));
  return (
    <>
      <div class="page-head">
        <h1>Compare</h1>
        <p class="muted">{shown.length === 1 ? "1 study" : `${shown.length} studies`}</p>
      </div>
      {data.map((found) =>
        "fault" in found ? (
          <Trouble key={found.name} fault={{ ...found.fault, message: `${found.name}: ${found.fault.message}` }} soft />
        ) : null,
      )}
      {new Set(studies).size > MOST_STUDIES && (
        <p class="note">{`The first ${MOST_STUDIES} are shown: more lines are not told apart.`}</p>
      )}
      {shown.length > 0 && (
        <>
          <Charts shown={shown} />
          <Results shown={shown} />
          <Differences shown={shown} />
        </>
      )}
    </>
  );
}

function Charts({ shown }: { readonly shown: readonly Shown[] }): JSX.Element {
  const colours = useValue(theme, (found) => found);
  const [running, setRunning] = useState(false);
  const losses = shown.map(({ view }) =>
    soFar(
      view.steps.map(({ valid }) => drawable(valid.loss)),
      running,
    ),
  );
  const bySteps = shown.map(({ view }) => view.steps.map(({ step }) => num(step)));
  const bySeconds = shown.map(({ view }) => {
    let passed = 0;
    return view.steps.map(({ seconds }) => (passed += drawable(seconds) ?? 0));
  });
  const log = isWide(losses.flat());
  const chart = (xs: readonly (readonly number[])[]): { x: readonly number[]; lines: readonly Line[] } => {
    const x = [...new Set(xs.flat())].sort((a, b) => a - b);
    return {
      x,
      lines: shown.map(({ name }, i) => ({
        name,
        y: spread(x, xs[i]!, losses[i]!),
        ...lineStyle(colours, i),
        width: 2,
      })),
    };
  };
  const summary = shown.map(({ name, view }) => `${name}: best ${short(bestStep(view)?.valid.loss)}`).join("; ");
  return (
    <>
      <div class="tools">
        <label class="check">
          <input type="checkbox" checked={running} onChange={() => setRunning(!running)} /> lowest so far
        </label>
      </div>
      <div class="charts two">
        <LineChart
          {...chart(bySteps)}
          title="Validation loss by outer step"
          xLabel="outer step"
          yLabel="validation loss"
          whole
          log={log}
          format={short}
          summary={summary}
          height={320}
        />
        <LineChart
          {...chart(bySeconds)}
          title="Validation loss by time"
          xLabel="seconds"
          yLabel="validation loss"
          log={log}
          format={short}
          summary={summary}
          height={320}
          note="Seconds of the outer steps, one after the other; waiting between them does not count."
        />
      </div>
    </>
  );
}

function soFar(losses: readonly (number | null)[], lowest: boolean): readonly (number | null)[] {
  if (!lowest) return losses;
  let least: number | null = null;
  return losses.map((loss) => (least = loss === null ? least : least === null ? loss : Math.min(least, loss)));
}

/** A study's values at the places of all: straight between its own, and nothing beyond them. */
function spread(
  x: readonly number[],
  own: readonly number[],
  y: readonly (number | null)[],
): readonly (number | null)[] {
  let next = 0;
  return x.map((here) => {
    while (next < own.length && own[next]! < here) next++;
    if (next === own.length) return null;
    if (own[next] === here) return y[next]!;
    const [before, after] = [y[next - 1] ?? null, y[next]!];
    if (before === null || after === null) return null;
    return before + ((after - before) * (here - own[next - 1]!)) / (own[next]! - own[next - 1]!);
  });
}

function Results({ shown }: { readonly shown: readonly Shown[] }): JSX.Element {
  const metric = shown.map(({ view }) => metricsOf(view)[1]).find((name) => name !== undefined);
  return (
    <section>
      <h2>Results</h2>
      <div class="scroll" tabIndex={0} role="region" aria-label="Results">
        <table class="dense">
          <thead>
            <tr>
              <th scope="col">Study</th>
              <th scope="col">State</th>
              <th scope="col" class="number">
                Steps
              </th>
              <th scope="col" class="number">
                Untuned loss
              </th>
              <th scope="col" class="number">
                Best loss
              </th>
              <th scope="col" class="number">
                Change
              </th>
              {metric !== undefined && (
                <th scope="col" class="number">
                  Validation {metric}
                </th>
              )}
              <th scope="col" class="number">
                Test loss
              </th>
              <th scope="col" class="number">
                Time
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map(({ name, view }) => {
              const best = bestStep(view);
              const start = view.steps[0]?.valid.loss;
              return (
                <tr key={name}>
                  <th scope="row">
                    <a href={studyAddress(name)}>
                      <Name text={name} />
                    </a>
                  </th>
                  <td>
                    <State state={view.summary.state} />
                  </td>
                  <td class="number">{Math.max(0, view.steps.length - 1)}</td>
                  <td class="number">{short(start)}</td>
                  <td class="number">
                    <b>{short(best?.valid.loss)}</b>
                  </td>
                  <td class="number">{change(num(start), num(best?.valid.loss))}</td>
                  {metric !== undefined && <td class="number">{metricText(metric, best?.valid[metric])}</td>}
                  <td class="number">{short(view.test?.tuned.loss)}</td>
                  <td class="number">
                    {seconds(view.steps.reduce((sum, step) => sum + (drawable(step.seconds) ?? 0), 0))}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}

/** The settings in which they are not all alike. */
function Differences({ shown }: { readonly shown: readonly Shown[] }): JSX.Element | null {
  if (shown.length < 2) return null;
  const settings = shown.map(
    ({ view }) =>
      new Map([
        ...(view.start === null ? [] : startSettings(view.start)),
        ...settingsOf(view.summary.options, "option"),
        ["experiment", view.summary.experiment],
        ["source", view.summary.hash?.slice(0, 12) ?? "–"],
      ] as (readonly [string, string])[]),
  );
  const names = [...new Set(settings.flatMap((found) => [...found.keys()]))].filter(
    (name) => new Set(settings.map((found) => found.get(name))).size > 1,
  );
  return (
    <section>
      <h2>Settings that differ</h2>
      {names.length === 0 ? (
        <p class="muted">None: they were begun alike.</p>
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-label="Settings that differ">
          <table class="dense">
            <thead>
              <tr>
                <th scope="col">Setting</th>
                {shown.map(({ name }) => (
                  <th scope="col" key={name}>
                    <Name text={name} />
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {names.map((name) => (
                <tr key={name}>
                  <th scope="row">{visible(name)}</th>
                  {settings.map((found, i) => (
                    <td key={i}>{visible(found.get(name) ?? "–")}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
