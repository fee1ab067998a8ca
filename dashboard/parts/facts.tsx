import type { JSX } from "preact";
import type { StudyView } from "../../src/server/api.ts";
import { counted, moment, num, seconds, visible } from "../data/numbers.ts";
import { countsText, fileName } from "../data/settings.ts";
import { Words } from "./state.tsx";

/** Why a study ended, in words. */
export const STOPS: Readonly<Record<string, string>> = {
  budget: "all outer steps are done",
  plateau: "no better validation loss for long",
  "non-finite": "a run diverged",
  "not-stationary": "the implicit method refused: training had not come to rest",
  "not-converged": "the implicit method refused: its solver did not converge",
  "invalid-experiment": "a metric was not finite",
  chaotic: "the hypergradient became chaotic",
  cancelled: "stopped from outside",
};

/** Endings that are nobody's wish; what is known of them is told at the top. */
export const BAD_ENDINGS: readonly string[] = [
  "non-finite",
  "not-stationary",
  "not-converged",
  "invalid-experiment",
  "chaotic",
];

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
              {stop.reason === "budget" && stop.detail !== null
                ? visible(stop.detail)
                : (STOPS[stop.reason] ?? visible(stop.reason))}
              {stop.reason !== "budget" && stop.detail !== null && !BAD_ENDINGS.includes(stop.reason) && (
                <span class="under">
                  <Words text={stop.detail} />
                </span>
              )}
            </>
          </Fact>
        )}
        <Fact name="experiment">
          <span title={visible(summary.experiment)}>{visible(start?.experiment ?? fileName(summary.experiment))}</span>
        </Fact>
        {start !== null && (
          <>
            <Fact name="method">
              <>
                {visible(chosen === null ? start.method : `${start.method} → ${chosen.method}`)}
                {chosen !== null && <span class="under">{visible(chosen.why)}</span>}
              </>
            </Fact>
            <Fact name="outer optimiser">{visible(start.optimizer)}</Fact>
            <Fact name="tuned">
              <ul class="plain">
                {Object.entries(start.groups).map(([name, size]) => (
                  <li key={name}>
                    {visible(name)} <span class="muted">{counted(num(size), "value")}</span>
                  </li>
                ))}
              </ul>
            </Fact>
            <Fact name="trains">{`${counted(num(start.weights), "weight")} for ${counted(num(start.innerSteps), "step")}`}</Fact>
            <Fact name="rows">{countsText(start.rows)}</Fact>
            <Fact name={start.seeds === undefined ? "seed" : "seeds"}>
              {start.seeds === undefined ? String(start.seed) : start.seeds.join(", ")}
            </Fact>
            <Fact name="engine">{`${visible(start.engine)}, ${start.precision}, ${counted(num(start.threads), "thread")}`}</Fact>
          </>
        )}
      </dl>
      <h2 class="apart">Time</h2>
      <dl class="facts">
        {view.times !== null && (
          <>
            <Fact name={summary.state === "running" ? "this run" : "the last run"}>{seconds(view.times.run)}</Fact>
            <Fact name="the study in all">{seconds(view.times.study)}</Fact>
            <Fact name="since it was begun">{seconds(view.times.sinceBegun)}</Fact>
          </>
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
