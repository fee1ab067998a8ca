import type { JSX } from "preact";
import type { Num, StudyView } from "../../../src/server/api.ts";
import { change, drawable, figures, metricText, num, seconds, visible } from "../../data/numbers.ts";
import { mainSettings, otherSettings, type Setting } from "../../data/settings.ts";
import { bestStep, metricsOf } from "../../data/study.ts";
import { Name, State } from "../../parts/state.tsx";
import { studyAddress } from "../../route.ts";

export interface Shown {
  readonly name: string;
  readonly view: StudyView;
}

/** Metrics of which more is better; of others that are not known here, nothing is said to be better. */
const BETTER: Readonly<Record<string, 1 | -1>> = { loss: -1, error: -1, accuracy: 1 };

const computing = ({ steps }: StudyView): number => steps.reduce((sum, step) => sum + (drawable(step.seconds) ?? 0), 0);

/** Whether losses mean the same in all of them: one experiment on as many rows of each split. */
const alike = (shown: readonly Shown[]): boolean =>
  new Set(shown.map(({ view: { start } }) => JSON.stringify([start?.experiment, start?.rows]))).size === 1;

interface Row {
  readonly title: string;
  readonly text: (view: StudyView) => string;
  /** What the best one is found by; it is marked where the studies can be compared. */
  readonly by?: (view: StudyView) => Num | null | undefined;
  readonly sign?: 1 | -1 | undefined;
}

function rowsOf(metric: string | undefined): readonly Row[] {
  return [
    { title: "Untuned loss", text: ({ steps }) => figures(steps[0]?.valid.loss) },
    {
      title: "Best loss",
      text: (view) => figures(bestStep(view)?.valid.loss),
      by: (view) => bestStep(view)?.valid.loss,
      sign: -1,
    },
    { title: "Change", text: (view) => change(num(view.steps[0]?.valid.loss), num(bestStep(view)?.valid.loss)) },
    ...(metric === undefined
      ? []
      : [
          {
            title: `Validation ${metric}`,
            text: (view: StudyView) => metricText(metric, bestStep(view)?.valid[metric]),
            by: (view: StudyView) => bestStep(view)?.valid[metric],
            sign: BETTER[metric],
          },
        ]),
    { title: "Test loss", text: ({ test }) => figures(test?.tuned.loss) },
    { title: "Computing time", text: (view) => seconds(computing(view)) },
  ];
}

/** Which of the studies have the best of a row's values; none where all are alike. */
function bestOf({ by, sign }: Row, shown: readonly Shown[]): readonly boolean[] {
  const values = shown.map(({ view }) => (by === undefined ? null : drawable(by(view))));
  const known = values.filter((v) => v !== null);
  if (sign === undefined || new Set(known).size < 2) return values.map(() => false);
  const best = sign < 0 ? Math.min(...known) : Math.max(...known);
  return values.map((v) => v === best);
}

/** What came of each study. */
export function Results({ shown }: { readonly shown: readonly Shown[] }): JSX.Element {
  const metric = shown.map(({ view }) => metricsOf(view)[1]).find((name) => name !== undefined);
  const rows = rowsOf(metric);
  const comparable = alike(shown);
  const best = rows.map((row) => (comparable ? bestOf(row, shown) : shown.map(() => false)));
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
                Outer steps
              </th>
              {rows.map(({ title }) => (
                <th scope="col" class="number" key={title}>
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map(({ name, view }, i) => (
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
                {rows.map((row, r) => (
                  <td class={`number${best[r]![i] ? " best" : ""}`} key={row.title}>
                    {best[r]![i] && (
                      <>
                        <span aria-hidden="true">★</span>
                        <span class="unseen">the best: </span>
                      </>
                    )}
                    {row.text(view)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="note">
        {shown.length < 2
          ? ""
          : comparable
            ? "★ is the best on the validation rows, by which one chooses. Test figures choose nothing, and are not marked."
            : "These are studies of different experiments or rows, so that no loss is better than another, and none is marked."}
      </p>
    </section>
  );
}

/** The settings in which they are not all alike, and below them all others. */
export function Differences({ shown }: { readonly shown: readonly Shown[] }): JSX.Element | null {
  if (shown.length < 2) return null;
  const main = shown.map(({ view }) => new Map(mainSettings(view)));
  const all = shown.map(({ view }, i) => new Map<string, string>([...main[i]!, ...otherSettings(view)]));
  const different = namesOf(main).filter((name) => new Set(main.map((settings) => settings.get(name))).size > 1);
  const rest = namesOf(all).filter((name) => !different.includes(name));
  return (
    <section>
      <h2>Settings that differ</h2>
      {different.length === 0 ? (
        <p class="muted">None of those that one chooses: they were begun alike.</p>
      ) : (
        <SettingsTable title="Settings that differ" names={different} settings={all} shown={shown} />
      )}
      <details class="more">
        <summary>
          All other settings <span class="muted">({rest.length})</span>
        </summary>
        <SettingsTable title="All other settings" names={rest} settings={all} shown={shown} />
      </details>
    </section>
  );
}

const namesOf = (found: readonly ReadonlyMap<string, string>[]): readonly Setting[0][] => [
  ...new Set(found.flatMap((settings) => [...settings.keys()])),
];

function SettingsTable({
  title,
  names,
  settings,
  shown,
}: {
  readonly title: string;
  readonly names: readonly string[];
  readonly settings: readonly ReadonlyMap<string, string>[];
  readonly shown: readonly Shown[];
}): JSX.Element {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={title}>
      <table class="settings-table">
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
          {names.map((name) => {
            const texts = settings.map((found) => found.get(name));
            return (
              <tr key={name}>
                <th scope="row">{visible(name)}</th>
                {texts.map((text, i) => (
                  <td key={i}>{visible(text ?? "–")}</td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
