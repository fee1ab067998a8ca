import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Fault, StudyView } from "../../src/server/api.ts";
import { useLateAnswer } from "../data/answer.ts";
import { live } from "../data/live.ts";
import { drawable, num, short } from "../data/numbers.ts";
import { at, getJson, Refusal } from "../data/server.ts";
import { bestStep, isWide } from "../data/study.ts";
import { useValue } from "../data/value.ts";
import type { Line } from "../draw/chart-options.ts";
import { LineChart } from "../draw/line-chart.tsx";
import { lineStyle, theme } from "../draw/palette.ts";
import { Loading, Nothing, Trouble } from "../parts/state.tsx";
import { Differences, Results, type Shown } from "./compare/tables.tsx";

const MOST_STUDIES = 14;

type Found = { readonly name: string } & ({ readonly view: StudyView } | { readonly fault: Fault });

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
          <input type="checkbox" checked={running} onChange={() => setRunning(!running)} /> draw the lowest so far
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
          title="Validation loss by computing time"
          xLabel="seconds of computing"
          yLabel="validation loss"
          log={log}
          format={short}
          summary={summary}
          height={320}
          note="The time of the outer steps, one after the other; pauses between them do not count. Of a fork, that of the steps before it counts too."
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
