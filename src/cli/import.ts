import type { Command } from "commander";
import { withFileBytes } from "../store/file-bytes.ts";
import { writeJson } from "./json.ts";
import { checked, withOutput, type OutputFlags } from "./options.ts";
import { storeOption, studyName, withStore, type StoreFlags } from "./store-options.ts";

interface ImportFlags extends StoreFlags, OutputFlags {
  readonly as?: string;
}

const EXAMPLES = `
Examples:
  drmad import first-try.drmad.zip                what drmad export first-try --format study wrote
  drmad import first-try.drmad.zip --as theirs    beside a study of the same name
`;

export function addImport(program: Command, finish: (exit: number) => void): void {
  const command = program
    .command("import")
    .description("bring a study that was exported whole into a store: all of it, or nothing")
    .argument("<file>", "that drmad export NAME --format study wrote")
    .addOption(checked("--as <name>", "its name here (default: the one that it had)", studyName))
    .addOption(storeOption());
  withOutput(command)
    .addHelpText("after", EXAMPLES)
    .action(async (file: string, flags: ImportFlags) => finish(await run(file, flags)));
}

async function run(file: string, { as, store: place, json }: ImportFlags): Promise<number> {
  // A file that is not there makes no store.
  return withFileBytes(file, (bytes) =>
    withStore({ ...(place !== undefined && { store: place }) }, true, async (store) => {
      const name = await store.importStudy(bytes, { file, ...(as !== undefined && { as }) });
      const { state, steps } = await store.get(name);
      if (json === true) writeJson({ type: "result", study: name, state, steps, store: store.place });
      else process.stdout.write(`Imported ${name} into ${store.place}; drmad show and drmad resume go on with it.\n`);
      return 0;
    }),
  );
}
