import type { Chosen } from "../hypergradient/method.ts";
import { short } from "./format.ts";

/** What a method that chooses another has chosen, as a sentence; with the outer step where it is another choice than before. */
export const chosenText = ({ name, exact, megabytes, timeFactor, why }: Chosen, outerStep = 0): string =>
  `${outerStep === 0 ? "" : `from outer step ${outerStep} on `}auto chose ${name}, which is ${exact ? "exact" : "approximate"}, keeps ${short(megabytes)} MB ` +
  `and takes about ${timeFactor.toFixed(1)} times plain training: ${why}.`;
