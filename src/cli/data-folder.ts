import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { DrmadError } from "../errors.ts";
import { listed } from "./format.ts";

/** Data sets that drmad reads from a folder of its user and does not bring, with the files that each is known by. */
export const DATA_FILES = {
  mnist: ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"],
  omniglot: ["images-idx3-ubyte", "labels-idx2-ubyte"],
} as const;

export type DataSet = keyof typeof DATA_FILES;

const holdsAny = (folder: string, files: readonly string[]): boolean =>
  files.some((file) => existsSync(join(folder, file)) || existsSync(join(folder, `${file}.gz`)));

/**
 * The folder of a data set's files: the one that was named (`--data`, else DRMAD_DATA), or a folder in it that is called after
 * the data set, by itself or in `data`. It holds one of the files at least; readers say which of the others are missing.
 * @param what reads it, as errors begin
 * @throws DrmadError file-not-found with every folder that was looked into
 */
export function dataFolder(what: string, name: DataSet, given: string | undefined): string {
  const root = given ?? process.env["DRMAD_DATA"] ?? "";
  const files = DATA_FILES[name];
  const places = root === "" ? [] : [".", name, `data/${name}`].map((place) => resolve(root, place));
  const found = places.find((place) => holdsAny(place, files));
  if (found !== undefined) return found;
  const looked = places.length === 0 ? "" : ` (looked in ${listed(places)})`;
  throw new DrmadError("file-not-found", `${what} reads ${name}, which drmad does not bring${looked}`, {
    hint: `Put ${listed(files)} into a folder (.gz is fine), and name it or a folder above its ${name} or data/${name} with --data FOLDER or DRMAD_DATA.`,
  });
}
