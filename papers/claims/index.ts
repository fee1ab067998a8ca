import type { Paper } from "./claim.ts";
import { FU } from "./fu.ts";
import { MACLAURIN } from "./maclaurin.ts";
import { OTHERS } from "./others.ts";
import { OWN } from "./own.ts";

/** What papers claim, and drmad itself, and how figures decide it. */
export const PAPERS: readonly Paper[] = [MACLAURIN, FU, ...OTHERS, OWN];
