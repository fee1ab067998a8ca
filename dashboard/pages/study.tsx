import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { StudyView } from "../../src/server/api.ts";
import { useAnswer, useVersion } from "../data/answer.ts";
import { visible } from "../data/numbers.ts";
import { at } from "../data/server.ts";
import { settingName } from "../data/settings.ts";
import { BAD_ENDINGS, STOPS } from "../parts/facts.tsx";
import { NotBegun, type PageProps } from "../parts/not-begun.tsx";
import { Loading, Name, State, Trouble } from "../parts/state.tsx";
import { STUDY_PAGES, studyAddress, type StudyPage } from "../route.ts";
import { Gradients } from "./health.tsx";
import { Hyperparameters } from "./hyperparameters.tsx";
import { Inner } from "./inner.tsx";
import { LogAndConfig } from "./log.tsx";
import { Overview } from "./overview.tsx";

/** A study: its name and state above the page that was asked for. */
export function Study({
  study,
  page,
  tensor,
}: {
  readonly study: string;
  readonly page: StudyPage;
  readonly tensor?: string;
}): JSX.Element {
  const version = useVersion(study);
  const { data, fault } = useAnswer<StudyView>(at("study", { study }), version);
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      const writing = event.target instanceof Element && event.target.closest("input, textarea, select") !== null;
      const to = Object.keys(STUDY_PAGES)[Number(event.key) - 1] as StudyPage | undefined;
      if (!writing && to !== undefined && !event.ctrlKey && !event.metaKey && !event.altKey)
        location.hash = studyAddress(study, to);
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [study]);
  return (
    <>
      <div class="page-head study-head">
        <h1>
          <Name text={study} />
        </h1>
        {data !== null && <State state={data.summary.state} stopping={data.summary.stopping} />}
        <nav class="tabs" aria-label="Pages of this study">
          {Object.entries(STUDY_PAGES).map(([name, title]) => (
            <a
              key={name}
              href={studyAddress(study, name as StudyPage)}
              aria-current={page === name ? "page" : undefined}
            >
              {title}
            </a>
          ))}
        </nav>
      </div>
      {fault !== null && <Trouble fault={fault} soft={data !== null} />}
      {data === null ? (
        fault === null && <Loading what="the study" />
      ) : (
        <Body view={data} {...{ study, page, tensor, version }} />
      )}
    </>
  );
}

function Body({
  page,
  tensor,
  ...rest
}: PageProps & { readonly page: StudyPage; readonly tensor: string | undefined }): JSX.Element {
  const { view } = rest;
  const empty = view.steps.length === 0;
  return (
    <>
      {view.trouble.map((fault) => (
        <Trouble key={fault.message} fault={fault} />
      ))}
      {view.summary.error !== null && !view.trouble.some(({ message }) => message === view.summary.error!.message) && (
        <Trouble fault={{ ...view.summary.error, hint: hintFor(view.summary.state, rest.study) }} />
      )}
      {view.origin !== null && <OriginLine origin={view.origin} />}
      {view.summary.error === null && <Ending view={view} study={rest.study} />}
      {view.summary.state === "stale" && view.trouble.length === 0 && <Stale study={rest.study} />}
      {page === "overview" && <Overview {...rest} />}
      {page === "log" && <LogAndConfig {...rest} />}
      {page !== "overview" && page !== "log" && empty && <NotBegun {...rest} />}
      {page === "hyperparameters" && !empty && <Hyperparameters {...rest} wanted={tensor} />}
      {page === "inner" && !empty && <Inner {...rest} />}
      {page === "health" && !empty && <Gradients {...rest} />}
    </>
  );
}

/** From where a fork goes on, and in what it is another study. */
function OriginLine({ origin: { of: study, step, changes } }: { readonly origin: Origin }): JSX.Element {
  // An optimiser of another name moves otherwise, which is told once.
  const told = changes.filter(
    ({ what }) => what !== "update" || !changes.some((other) => other.what.startsWith("optimizer")),
  );
  return (
    <p class="origin">
      <span aria-hidden="true">↳</span> Forked from{" "}
      <a href={studyAddress(study)}>
        <Name text={study} />
      </a>{" "}
      at outer step {step},{" "}
      {told.length === 0
        ? "with the same options."
        : told.map(({ what, was, is }, i) => (
            <span key={what}>
              {i === 0 ? "with " : "; "}
              {settingName(what)} <span class="muted">{changedText(was)} →</span> <b>{changedText(is)}</b>
            </span>
          ))}
    </p>
  );
}

type Origin = NonNullable<StudyView["origin"]>;

/** A setting is kept as JSON: text without its quotes; a hash says nothing to people. */
function changedText(json: string): string {
  if (/^"?[0-9a-f]{32}"?$/.test(json)) return "another";
  return visible(json.replaceAll('"', ""));
}

function Ending({ view, study }: { readonly view: StudyView; readonly study: string }): JSX.Element | null {
  const { stop, summary, steps } = view;
  if (stop === null || !BAD_ENDINGS.includes(stop.reason)) return null;
  const kept = Math.max(0, steps.length - 1);
  const message = `It ended after ${kept} of ${summary.outerSteps ?? "its"} outer steps: ${STOPS[stop.reason]}.`;
  return (
    <Trouble
      soft={kept > 0}
      fault={{
        code: stop.reason,
        message,
        hint: `${stop.detail === null ? "" : `${stop.detail[0]!.toUpperCase()}${stop.detail.slice(1)}. `}${kept === 0 ? "What is shown is the untuned start. " : ""}\`drmad fork ${JSON.stringify(study)} NEW --outer-rate …\` goes on with other options.`,
      }}
    />
  );
}

const hintFor = (state: string, study: string): string =>
  state === "failed"
    ? `What it kept is below. Once the cause is mended, \`drmad resume ${JSON.stringify(study)}\` goes on from there.`
    : "The log has all that it told.";

const Stale = ({ study }: { readonly study: string }): JSX.Element => (
  <Trouble
    soft
    fault={{
      code: "stale",
      message: "The process that ran this study is gone, or has given no sign of life for long.",
      hint: `Nothing that was kept is lost: \`drmad resume ${JSON.stringify(study)}\` goes on from its last outer step.`,
    }}
  />
);
