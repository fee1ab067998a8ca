import { changesText } from "../study/fork-text.ts";
import type { LoggedEvent } from "../store/store.ts";
import type { Log } from "./api.ts";
import { toJson } from "./json.ts";

/** The log in words, and each event as JSON, without arrays. */
export const logOf = (events: readonly LoggedEvent[]): Log => ({
  events: events.map(({ sequence, at, event }) => ({
    sequence,
    at: at.toISOString(),
    text: textOf(event),
    json: toJson(event),
  })),
});

const time = (seconds: number): string => String(Number(seconds < 10 ? seconds.toPrecision(2) : seconds.toFixed(0)));
const figure = (value: number): string =>
  Number.isFinite(value) ? String(Number(value.toPrecision(4))) : String(value);

function textOf(event: LoggedEvent["event"]): string {
  switch (event.type) {
    case "start":
      return `began with ${event.method} and ${event.optimizer}, ${event.outerSteps} outer steps, on ${event.engine}`;
    case "resume":
      return `goes on at step ${event.at}, on ${event.engine}`;
    case "fork":
      return [`forked from step ${event.step} of ${event.of}`, ...changesText(event.changes)].join("; ");
    case "step": {
      const best = event.best ? ", the best so far" : "";
      return `step ${event.step}: validation loss ${figure(event.valid.loss)}${best}, ${time(event.seconds)} s`;
    }
    case "chosen":
      return `from step ${event.outerStep} with ${event.name}: ${event.why}`;
    case "fidelity":
      return `step ${event.step}: the hypergradient was compared with the exact one`;
    case "warning":
      return `warning: ${event.message}`;
    case "stop":
      return `${event.pause ? "paused" : "stopped"} (${event.reason})${event.detail === undefined ? "" : `: ${event.detail}`}`;
    case "result":
      return `ended (${event.stop}): step ${event.best} is the best`;
    default:
      // What a later drmad writes.
      return (event satisfies never, String((event as { readonly type?: unknown }).type));
  }
}
