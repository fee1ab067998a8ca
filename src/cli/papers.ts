import { createJiti } from "jiti";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve, sep } from "node:path";
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

/** This library's own files: src in a clone, dist in the package. */
const LIBRARY = fileURLToPath(new URL("..", import.meta.url));

const isCode = (path: string): boolean => /\.(ts|js)$/.test(path) && !/\.(test|d)\.ts$/.test(path);

/**
 * Of all code that a reproduction may run: parts of an interrupted run are good for this code only. Reproductions import each
 * other's files, so it is every one's; the claims are made of finished runs.
 */
export function fingerprint(papers: string = FOLDER, library: string = LIBRARY): string {
  const hash = createHash("sha256");
  for (const folder of [papers, library]) {
    const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(isCode).sort();
    for (const path of paths.filter((one) => folder === library || !one.startsWith(`claims${sep}`))) {
      const bytes = readFileSync(join(folder, path));
      // Lengths, so that nothing can move from one file into the next unseen.
      hash.update(`${path}\n${bytes.length}\n`).update(bytes);
    }
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
