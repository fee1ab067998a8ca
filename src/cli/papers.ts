import { createJiti } from "jiti";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import * as drmad from "../index.ts";
import { dataFolder, type DataSet } from "./data-folder.ts";
import type { Catalogue, Recorded } from "./reproduction.ts";

/** Beside src in a clone, beside dist in the package. */
const FOLDER = resolve(dirname(fileURLToPath(import.meta.url)), "../../papers");

const INDEX = join(FOLDER, "index.ts");

/** Its files are TypeScript, and import drmad as a user's do. */
export async function catalogue(): Promise<Catalogue> {
  const jiti = createJiti(import.meta.url, { interopDefault: false, virtualModules: { drmad } });
  return ((await jiti.import(INDEX)) as { readonly default: Catalogue }).default;
}

/** Of the files that a reproduction is written in, shared ones included: parts of an interrupted run are good for these only. */
export function fingerprint(id: string): string {
  const hash = createHash("sha256");
  for (const folder of [FOLDER, join(FOLDER, dirname(id)), join(FOLDER, id)]) {
    const names = readdirSync(folder).filter((file) => file.endsWith(".ts") && join(folder, file) !== INDEX);
    for (const name of names.sort()) hash.update(name).update(readFileSync(join(folder, name)));
  }
  return hash.digest("hex");
}

/** The full run that was kept beside the reproduction; undefined where none was made. */
export function recordedAt(id: string): Recorded | undefined {
  const path = join(FOLDER, id, "results.json");
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Recorded) : undefined;
}

/**
 * Where the data sets lie that a reproduction needs.
 * @throws DrmadError file-not-found where the user has not said, or there is nothing
 */
export const dataFolders = (given: string | undefined, needed: readonly DataSet[]): Partial<Record<DataSet, string>> =>
  Object.fromEntries(needed.map((name) => [name, dataFolder("this reproduction", name, given)]));
