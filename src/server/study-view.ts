import { DrmadError } from "../errors.ts";
import type { StudySummary } from "../store/store.ts";
import { timesOf } from "../store/times.ts";
import type { ForkInfo, StepFidelity, Warning } from "../study/events.ts";
import type { StudyEvent } from "../study/state.ts";
import type { Fault, Json, StudyRow, StudyView } from "./api.ts";
import { faultOf } from "./faults.ts";
import { inJson } from "./json.ts";
import type { LoggedStep, Study } from "./reader.ts";
import { tensorInfos, tensorsFound } from "./tensor-info.ts";
import { startOf } from "./tensor-map.ts";

export function studyRow(summary: StudySummary): StudyRow {
  const { source: _, ...row } = summary;
  return inJson(row);
}

type Logged<K extends StudyEvent["type"]> = Extract<StudyEvent, { readonly type: K }>;

const withoutInner = ({ record }: LoggedStep): StudyView["steps"][number] => {
  const { inner: _, ...rest } = record;
  return inJson(rest);
};

/** An event's own part, without what the log is told by. */
function untyped<T>(event: T & { readonly type: string }): Json<T> {
  const { type: _, ...rest } = event;
  return inJson(rest as T);
}

/** All that a study's page shows without maps. What cannot be read of it is told in `trouble`; the rest is there. */
export async function studyView(study: Study): Promise<StudyView> {
  const { summary, steps } = study;
  const start = startOf(study);
  const all = <K extends StudyEvent["type"]>(type: K): readonly Logged<K>[] =>
    study.log.flatMap(({ event }) => (event.type === type ? [event as Logged<K>] : []));
  const trouble: Fault[] = [];
  const found = await newestTensors(study, trouble);
  const chosen = all("chosen").at(-1);
  const result = all("result").at(-1);
  const origin = all("fork").at(-1);
  return {
    summary: studyRow(summary),
    source: summary.source,
    start: start === undefined ? null : inJson(start),
    tensors: start?.tensors === undefined ? found : tensorInfos(start),
    steps: steps.map(withoutInner),
    kept: steps.flatMap(({ kept, record }) => (kept ? [record.step] : [])),
    fidelity: all("fidelity").map((event) => untyped<StepFidelity>(event)),
    warnings: all("warning").map((event) => untyped<Warning>(event)),
    chosen: chosen === undefined ? null : { method: chosen.name, why: chosen.why },
    stop: stopOf(study),
    test: result?.test === undefined ? null : inJson(result.test),
    origin: origin === undefined ? null : untyped<ForkInfo>(origin),
    times: inJson(timesOf(summary, study.log) ?? null),
    secondsLeft: secondsLeft(study),
    trouble,
  };
}

/** Looks at the newest kept step, the one that is shown first, and says what is the matter with it. */
async function newestTensors(study: Study, trouble: Fault[]): Promise<StudyView["tensors"]> {
  const start = startOf(study);
  if (start !== undefined && start.tensors === undefined) {
    trouble.push({
      code: "older-study",
      message: "the study was kept by an older drmad, which did not say what its tensors are of",
      hint: "Maps and curves are there; images, transforms and steps of training are not told apart.",
    });
  }
  const newest = study.steps.findLast(({ kept }) => kept);
  if (newest === undefined) return [];
  try {
    return tensorsFound(await study.arrays(newest.sequence), start?.rows?.["train"] ?? 0);
  } catch (error) {
    if (!(error instanceof DrmadError)) throw error;
    trouble.push(faultOf(error));
    return [];
  }
}

/** Why it ended or paused; null where it runs, or went on since. */
function stopOf({ log }: Study): StudyView["stop"] {
  const last = log.findLast(({ event }) => ["stop", "result", "resume"].includes(event.type))?.event;
  if (last?.type === "stop") return { reason: last.reason, detail: last.detail ?? null };
  return last?.type === "result" ? { reason: last.stop, detail: last.stopDetail ?? null } : null;
}

/** Steps that tell the pace. */
const LATEST = 5;

function secondsLeft({ summary: { state, outerSteps }, steps }: Study): number | null {
  if (state !== "running" || outerSteps === null || steps.length === 0) return null;
  const latest = steps.slice(-LATEST).map(({ record }) => record.seconds);
  const pace = latest.reduce((sum, seconds) => sum + seconds, 0) / latest.length;
  return pace * Math.max(0, outerSteps + 1 - steps.length);
}
