import type { JSX } from "preact";
import { Fragment } from "preact";
import type { Fault } from "../../src/server/api.ts";
import { visible } from "../data/numbers.ts";

const SHAPES: Readonly<Record<string, string>> = {
  waiting: "○",
  running: "▶",
  done: "✓",
  stopped: "■",
  failed: "✕",
  stale: "◌",
};

const MEANINGS: Readonly<Record<string, string>> = {
  waiting: "has not begun",
  running: "a process is at work on it",
  done: "has its result",
  stopped: "can go on with drmad resume",
  failed: "ended with an error",
  stale: "says that it runs, but its process is gone",
};

/** The state of a study as a shape and a word. */
export function State({
  state,
  stopping = false,
}: {
  readonly state: string;
  readonly stopping?: boolean;
}): JSX.Element {
  return (
    <span class={`state state-${Object.hasOwn(SHAPES, state) ? state : "other"}`} title={MEANINGS[state] ?? ""}>
      <span aria-hidden="true">{SHAPES[state] ?? "?"}</span> {stopping ? "stopping" : visible(state)}
    </span>
  );
}

/** A name that its user chose: shown as it is, and it turns nothing around it. */
export const Name = ({ text }: { readonly text: string }): JSX.Element => <bdi class="name">{visible(text)}</bdi>;

/** Text with its `commands` as such. */
export function Words({ text }: { readonly text: string }): JSX.Element {
  const parts = visible(text).split("`");
  return (
    <>
      {parts.map((part, i) =>
        i % 2 === 1 && i < parts.length - 1 ? <code key={i}>{part}</code> : <Fragment key={i}>{part}</Fragment>,
      )}
    </>
  );
}

/** What is the matter, and what to do. */
export function Trouble({ fault, soft = false }: { readonly fault: Fault; readonly soft?: boolean }): JSX.Element {
  return (
    <div class={`trouble${soft ? " soft" : ""}`} role={soft ? undefined : "alert"}>
      <p>
        <span aria-hidden="true" class="trouble-sign">
          {soft ? "△" : "✕"}
        </span>{" "}
        <b>
          <Words text={fault.message} />
        </b>
      </p>
      {fault.hint !== undefined && (
        <p>
          <Words text={fault.hint} />
        </p>
      )}
    </div>
  );
}

/** In the place of what there is nothing of. */
export function Nothing({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: JSX.Element | string;
}): JSX.Element {
  return (
    <div class="nothing">
      <p class="nothing-title">{title}</p>
      {children !== undefined && <div>{typeof children === "string" ? <Words text={children} /> : children}</div>}
    </div>
  );
}

export const Loading = ({ what }: { readonly what: string }): JSX.Element => (
  <p class="loading" role="status">
    Reading {what} …
  </p>
);
