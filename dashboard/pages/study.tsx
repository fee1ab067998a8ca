import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { StudyView } from "../../src/server/api.ts";
import { useAnswer, useVersion } from "../data/answer.ts";
import { at } from "../data/server.ts";
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
