import type { Command } from "commander";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { createApp } from "../server/app.ts";
import { readAssets, type Assets } from "../server/assets.ts";
import { newToken } from "../server/guard.ts";
import { isLoopback, listen } from "../server/socket.ts";
import { open } from "../store/open.ts";
import { isPostgres, withoutPassword } from "../store/postgres.ts";
import { shellWord } from "./format.ts";
import { interrupt } from "./interrupt.ts";
import { writeJson } from "./json.ts";
import { lateStore } from "./late-store.ts";
import { checked, wholeNumber, withOutput, type OutputFlags } from "./options.ts";
import { DEFAULT_STORE } from "./default-store.ts";
import { storeOption, type StoreFlags } from "./store-options.ts";
import { fill, terminalOf } from "./terminal.ts";
import { VERSION } from "./version.ts";

interface Flags extends StoreFlags, OutputFlags {
  readonly host?: string;
  readonly port?: number;
}

const PORT = 4747;

const EXAMPLES = `
Examples:
  drmad dashboard                         prints an address to open, and serves it until Ctrl-C
  drmad dashboard --store ~/studies.db --port 8080
  drmad dashboard --host 192.168.1.20     for other machines too: whoever has the address can stop studies
`;

export function addDashboard(program: Command, finish: (exit: number) => void): void {
  const host = { schema: v.pipe(v.string(), v.regex(/^[\w.:-]+$/)), allowed: "an address or a name of this machine" };
  withOutput(
    program
      .command("dashboard")
      .description("show the studies of a store in a browser, while they run")
      .addOption(storeOption())
      .addOption(checked("--host <address>", "listen there instead, for other machines (default: this one only)", host))
      .addOption(checked("--port <n>", `(default: ${PORT}, or the next that is free)`, wholeNumber(0, 65_535))),
  )
    .addHelpText("after", EXAMPLES)
    .action(async (flags: Flags) => finish(await runDashboard(flags)));
}

async function runDashboard(flags: Flags): Promise<number> {
  const over = new Promise<() => number>((end) => {
    const stop = interrupt(() => end(stop.code));
  });
  const dashboard = await openDashboard(flags);
  const { url, store, warnings, built } = dashboard;
  const columns = terminalOf(process.stderr).columns();
  if (flags.json === true) {
    for (const message of warnings) writeJson({ type: "warning", message });
    writeJson({ type: "dashboard", url, store, built });
  } else {
    process.stdout.write(`Studies of ${store}: ${url}\n`);
    for (const message of warnings) process.stderr.write(`${fill(`warning: ${message}`, columns)}\n`);
    process.stderr.write("Ctrl-C ends the dashboard; studies go on.\n");
  }
  const code = (await over)();
  await dashboard.close();
  if (flags.json === true) writeJson({ type: "result", url, store });
  return code;
}

export interface Dashboard {
  /** With the token. */
  readonly url: string;
  readonly store: string;
  /** Whether there is a page to show. */
  readonly built: boolean;
  readonly warnings: readonly string[];
  close(): Promise<void>;
}

/** Serves a store that is there, or comes to be. @throws DrmadError for one that is damaged, and what `listen` throws */
export async function openDashboard({ store: path = DEFAULT_STORE, host, port }: Flags): Promise<Dashboard> {
  const place = isPostgres(path) ? withoutPassword(path) : resolve(path);
  const store = lateStore(place, () => open(path, { create: false }));
  try {
    // Whatever else is wrong with it is told now.
    await store.list();
    const assets = pageFiles();
    const token = newToken();
    const closed = host !== undefined && !isLoopback(host);
    const { url, close } = await listen({
      ...(host !== undefined && { host }),
      port: port ?? PORT,
      next: port === undefined,
      app: (hosts) => createApp({ store, assets, token, hosts, closed, version: VERSION }),
    });
    return {
      url: `${url}#token=${token}`,
      store: place,
      built: assets !== undefined,
      warnings: [...(closed ? [WIDE] : []), ...(assets === undefined ? [UNBUILT] : [])],
      async close() {
        await close();
        await store.close();
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}

const WIDE =
  "other machines can reach the dashboard; whoever has its address with the token can read, stop and annotate studies, and " +
  "the connection is not encrypted";
const UNBUILT =
  "the dashboard's page is not built, so there is nothing to see yet; in a clone of drmad, run npm run build";

/** Beside the compiled command line, or where a clone builds it. */
function pageFiles(): Assets | undefined {
  const folders = ["../dashboard", "../../dist/dashboard"].map((path) => fileURLToPath(new URL(path, import.meta.url)));
  return folders.map(readAssets).find((assets) => assets !== undefined);
}

/** What shows a store's studies from another terminal. */
export const dashboardLine = (store: string | undefined): string =>
  ["drmad", "dashboard", ...(store === undefined ? [] : ["--store", withoutPassword(store)])].map(shellWord).join(" ");
