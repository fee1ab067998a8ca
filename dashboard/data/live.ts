import type { StreamEvent } from "../../src/server/api.ts";
import { value } from "./value.ts";

export interface Live {
  readonly connection: "connecting" | "live" | "away";
  /** When the server was last heard, in milliseconds. */
  readonly heard: number | null;
  /** State and number of events of each study that was told of: another text means that something changed. */
  readonly studies: ReadonlyMap<string, string>;
  /** Rises with every message. */
  readonly changes: number;
}

/** What the server has said of changes so far. */
export const live = value<Live>({ connection: "connecting", heard: null, studies: new Map(), changes: 0 });

const LONGEST_WAIT_MS = 10_000;

/** Listens for changes, and comes back by itself when the server does. */
export function listen(): void {
  let wait = 500;
  const connect = (): void => {
    const source = new EventSource("/api/stream");
    source.addEventListener("open", () => {
      wait = 500;
      live.set({ ...live.get(), connection: "live", heard: Date.now() });
    });
    source.addEventListener("message", ({ data }: MessageEvent<string>) => {
      const { studies } = JSON.parse(data) as StreamEvent;
      const next = new Map(live.get().studies);
      for (const { name, state, events } of studies) next.set(name, `${state} ${events}`);
      live.set({ connection: "live", heard: Date.now(), studies: next, changes: live.get().changes + 1 });
    });
    source.addEventListener("error", () => {
      // The browser's own attempts stop for good at some answers, so each attempt is ours.
      source.close();
      live.set({ ...live.get(), connection: "away" });
      setTimeout(connect, wait);
      wait = Math.min(2 * wait, LONGEST_WAIT_MS);
    });
  };
  connect();
}
