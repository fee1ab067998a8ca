import type { Fault, StreamEvent } from "../../src/server/api.ts";
import { ask, AWAY, Refusal } from "./server.ts";
import { value } from "./value.ts";

export interface Live {
  readonly connection: "connecting" | "live" | "away";
  /** When the server was last heard, in milliseconds. */
  readonly heard: number | null;
  /** Why it is away. */
  readonly fault: Fault | null;
  /** State and number of events of each study, and how often something else changed: another text means that something did. */
  readonly studies: ReadonlyMap<string, string>;
  /** Rises with every message. */
  readonly changes: number;
}

/** What the server has said of changes so far. */
export const live = value<Live>({ connection: "connecting", heard: null, fault: null, studies: new Map(), changes: 0 });

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8000;

/** Listens for changes for as long as the page is open, and comes back by itself when the server does. */
export async function listen(): Promise<never> {
  let wait = FIRST_WAIT_MS;
  for (;;) {
    try {
      // Not an EventSource: that cannot send the token, which servers bound beyond their machine ask for.
      const { body } = await ask("/api/stream", { headers: { accept: "text/event-stream" } });
      wait = FIRST_WAIT_MS;
      live.set({ ...live.get(), connection: "live", heard: Date.now(), fault: null });
      for await (const message of messages(body!)) take(JSON.parse(message) as StreamEvent);
      away(AWAY);
    } catch (error) {
      away(error instanceof Refusal ? error.fault : AWAY);
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
    wait = Math.min(2 * wait, LONGEST_WAIT_MS);
  }
}

const away = (fault: Fault): void => live.set({ ...live.get(), connection: "away", fault });

let others = 0;

function take({ studies }: StreamEvent): void {
  const { studies: before, changes } = live.get();
  const same = studies.every(({ name, state, events }) => before.get(name)?.startsWith(`${state} ${events} `) === true);
  // Notes, tags or a wish to stop: it is not told whose.
  if (same && studies.length === before.size && changes > 0) others++;
  const next = new Map(studies.map(({ name, state, events }) => [name, `${state} ${events} ${others}`]));
  live.set({ connection: "live", heard: Date.now(), fault: null, studies: next, changes: changes + 1 });
}

/** The data of server-sent events: lines `data: …` up to an empty line. Comments keep the connection alive and say nothing. */
async function* messages(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    text += decoder.decode(part.value, { stream: true });
    const blocks = text.split(/\r?\n\r?\n/);
    text = blocks.pop()!;
    for (const block of blocks) {
      const data = block
        .split(/\r?\n/)
        .flatMap((line) => (line.startsWith("data:") ? [line.slice(5).trimStart()] : []));
      if (data.length > 0) yield data.join("\n");
    }
  }
}
