import { expect } from "vitest";

/** What a DrmadError of this code looks like to `toThrow`, with a message that matches. */
export const thrown = (code: string, message: RegExp): Error =>
  expect.objectContaining({
    name: "DrmadError",
    code,
    message: expect.stringMatching(message) as string,
  }) as Error;
