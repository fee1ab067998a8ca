import { expect, test } from "vitest";
import { createProgram } from "./program.ts";

test.each(createProgram(() => undefined).commands.map((command) => [command.name(), command] as const))(
  "the help of %s tells each default once",
  (_, command) => {
    // Commander breaks lines anywhere between words.
    const text = command.helpInformation().replaceAll(/\s+/g, " ");
    expect(text).not.toMatch(/\(default: [^)]*\) \(default/);
  },
);
