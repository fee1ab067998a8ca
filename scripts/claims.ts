// npm run claims: writes docs/claims.md anew from the recorded runs.
import { writeFileSync } from "node:fs";
import { recordedAt } from "../src/cli/papers.ts";
import { claimsPage, PAGE } from "./claims-page.ts";

writeFileSync(PAGE, await claimsPage(recordedAt));
