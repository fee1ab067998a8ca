import type { StreamEvent } from "./api.ts";
import type { Watch } from "./watch.ts";

/**
 * Server-sent events of what a watch tells. A reader that is slow gets the newest only; one that takes nothing between two
 * heartbeats, though there was something to take, is let go.
 */
export function eventStream(watch: Watch, heartbeatMs: number): Response {
  const encoder = new TextEncoder();
  let newest: StreamEvent | undefined;
  let end: (() => void) | undefined;
  const flush = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    if (newest === undefined || (controller.desiredSize ?? 0) <= 0) return;
    const text = `data: ${JSON.stringify(newest)}\n\n`;
    // First, for a reader that waits pulls while it is enqueued.
    newest = undefined;
    controller.enqueue(encoder.encode(text));
  };
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      let stuck = false;
      const beat = setInterval(() => {
        const full = (controller.desiredSize ?? 0) <= 0;
        if (full && stuck) {
          end?.();
          controller.close();
        } else if (!full) controller.enqueue(encoder.encode(": alive\n\n"));
        stuck = full;
      }, heartbeatMs);
      const leave = watch.listen((event) => {
        newest = event;
        flush(controller);
      });
      end = () => {
        clearInterval(beat);
        leave();
      };
    },
    pull: flush,
    cancel: () => end?.(),
  });
  return new Response(body, { headers: STREAM_HEADERS });
}

export const STREAM_HEADERS = { "content-type": "text/event-stream", "x-accel-buffering": "no" } as const;
