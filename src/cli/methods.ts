import * as v from "valibot";
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
import { listed } from "./format.ts";

interface Spelling {
  /** As help shows it: N stands for a whole number above 0. */
  readonly shown: string;
  make(n: number): Method;
}

const SPELLINGS: readonly Spelling[] = [
  { shown: "reverse", make: () => reverse() },
  { shown: "reverse:float16", make: () => reverse({ storage: "float16" }) },
  { shown: "reverse:int8", make: () => reverse({ storage: "int8" }) },
  { shown: "checkpointed:N", make: (n) => checkpointed({ checkpoints: n }) },
  { shown: "checkpointed:NMB", make: (n) => checkpointed({ megabytes: n }) },
  { shown: "reversible", make: () => reversible() },
  { shown: "drmad", make: () => drmad() },
  { shown: "drmad:T/10", make: () => drmad({ samples: "T/10" }) },
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

/** A method by the name that the command line knows it by. */
export const methodRule: { readonly schema: v.GenericSchema<string, Method>; readonly allowed: string } = {
  schema: v.pipe(
    v.string(),
    v.check((text) => methodOf(text) !== undefined),
    v.transform((text) => methodOf(text)!),
  ),
  allowed: listed(
    SPELLINGS.map(({ shown }) => shown),
    "or",
  ),
};
