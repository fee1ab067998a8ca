import { useEffect, useRef, useState } from "preact/hooks";
import type { Fault } from "../../src/server/api.ts";
import { live } from "./live.ts";
import { getJson, Refusal } from "./server.ts";
import { useValue } from "./value.ts";

/** What was asked, as far as it is known: the last answer stays while a newer one is under way. */
export interface Answer<T> {
  readonly data: T | null;
  readonly fault: Fault | null;
}

/** Between two questions for the same thing, so that a study of quick steps does not keep the page asking. */
const LEAST_MS = 400;

/** Asks now, or soon after the last time; while an answer is under way, once more when it is there. */
function asker(ask: () => Promise<void>): { again(): void; stop(): void } {
  let last = -Infinity;
  let waiting: ReturnType<typeof setTimeout> | undefined;
  let busy = false;
  let missed = false;
  const again = (): void => {
    missed = true;
    if (busy || waiting !== undefined) return;
    waiting = setTimeout(run, Math.max(0, last + LEAST_MS - Date.now()));
  };
  const run = async (): Promise<void> => {
    [waiting, busy, missed, last] = [undefined, true, false, Date.now()];
    await ask();
    busy = false;
    if (missed) again();
  };
  return { again, stop: () => clearTimeout(waiting) };
}

/** Asks for `url`, and again whenever `version` is another; nothing where there is no `url`. */
export function useAnswer<T>(
  url: string | null,
  version: string | number,
  get: (url: string, signal: AbortSignal) => Promise<T> = getJson,
): Answer<T> {
  const [answer, setAnswer] = useState<Answer<T> & { readonly url: string | null }>({ url, data: null, fault: null });
  const current = useRef<{ again(): void } | null>(null);
  const back = useValue(live, ({ connection }) => connection !== "away");
  useEffect(() => {
    if (url === null) return undefined;
    const abort = new AbortController();
    const { again, stop } = asker(async () => {
      try {
        const data = await get(url, abort.signal);
        if (!abort.signal.aborted) setAnswer({ url, data, fault: null });
      } catch (error) {
        if (abort.signal.aborted) return;
        const fault =
          error instanceof Refusal
            ? error.fault
            : { code: "page-fault", message: error instanceof Error ? error.message : String(error) };
        setAnswer((before) => ({ url, data: before.url === url ? before.data : null, fault }));
      }
    });
    current.current = { again };
    return () => {
      stop();
      abort.abort();
    };
  }, [url]);
  useEffect(() => current.current?.again(), [url, version, back]);
  return answer.url === url ? answer : { data: null, fault: null };
}

/** The same for what may be shown late: while the next answer is under way, the last one of any address stays. */
export function useLateAnswer<T>(
  url: string | null,
  version: string | number,
  get?: (url: string, signal: AbortSignal) => Promise<T>,
): Answer<T> & { readonly late: boolean } {
  const answer = useAnswer(url, version, get);
  const kept = useRef<T | null>(null);
  if (answer.data !== null) kept.current = answer.data;
  if (url === null) kept.current = null;
  return { data: answer.fault === null ? kept.current : null, fault: answer.fault, late: answer.data === null };
}

/** A text that changes whenever anything of the study did. */
export const useVersion = (study: string): string => useValue(live, ({ studies }) => studies.get(study) ?? "");
