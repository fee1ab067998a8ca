import { Argument, type Command } from "commander";
import { upgrade, type Upgraded } from "../store/open.ts";
import { DEFAULT_STORE } from "./default-store.ts";
import { writeJson } from "./json.ts";
import { withOutput, type OutputFlags } from "./options.ts";
import { storeOption, type StoreFlags } from "./store-options.ts";

const EXAMPLES = `
upgrade brings a store of an older drmad to this one's schema, in one transaction: all of it or nothing. Older drmads do not read
it any more; copy it first if one shall. Nobody may be at work on a study of it.

Examples:
  drmad storage upgrade
  drmad storage upgrade --store ~/studies.db
  drmad storage upgrade --store postgres://USER@HOST/DATABASE --json
`;

/** `drmad storage`: what is done to a store as a whole. */
export function addStorage(program: Command, finish: (exit: number) => void): void {
  withOutput(
    program
      .command("storage")
      .description("bring a store of an older drmad up to date")
      .addArgument(new Argument("<what>", "to do with the store").choices(["upgrade"]))
      .addOption(storeOption()),
  )
    .addHelpText("after", EXAMPLES)
    .action(async (_what: "upgrade", { store = DEFAULT_STORE, json }: StoreFlags & OutputFlags) => {
      const upgraded = await upgrade(store);
      if (json === true) writeJson({ type: "result", ...upgraded });
      else process.stdout.write(`${textOf(upgraded)}\n`);
      finish(0);
    });
}

const textOf = ({ place, from, to, studies }: Upgraded): string =>
  from === to
    ? `${place} has schema ${to}, the latest: there was nothing to do.`
    : `${place} was brought from schema ${from} to ${to}, with all that it holds; its number of studies is ${studies}.`;
