import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Fault, Log, StudyView } from "../../src/server/api.ts";
import { timeOfDay, visible } from "../data/numbers.ts";
import { at, getJson } from "../data/server.ts";
import { mainSettings, otherSettings, type Setting } from "../data/settings.ts";
import { Loading, Nothing, Trouble, Words } from "../parts/state.tsx";
import { faultOf } from "../parts/stop.tsx";
import type { PageProps } from "../parts/not-begun.tsx";

type Entry = Log["events"][number];
const MOST_SHOWN = 300;

/** All that a study told, what it was begun with, and the text of its experiment. */
export function LogAndConfig({ study, version, view }: PageProps): JSX.Element {
  return (
    <div class="columns">
      <div class="wide">
        <Events study={study} version={version} />
        <Source text={view.source} />
      </div>
      <aside class="narrow">
        <Options view={view} />
      </aside>
    </div>
  );
}

function Events({ study, version }: { readonly study: string; readonly version: string }): JSX.Element {
  const [events, fault] = useLog(study, version);
  const [filter, setFilter] = useState("");
  const [all, setAll] = useState(false);
  if (events === null) return fault === null ? <Loading what="the log" /> : <Trouble fault={fault} />;
  const found = events.filter(({ text }) => text.toLowerCase().includes(filter.toLowerCase())).toReversed();
  const shown = all ? found : found.slice(0, MOST_SHOWN);
  return (
    <section>
      <h2>Log</h2>
      {fault !== null && <Trouble fault={fault} soft />}
      {events.length === 0 ? (
        <Nothing title="The study has told nothing yet." />
      ) : (
        <>
          <div class="tools">
            <input
              type="search"
              placeholder="Filter the log"
              aria-label="Filter the log"
              value={filter}
              onInput={(event) => setFilter(event.currentTarget.value)}
            />
            <span class="muted">
              {found.length === events.length
                ? `${events.length} events`
                : `${found.length} of ${events.length} events`}
              , the latest first
            </span>
          </div>
          <ol class="log" tabIndex={0} aria-label="Events">
            {shown.map((entry) => (
              <Event key={entry.sequence} entry={entry} />
            ))}
          </ol>
          {found.length > shown.length && (
            <button type="button" onClick={() => setAll(true)}>
              Show all {found.length}
            </button>
          )}
        </>
      )}
    </section>
  );
}

function Event({ entry: { sequence, at, text, json } }: { readonly entry: Entry }): JSX.Element {
  const [open, setOpen] = useState(false);
  return (
    <li>
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          <span class="log-number">{sequence}</span>
          <time>{timeOfDay(at)}</time>
          <span class="log-text">
            <Words text={text} />
          </span>
        </summary>
        {open && <pre>{visible(indented(json))}</pre>}
      </details>
    </li>
  );
}

function indented(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}

/** The log as it grows: only what is new is asked for. */
function useLog(study: string, version: string): readonly [readonly Entry[] | null, Fault | null] {
  const [events, setEvents] = useState<readonly Entry[] | null>(null);
  const [fault, setFault] = useState<Fault | null>(null);
  const known = useRef<readonly Entry[]>([]);
  useEffect(() => {
    const abort = new AbortController();
    void (async () => {
      try {
        for (;;) {
          const from = known.current.length === 0 ? 0 : known.current.at(-1)!.sequence + 1;
          const { events } = await getJson<Log>(at("log", { study, from }), abort.signal);
          if (abort.signal.aborted) return;
          known.current = [...known.current, ...events];
          setEvents(known.current);
          setFault(null);
          if (events.length === 0) return;
        }
      } catch (error) {
        if (!abort.signal.aborted) setFault(faultOf(error));
      }
    })();
    return () => abort.abort();
  }, [study, version]);
  return [events, fault];
}

function Source({ text }: { readonly text: string | null }): JSX.Element {
  return (
    <section>
      <h2>Experiment</h2>
      {text === null ? (
        <p class="muted">The study keeps no text of its experiment.</p>
      ) : (
        <pre class="source" tabIndex={0} aria-label="Text of the experiment">
          {text.split("\n").map((line, i) => (
            <span class="line" key={i}>
              {visible(line)}
              {"\n"}
            </span>
          ))}
        </pre>
      )}
    </section>
  );
}

function Options({ view }: { readonly view: StudyView }): JSX.Element {
  return (
    <>
      <section>
        <h2>Settings</h2>
        <Settings settings={mainSettings(view)} />
      </section>
      <section>
        <h2>How it was begun</h2>
        <Settings settings={otherSettings(view)} />
      </section>
    </>
  );
}

const Settings = ({ settings }: { readonly settings: readonly Setting[] }): JSX.Element => (
  <dl class="facts settings">
    {settings.map(([name, text]) => (
      <div key={name} class={name === "command" ? "whole" : undefined}>
        <dt>{visible(name)}</dt>
        <dd>{name === "command" ? <code>{visible(text)}</code> : visible(text)}</dd>
      </div>
    ))}
  </dl>
);
