import { DrmadError } from "../errors.ts";
import type { StudyEvent } from "../study/state.ts";
import type { Fork } from "../study/fork.ts";
import type { LoggedEvent, Store } from "./store.ts";

/** Which step of which study a new one goes on from; kept with it until it has begun. */
export interface ForkOf {
  readonly of: string;
  readonly step: number;
}

const refused = (what: string, hint: string): DrmadError => new DrmadError("invalid-argument", what, { hint });

/** What of a study's log belongs to its steps. */
const LASTING: readonly StudyEvent["type"][] = ["step", "chosen", "fidelity", "warning"];

/** The step that is meant where none is named: the last. */
export async function lastStep(store: Store, of: string): Promise<number> {
  const { steps } = await store.get(of);
  if (steps > 0) return steps - 1;
  throw refused(`the study ${JSON.stringify(of)} has no step yet`, "Go on with it first: drmad resume NAME.");
}

const keptSteps = (logged: readonly LoggedEvent[]): string =>
  logged.flatMap(({ event, arrays }) => (event.type === "step" && arrays ? [event.step] : [])).join(", ");

/** What a fork begins with, and where the arrays of the steps before it are. */
export interface ForkSource extends Fork {
  /** A step with its arrays, where `before` has it without; any other event as it is. */
  whole(event: StudyEvent): Promise<StudyEvent>;
}

/**
 * Reads what a fork begins with: of the steps before it only the arrays of the best and the last, the others' when they are copied.
 * @throws DrmadError study-not-found; invalid-argument for a step that there is not, or whose values are not kept any more
 */
export async function readFork(store: Store, { of, step }: ForkOf): Promise<ForkSource> {
  const logged = await store.events(of);
  const start = logged.find(({ event }) => event.type === "start")?.event;
  const place = logged.findIndex(({ event }) => event.type === "step" && event.step === step);
  const name = JSON.stringify(of);
  if (start?.type !== "start" || start.identity === undefined || place < 0) {
    const steps = logged.filter(({ event }) => event.type === "step").length;
    const hint = steps === 0 ? "It has none yet." : `Its steps are 0 to ${steps - 1}.`;
    throw refused(`the study ${name} has no step ${step}`, hint);
  }
  const { type: _, identity, at: __, ...info } = start;
  const taken = await store.event(of, logged[place]!.sequence);
  if (taken?.type !== "step" || taken.kept === undefined) {
    throw refused(
      `the values of step ${step} of the study ${name} are not kept any more`,
      `Go on from one that is kept: ${keptSteps(logged)}.`,
    );
  }
  // Those of its own choice and warnings come with it, when it is evaluated again.
  const end = logged.findLastIndex(({ event }, i) => i < place && event.type === "step") + 1;
  const lasting = logged.slice(0, Math.max(end, 0)).filter(({ event }) => LASTING.includes(event.type));
  // Where the step itself is the best it will be so again, and nothing is asked of the one before.
  const best = lasting.findLast(({ event }) => event.type === "step" && event.best);
  const bestWhole = best && (await store.event(of, best.sequence));
  if (!taken.best && bestWhole?.type === "step" && bestWhole.kept === undefined) {
    throw refused(
      `the values of step ${bestWhole.step} of the study ${name}, the best one before step ${step}, are not kept any more`,
      "Go on from a later step, such as the last, or from one up to that.",
    );
  }
  // The state that the fork goes on with has the best step's point, and the last step.
  const last = lasting.findLast(({ event }) => event.type === "step");
  const lastWhole = last && (await store.event(of, last.sequence));
  const before = lasting.map(
    (each) => (each === best ? bestWhole : each === last ? lastWhole : undefined) ?? each.event,
  );
  const sequences = new Map(lasting.map(({ event, sequence }) => [event, sequence]));
  return {
    of,
    step,
    info,
    identity,
    at: taken.kept,
    before,
    async whole(event) {
      const sequence = event.type === "step" ? sequences.get(event) : undefined;
      return sequence === undefined ? event : ((await store.event(of, sequence)) ?? event);
    },
  };
}
