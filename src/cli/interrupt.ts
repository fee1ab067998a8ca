export interface Interrupt {
  readonly signal: AbortSignal;
  /** The exit code that says which signal came. */
  code(): number;
  dispose(): void;
}

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;
type Signal = keyof typeof EXIT_CODES;

/** npm and other launchers pass a Ctrl-C on that reached this process already: what follows so soon is the same one. */
const SAME_PRESS_MS = 500;

/**
 * Lets what waits be heard, a signal among it: pictures are drawn and files written on this thread, and a second Ctrl-C that
 * came meanwhile ends the process here.
 */
export const heedSignals = (): Promise<void> =>
  new Promise((resolve) => {
    // One turn for the poll that finds the signal, one for its handler.
    setImmediate(() => setImmediate(resolve));
  });

/** The first Ctrl-C (or request to terminate) asks the run to stop; the second ends the process at once. */
export function interrupt(onFirst: () => void): Interrupt {
  const controller = new AbortController();
  let code: number = EXIT_CODES.SIGINT;
  let since = 0;
  const heed = (name: Signal): void => {
    if (controller.signal.aborted) {
      if (performance.now() - since > SAME_PRESS_MS) process.exit(EXIT_CODES[name]);
      return;
    }
    code = EXIT_CODES[name];
    since = performance.now();
    controller.abort();
    onFirst();
  };
  const names = Object.keys(EXIT_CODES) as Signal[];
  for (const name of names) process.on(name, heed);
  return {
    signal: controller.signal,
    code: () => code,
    dispose: () => names.forEach((name) => process.off(name, heed)),
  };
}
