// npm run reference: writes docs/reference.md anew from the source.
import { writeFileSync } from "node:fs";
import { REFERENCE, referencePage } from "./reference-page.ts";

writeFileSync(REFERENCE, await referencePage());
