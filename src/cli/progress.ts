/** A bar of `width` characters, filled to a share between 0 and 1. */
export function progressBar(share: number, width: number, unicode: boolean): string {
  const full = Math.round(Math.min(Math.max(share, 0), 1) * width);
  const [done, open] = unicode ? ["█", "░"] : ["#", "-"];
  return done.repeat(full) + open.repeat(width - full);
}

export interface Throttled {
  (): void;
  cancel(): void;
}

const FRAME_MS = 80;

/** Calls at most every 80 ms, and once more after the last request. */
export function throttled(call: () => void): Throttled {
  let last = -Infinity;
  let timer: NodeJS.Timeout | undefined;
  const run = (): void => {
    clearTimeout(timer);
    timer = undefined;
    last = performance.now();
    call();
  };
  const request = (): void => {
    const wait = last + FRAME_MS - performance.now();
    if (wait <= 0) run();
    else timer ??= setTimeout(run, wait);
  };
  return Object.assign(request, {
    cancel: () => {
      clearTimeout(timer);
      timer = undefined;
    },
  });
}
