import type { Store } from "../store/store.ts";
import type { StreamEvent } from "./api.ts";

/** Whoever listens is told what there is at once, and again whenever any of it changes. */
export interface Watch {
  /** @returns what ends it */
  listen(listener: (event: StreamEvent) => void): () => void;
  listeners(): number;
}

/** A study becomes stale without a commit; so it is looked for, this often. */
const LOOK_AGAIN_MS = 2000;

/** Looks at a store's revision every so many milliseconds, once for all listeners, and not at all where there are none. */
export function watchStore(store: Store, everyMs: number): Watch {
  const listeners = new Set<(event: StreamEvent) => void>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let latest: { readonly text: string; readonly event: StreamEvent } | undefined;

  async function look(revision: { value: string; at: number }): Promise<void> {
    const now = performance.now();
    const value = await store.revision();
    if (value === revision.value && now - revision.at < LOOK_AGAIN_MS) return;
    Object.assign(revision, { value, at: now });
    const studies = await store.list();
    // A sign of life alone is no news.
    const text = JSON.stringify(studies.map((study) => ({ ...study, updated: null, source: null })));
    if (text === latest?.text) return;
    const event = { studies: studies.map(({ name, state, events }) => ({ name, state, events })) };
    latest = { text, event };
    for (const listener of listeners) listener(event);
  }

  function poll(revision: { value: string; at: number }, delay: number): void {
    const again = (): void => {
      // While it looked, the last listener may have gone, and others come, who have a poll of their own.
      if (timer !== mine) return;
      poll(revision, everyMs);
    };
    // A store that cannot be read just now may be later; what asks for its studies is told.
    const mine = setTimeout(() => void look(revision).then(again, again), delay);
    timer = mine;
  }

  return {
    listen(listener) {
      // Each has a place of its own, even if the same function listens twice.
      const one = (event: StreamEvent): void => listener(event);
      listeners.add(one);
      if (latest !== undefined) one(latest.event);
      if (timer === undefined) poll({ value: "", at: -Infinity }, 0);
      return () => {
        listeners.delete(one);
        if (listeners.size > 0) return;
        clearTimeout(timer);
        timer = undefined;
        latest = undefined;
      };
    },
    listeners: () => listeners.size,
  };
}
