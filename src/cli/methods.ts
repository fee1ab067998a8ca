import * as v from "valibot";
import { auto } from "../hypergradient/auto.ts";
import { checkpointed } from "../hypergradient/checkpointed.ts";
import { drmad } from "../hypergradient/drmad.ts";
import { evograd } from "../hypergradient/evograd.ts";
import { finiteDifference } from "../hypergradient/finite-difference.ts";
import { forward } from "../hypergradient/forward.ts";
import { implicit } from "../hypergradient/implicit.ts";
import type { Method } from "../hypergradient/method.ts";
import { persistentEvolution } from "../hypergradient/persistent-evolution.ts";
import { oneStep } from "../hypergradient/one-step.ts";
import { reverse } from "../hypergradient/reverse.ts";
import { reversible } from "../hypergradient/reversible.ts";
import { SOLVERS } from "../hypergradient/solve.ts";
import { truncated } from "../hypergradient/truncated.ts";
import { nearest } from "../errors.ts";
import { listed } from "./format.ts";
import type { Rule } from "./rule.ts";

interface Spelling {
  /** As help shows it: N stands for a whole number above 0. */
  readonly shown: string;
  make(n: number): Method;
}

/** Of the memory that this process may still take, what `auto` keeps to where it is not told. */
const SHARE = 0.5;
const autoMegabytes = (): number => Math.max(1, Math.floor((SHARE * process.availableMemory()) / 1e6));

const SPELLINGS: readonly Spelling[] = [
  { shown: "reverse", make: () => reverse() },
  { shown: "reverse:float16", make: () => reverse({ storage: "float16" }) },
  { shown: "reverse:int8", make: () => reverse({ storage: "int8" }) },
  { shown: "checkpointed:N", make: (n) => checkpointed({ checkpoints: n }) },
  { shown: "checkpointed:NMB", make: (n) => checkpointed({ megabytes: n }) },
  { shown: "reversible", make: () => reversible() },
  { shown: "auto", make: () => auto({ megabytes: autoMegabytes() }) },
  { shown: "auto:NMB", make: (n) => auto({ megabytes: n }) },
  { shown: "drmad", make: () => drmad() },
  { shown: "drmad:T/10", make: () => drmad({ samples: "T/10" }) },
  { shown: "drmad:N", make: (n) => drmad({ snapshots: n }) },
  { shown: "drmad:N:int8", make: (n) => drmad({ snapshots: n, storage: "int8" }) },
  { shown: "drmad:N:points", make: (n) => drmad({ snapshots: n, of: "points" }) },
  { shown: "drmad:N:means", make: (n) => drmad({ snapshots: n, of: "means" }) },
  { shown: "drmad:N:arc-length", make: (n) => drmad({ snapshots: n, place: "arc-length" }) },
  { shown: "evograd", make: () => evograd() },
  { shown: "persistentEvolution:N", make: (n) => persistentEvolution({ pairs: n }) },
  { shown: "truncated:N", make: (n) => truncated({ steps: n }) },
  { shown: "oneStep", make: () => oneStep() },
  { shown: "oneStep:N", make: (n) => oneStep({ every: n }) },
  { shown: "forward", make: () => forward() },
  { shown: "forward:N", make: (n) => forward({ chunk: n }) },
  ...SOLVERS.map((solver) => ({ shown: `implicit:${solver}`, make: () => implicit({ solver }) })),
  { shown: "finiteDifference", make: () => finiteDifference() },
];

const pattern = ({ shown }: Spelling): RegExp => new RegExp(`^${shown.replace(":N", ":(?<n>[1-9]\\d{0,8})")}$`);

function methodOf(text: string): Method | undefined {
  for (const spelling of SPELLINGS) {
    const match = pattern(spelling).exec(text);
    if (match !== null) return spelling.make(Number(match.groups?.["n"] ?? 0));
  }
  return undefined;
}

const ALLOWED: string = listed(
  SPELLINGS.map(({ shown }) => shown),
  "or",
);

/** The spelling that was probably meant, with the numbers that were given. */
function meant(text: string): string | undefined {
  if (methodOf(text) !== undefined) return undefined;
  const numbers = text.match(/(?<=:)\d+/g) ?? [];
  const shown = nearest(
    text.replace(/(?<=:)\d+/g, "N"),
    SPELLINGS.map((spelling) => spelling.shown),
  );
  const spelling = shown?.replace(":N", () => `:${numbers[0] ?? "N"}`);
  return spelling === text ? undefined : spelling;
}

/** A method by the name that the command line knows it by. */
export const methodRule: Rule<Method> = {
  schema: v.pipe(
    v.string(),
    v.check((text) => methodOf(text) !== undefined),
    v.transform((text) => methodOf(text)!),
  ),
  allowed: ALLOWED,
  choices: SPELLINGS.map(({ shown }) => shown).filter((shown) => !shown.includes(":N")),
  meant,
};

/** A method with the words that name it. */
export interface Spelt {
  readonly spelling: string;
  readonly method: Method;
}

/**
 * @param text one that the table has
 * @returns spelt so that every process makes the same of it: `auto` with the megabytes that there are now
 */
export function spelt(text: string): Spelt {
  const spelling = text === "auto" ? `auto:${autoMegabytes()}MB` : text;
  return { spelling, method: methodOf(spelling)! };
}

const namesIn = (text: string): string[] => text.split(",").map((name) => name.trim());

/** Several methods, with commas between them; one named twice is one. */
export const methodsRule: Rule<readonly Spelt[]> = {
  schema: v.pipe(
    v.string(),
    v.check((text) => namesIn(text).every((name) => methodOf(name) !== undefined)),
    v.transform((text) => [...new Set(namesIn(text))].map(spelt)),
  ),
  allowed: `some of these with commas between them: ${ALLOWED}`,
  meant: (text) =>
    namesIn(text)
      .map(meant)
      .find((name) => name !== undefined),
};
