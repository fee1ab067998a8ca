import type { JSX } from "preact";
import type { StudyView } from "../../src/server/api.ts";
import { count, counted, moment, num, seconds, visible } from "../data/numbers.ts";
import { Words } from "./state.tsx";

const STOPS: Readonly<Record<string, string>> = {
  budget: "all outer steps done, or the seconds over",
  plateau: "no better validation loss for long",
  "non-finite": "a run diverged",
  "not-stationary": "the implicit method refused: training had not come to rest",
  "not-converged": "the implicit method refused: its solver did not converge",
  "invalid-experiment": "a metric was not finite",
  chaotic: "the hypergradient became chaotic",
  cancelled: "stopped from outside",
};

/** What a study is, and what it was begun with. */
export function Facts({ view }: { readonly view: StudyView }): JSX.Element {
  const { summary, start, stop, chosen } = view;
  return (
    <section>
      <h2>Study</h2>
      <dl class="facts">
        {stop !== null && (
          <Fact name="ended by">
            <>
              {STOPS[stop.reason] ?? visible(stop.reason)}
              {stop.detail !== null && (
                <span class="under">
                  <Words text={stop.detail} />
                </span>
              )}
            </>
          </Fact>
        )}
        <Fact name="experiment">{visible(summary.experiment)}</Fact>
        {start !== null && (
          <>
            <Fact name="method">
              <>
                {visible(chosen === null ? start.method : `${start.method} → ${chosen.method}`)}
                {chosen !== null && <span class="under">{visible(chosen.why)}</span>}
              </>
            </Fact>
            <Fact name="optimiser">{visible(start.optimizer)}</Fact>
            <Fact name="engine">{`${visible(start.engine)}, ${start.precision}, ${counted(num(start.threads), "thread")}`}</Fact>
            <Fact name="weights">{count(num(start.weights))}</Fact>
            <Fact name="inner steps">{count(num(start.innerSteps))}</Fact>
            <Fact name="rows">
              {Object.entries(start.rows)
                .map(([split, rows]) => `${count(num(rows))} ${split}`)
                .join(", ")}
            </Fact>
            <Fact name={start.seeds === undefined ? "seed" : "seeds"}>
              {start.seeds === undefined ? String(start.seed) : start.seeds.join(", ")}
            </Fact>
            <Fact name="tuned">
              <ul class="plain">
                {Object.entries(start.groups).map(([name, size]) => (
                  <li key={name}>
                    {visible(name)} <span class="muted">{count(num(size))}</span>
                  </li>
                ))}
              </ul>
            </Fact>
          </>
        )}
        {view.origin !== null && <Fact name="fork">{visible(view.origin.text)}</Fact>}
        {view.times !== null && (
          <Fact name="time">
            <ul class="plain">
              <li>{`${seconds(view.times.run)} ${summary.state === "running" ? "this run" : "the last run"}`}</li>
              <li>{`${seconds(view.times.study)} the study in all`}</li>
              <li>{`${seconds(view.times.sinceBegun)} since it was begun`}</li>
            </ul>
          </Fact>
        )}
        <Fact name="begun">{moment(summary.created)}</Fact>
        <Fact name="updated">{moment(summary.updated)}</Fact>
      </dl>
    </section>
  );
}

const Fact = ({ name, children }: { readonly name: string; readonly children: JSX.Element | string }): JSX.Element => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);
