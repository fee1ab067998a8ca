import { ours, yardstick, type Contestant, type Outcome, type Timing } from "./contestants.ts";
import { figure, ratios, type Figure } from "./figures.ts";
import { METHODS, TABLE_STEPS } from "./problem.ts";

/** Sides of a comparison that differ by more than this fraction did not train the same run. */
const AGREEMENT = 1e-4;

const BOUNDS = { numpy: 1.25, torch: 0.5 } as const;

/** What one thread count gave. */
export interface Times {
  readonly threads: number;
  readonly versions: readonly string[];
  readonly figures: readonly Figure[];
  readonly agreement: readonly string[];
}

const relative = (a: Float32Array, b: Float32Array): number => {
  let difference = 0;
  let size = 0;
  b.forEach((v, i) => {
    difference += (a[i]! - v) ** 2;
    size += v * v;
  });
  return a.length === b.length ? Math.sqrt(difference / size) : NaN;
};

function agreement(name: string, mine: Outcome, other: Outcome): string {
  const weights = relative(other.weights, mine.weights);
  const loss = Math.abs(other.loss / mine.loss - 1);
  const agrees = weights <= AGREEMENT && loss <= AGREEMENT;
  return (
    `${name} and ours after ${TABLE_STEPS} steps: weights differ by ${weights.toExponential(1)}, ` +
    `validation loss by ${loss.toExponential(1)} of its size (${mine.loss.toFixed(6)})  ${agrees ? "ok" : "MISSED"}`
  );
}

/** Speed at large products as a contestant reports it, in GFLOP/s. */
const productSpeed = (versions: string): number => Number(/(\d+) GFLOP\/s/.exec(versions)?.[1] ?? NaN);

/**
 * Every job of every contestant in turn, round after round, each in a process that lives on. The first round warms up and
 * does not count.
 */
export async function measureTimes(threads: number, rounds: number, say: (line: string) => void): Promise<Times> {
  const mine = await ours(threads, TABLE_STEPS);
  const numpy = await yardstick("numpy", threads, TABLE_STEPS);
  const torch = await yardstick("torch", threads, TABLE_STEPS);
  const jobs: readonly { readonly key: string; readonly by: Contestant; readonly job: string }[] = [
    { key: "plain", by: mine, job: "plain" },
    ...(numpy === undefined ? [] : [{ key: "numpy", by: numpy, job: "plain" }]),
    ...(torch === undefined ? [] : [{ key: "torch", by: torch, job: "plain" }]),
    ...Object.keys(METHODS).map((key) => ({ key, by: mine, job: key })),
  ];
  const taken = new Map<string, Timing[]>(jobs.map(({ key }) => [key, []]));
  try {
    for (let round = 0; round <= rounds; round++) {
      say(`time on ${threads} thread(s), ${round === 0 ? "warming up" : `round ${round} of ${rounds}`}`);
      for (const { key, by, job } of jobs) {
        const timing = await by.time(job);
        if (round > 0) taken.get(key)!.push(timing);
      }
    }
    const outcome = await mine.result();
    return {
      threads,
      versions: [mine, numpy, torch].flatMap((c) => (c === undefined ? [] : [c.versions])),
      agreement: [
        numpy === undefined ? "NumPy: not installed" : agreement("NumPy", outcome, await numpy.result()),
        torch === undefined ? "PyTorch: not installed" : agreement("PyTorch", outcome, await torch.result()),
      ],
      figures: timeFigures(threads, taken, numpy?.versions, torch?.versions),
    };
  } finally {
    for (const one of [mine, numpy, torch]) one?.stop();
  }
}

function timeFigures(
  threads: number,
  taken: ReadonlyMap<string, readonly Timing[]>,
  numpy: string | undefined,
  torch: string | undefined,
): readonly Figure[] {
  const of = (key: string, what: keyof Timing): readonly number[] => taken.get(key)!.map((timing) => timing[what]);
  const perStep = (key: string, what: keyof Timing): number[] => of(key, what).map((s) => (1000 * s) / TABLE_STEPS);
  const steps = (name: string, key: string): Figure[] => [
    figure(`${name}, plain training`, "ms/step", perStep(key, "seconds")),
    figure(`${name}, plain training, CPU`, "ms/step", perStep(key, "cpu")),
  ];
  const against = (
    name: string,
    above: string,
    below: string,
    extra: { bound?: number; caveat?: string },
  ): Figure[] => [
    figure(name, "", ratios(of(above, "seconds"), of(below, "seconds")), extra),
    figure(`${name}, CPU`, "", ratios(of(above, "cpu"), of(below, "cpu"))),
  ];
  // Distributions ship PyTorch with whatever BLAS the system has, and the plainest is twenty times too slow.
  const slow = torch !== undefined && numpy !== undefined && productSpeed(torch) < productSpeed(numpy) / 3;
  const bound = (value: number): { bound?: number } => (threads === 1 ? { bound: value } : {});
  const caveat = slow ? { caveat: "PyTorch has a slow BLAS here, so this says nothing" } : {};
  return [
    ...steps("ours", "plain"),
    ...(numpy === undefined
      ? []
      : [...steps("NumPy", "numpy"), ...against("ours / NumPy", "plain", "numpy", bound(BOUNDS.numpy))]),
    ...(torch === undefined
      ? []
      : [
          ...steps("PyTorch eager", "torch"),
          ...against("ours / PyTorch eager", "plain", "torch", { ...bound(BOUNDS.torch), ...caveat }),
        ]),
    ...Object.entries(METHODS).flatMap(([key, { shown, time }]) =>
      against(`${shown} / plain`, key, "plain", time === undefined ? {} : bound(time)),
    ),
  ];
}
