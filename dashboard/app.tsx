import type { JSX } from "preact";
import { useEffect, useErrorBoundary, useRef, useState } from "preact/hooks";
import { live } from "./data/live.ts";
import { timeOfDay } from "./data/numbers.ts";
import { AWAY } from "./data/server.ts";
import { useValue } from "./data/value.ts";
import { Keys } from "./parts/keys.tsx";
import { Nothing, Trouble } from "./parts/state.tsx";
import { Compare } from "./pages/compare.tsx";
import { Runs } from "./pages/runs.tsx";
import { Study } from "./pages/study.tsx";
import { route, type Route } from "./route.ts";

const CONNECTIONS = {
  connecting: ["○", "connecting"],
  live: ["●", "live"],
  away: ["✕", "server away"],
} as const;

/** The frame around every page: where one is, whether the server is heard, and help. */
export function App(): JSX.Element {
  const now = useValue(route, (found) => found);
  const { connection, heard, fault } = useValue(live, (found) => found);
  const [keys, setKeys] = useState(false);
  const main = useRef<HTMLElement>(null);
  const where = "study" in now ? `${now.page} ${now.study}` : now.page;
  useEffect(() => {
    document.title = "study" in now ? `${now.study} · drmad` : now.page === "compare" ? "Compare · drmad" : "drmad";
    scrollTo(0, 0);
  }, [where]);
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      const writing =
        event.target instanceof Element && event.target.closest("input:not([type=range]), textarea, select") !== null;
      if (writing || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "?") setKeys((open) => !open);
      if (event.key === "r" && "page" in route.get()) location.hash = "#/";
      if (event.key === "/") {
        const filter = document.querySelector<HTMLInputElement>("input[type=search]");
        if (filter !== null) {
          event.preventDefault();
          filter.focus();
        }
      }
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
  const [sign, word] = CONNECTIONS[connection];
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), main.current?.focus())}>
        Skip to the content
      </a>
      <header class="top">
        <a class="brand" href="#/">
          <img src="./icon.svg" alt="" width="18" height="18" /> drmad
        </a>
        <nav aria-label="Pages">
          <a href="#/" aria-current={now.page === "runs" ? "page" : undefined}>
            Runs
          </a>
          {now.page === "compare" && (
            <a href={location.hash} aria-current="page">
              Compare
            </a>
          )}
        </nav>
        <span class={`connection ${connection}`} role="status">
          <span aria-hidden="true">{sign}</span> {word}
        </span>
        <button type="button" class="quiet" onClick={() => setKeys(true)} aria-label="Keys" title="Keys (?)">
          ?
        </button>
      </header>
      <main ref={main} tabIndex={-1} id="main">
        {connection === "away" && (
          <Trouble fault={fault === null || fault === AWAY ? { ...AWAY, message: awayText(heard) } : fault} />
        )}
        <Guarded key={where}>
          <Page now={now} />
        </Guarded>
      </main>
      {keys && <Keys close={() => setKeys(false)} />}
    </>
  );
}

const awayText = (heard: number | null): string =>
  heard === null
    ? AWAY.message
    : `The server of this page does not answer. What is shown is as of ${timeOfDay(new Date(heard).toISOString())}.`;

function Page({ now }: { readonly now: Route }): JSX.Element {
  switch (now.page) {
    case "runs":
      return <Runs />;
    case "compare":
      return <Compare studies={now.studies} />;
    case "unknown":
      return (
        <Nothing title="There is no such page.">
          <p>
            <code>{now.hash}</code> names none. All studies are under <a href="#/">Runs</a>.
          </p>
        </Nothing>
      );
    default:
      return <Study key={now.study} {...now} />;
  }
}

/** A fault of the page itself is told of in its place, and the rest stays. */
function Guarded({ children }: { readonly children: JSX.Element }): JSX.Element {
  const [error, reset] = useErrorBoundary();
  if (error === undefined) return children;
  return (
    <Nothing title="This page could not be drawn.">
      <>
        <p>{error instanceof Error ? error.message : String(error)}</p>
        <p>The study is not harmed. Please report this with the text above.</p>
        <button type="button" onClick={reset}>
          Draw it again
        </button>
      </>
    </Nothing>
  );
}
