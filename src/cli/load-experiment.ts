import { createJiti } from "jiti";
import { basename, extname, resolve } from "node:path";
import { DrmadError } from "../errors.ts";
import { builtIns } from "../experiments/index.ts";
import * as drmad from "../index.ts";
import { isExperiment, makeExperiment } from "../problem/experiment.ts";
import type { DefinedExperiment } from "../study/define.ts";
import { dataFolder } from "./data-folder.ts";
import { fileKind } from "./file-kind.ts";
import { listed } from "./format.ts";
import { described, originOf } from "./origin.ts";

const EXTENSIONS = [".ts", ".mts", ".cts", ".js", ".mjs", ".cjs"];

/**
 * An experiment by the name of a built-in one, or by the path of a file that exports it as default.
 * @param folder where a built-in experiment finds its files, instead of `DRMAD_DATA`
 * @throws DrmadError where there is none, with the file's line where that helps
 */
export async function loadExperiment(name: string, folder: string | undefined): Promise<DefinedExperiment> {
  const found = Object.hasOwn(builtIns, name) ? builtIns[name] : undefined;
  if (found !== undefined && "from" in found) return found.from(dataFolder(name, found.data, folder));
  if (folder !== undefined) {
    throw new DrmadError("invalid-argument", `${name} does not read files from --data`, {
      hint: `Leave --data out; only ${listed(needingFiles())} needs it.`,
    });
  }
  return found === undefined ? loadFile(name) : found.experiment;
}

const needingFiles = (): string[] => Object.keys(builtIns).filter((name) => "from" in builtIns[name]!);

async function loadFile(name: string): Promise<DefinedExperiment> {
  const path = checkedPath(name);
  const loaded = await importFile(path, name);
  const value = typeof loaded === "object" && loaded !== null && "default" in loaded ? loaded.default : undefined;
  if (!isExperiment(value)) {
    const what =
      value === undefined ? "has no default export" : `exports ${kindOf(value)} as default, not an experiment`;
    throw new DrmadError("invalid-experiment", `${name} ${what}`, {
      hint: 'Write export default defineExperiment({ … }), with defineExperiment from "drmad".',
    });
  }
  const { spec, options } = value as DefinedExperiment;
  return makeExperiment({ ...spec, name: spec.name ?? basename(name, extname(name)) }, options);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (value instanceof Promise) return "a promise";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** Whether a name was meant as a path: a mistyped built-in name should not be looked up as a file. */
const looksLikePath = (name: string): boolean => /[\\/]/.test(name) || EXTENSIONS.includes(extname(name));

function checkedPath(name: string): string {
  const path = resolve(name);
  const kind = fileKind(path);
  if (kind === undefined && !looksLikePath(name)) {
    throw new DrmadError("invalid-argument", `there is no experiment ${JSON.stringify(name)}`, {
      hint: `Built in are ${listed(Object.keys(builtIns))}; one of your own is given by the path of its file, such as ./${name}.ts.`,
    });
  }
  if (kind !== "file") {
    const what =
      kind === undefined ? `there is no file ${JSON.stringify(name)}` : `${JSON.stringify(name)} is not a file`;
    throw new DrmadError("file-not-found", what, {
      hint: `Give the path of a .ts or .js file that exports an experiment as default, or a built-in name (${listed(Object.keys(builtIns), "or")}).`,
    });
  }
  if (!EXTENSIONS.includes(extname(path))) {
    throw new DrmadError("invalid-argument", `${name} is neither TypeScript nor JavaScript`, {
      hint: `An experiment is a file that ends in ${listed(EXTENSIONS, "or")}.`,
    });
  }
  return path;
}

/** The file's own import of "drmad" gets the modules that run here, wherever the file lies and whatever is installed there. */
async function importFile(path: string, name: string): Promise<unknown> {
  const jiti = createJiti(path, { interopDefault: false, virtualModules: { drmad } });
  try {
    return await jiti.import(path);
  } catch (error) {
    throw error instanceof DrmadError ? error : importError(error, path, name);
  }
}

function importError(cause: unknown, path: string, name: string): DrmadError {
  const message = cause instanceof Error ? cause.message.trim() : String(cause);
  // "ParseError: Unexpected token\n FILE:3:10"
  const [first = "", ...rest] = message.split("\n");
  if (first.startsWith("ParseError:") || cause instanceof SyntaxError) {
    const place = rest.map((line) => line.trim()).find((line) => /:\d+:\d+$/.test(line)) ?? path;
    const what = first.replace("ParseError:", "").trim();
    return new DrmadError("malformed-file", `${place} is not valid TypeScript or JavaScript: ${what}`, {
      hint: "Correct the file.",
      cause,
    });
  }
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (code.endsWith("MODULE_NOT_FOUND")) {
    return new DrmadError("file-not-found", `${name} imports what cannot be found: ${first}`, {
      hint: "Install that package beside the file, or correct the path.",
      cause,
    });
  }
  return new DrmadError("invalid-experiment", `${name} threw ${described(cause)} (${originOf(cause).place ?? path})`, {
    hint: "Correct it there; --trace shows the whole stack.",
    cause,
  });
}
