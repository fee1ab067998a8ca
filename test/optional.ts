import { beforeEach, test, type TestContext } from "vitest";

/** Leaves the running test out and says why, for `npm test` to list; under CI, where everything must run, it fails. */
export function leaveOut(context: TestContext, missing: string): never {
  if (process.env["CI"]) throw new Error(`left out under CI: ${missing}`);
  return context.skip(missing);
}

/** A test that needs something this machine may lack. `missing` says what, or is undefined when all is there. */
export function optionalTest(name: string, missing: string | undefined, body: () => void | Promise<void>): void {
  test(name, { timeout: 60_000 }, async (context) => (missing === undefined ? body() : leaveOut(context, missing)));
}

/** The same for all tests of a suite, or of a file; `missing` is asked before each of them, after `beforeAll`. */
export function needs(missing: () => string | undefined): void {
  beforeEach((context) => {
    const what = missing();
    if (what !== undefined) leaveOut(context, what);
  });
}
