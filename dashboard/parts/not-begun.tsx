import type { JSX } from "preact";
import type { StudyView } from "../../src/server/api.ts";
import { Nothing } from "./state.tsx";

/** What every page of a study is given. */
export interface PageProps {
  readonly view: StudyView;
  /** Its name. */
  readonly study: string;
  /** Another text when anything of the study is another. */
  readonly version: string;
}

/** Says why there are no outer steps to show. */
export function NotBegun({ view, study }: PageProps): JSX.Element {
  const { state, outerSteps } = view.summary;
  if (state === "running")
    return (
      <Nothing title="The first outer step is under way.">
        {`The untuned training comes first${outerSteps === null ? "" : `, then ${outerSteps} updates`}. Figures appear here by themselves.`}
      </Nothing>
    );
  if (state === "waiting")
    return <Nothing title="The study has not begun.">{`\`drmad resume ${JSON.stringify(study)}\` begins it.`}</Nothing>;
  return (
    <Nothing title={`The study is ${state} and kept no outer step.`}>
      {`The log says what it did; \`drmad resume ${JSON.stringify(study)}\` tries again.`}
    </Nothing>
  );
}
