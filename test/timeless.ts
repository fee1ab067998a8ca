import type { TuneResult } from "../src/study/events.ts";

/** A result but for how long it took. */
export const timeless = (result: TuneResult): TuneResult => ({
  ...result,
  seconds: 0,
  steps: result.steps.map((step) => ({ ...step, seconds: 0 })),
});

/** The same in plain lists, without the inner curves that only kept studies have: undisturbed and resumed studies compare by it. */
export const comparable = (result: TuneResult): unknown =>
  JSON.parse(
    JSON.stringify(
      { ...result, values: Object.entries(result.values).map(([k, { data }]) => [k, [...data]]) },
      (key, value: unknown) => (key === "seconds" ? 0 : key === "inner" ? undefined : value),
    ),
  );
