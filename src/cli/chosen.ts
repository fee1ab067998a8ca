import type { Chosen } from "../hypergradient/method.ts";
import { short } from "./format.ts";

/** What a method that chooses another has chosen, as a sentence. */
export const chosenText = ({ name, exact, megabytes, timeFactor, why }: Chosen): string =>
  `auto chose ${name}, which is ${exact ? "exact" : "approximate"}, keeps ${short(megabytes)} MB ` +
  `and takes about ${timeFactor.toFixed(1)} times plain training: ${why}.`;
