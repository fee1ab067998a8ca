import type { Command } from "commander";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { encodeNpz } from "../data/npz.ts";
import { DrmadError } from "../errors.ts";
import { isPostgres } from "../store/postgres.ts";
import { encodeSafetensors } from "../store/safetensors.ts";
import type { StudySink } from "../store/transfer.ts";
import { writeFilePieces } from "../store/write.ts";
import { folderSource, isRunFolder } from "./export/folder.ts";
import { pythonText, tunedJson, type Framework } from "./export/python.ts";
import { pictureFiles } from "./export/pictures.ts";
import { reportHtml } from "./export/report.ts";
import { stepOf, studySource, type Source, type StepChoice } from "./export/source.ts";
import { jsonText, metadataOf, stepsCsv, valuesCsv } from "./export/text.ts";
import { throughFile } from "./export/through-file.ts";
import { requireFolder, requireFree, writeAll, type Written } from "./export/write.ts";
import { DEFAULT_STORE } from "./default-store.ts";
import { counted, listed } from "./format.ts";
import { writeJson } from "./json.ts";
import { checked, oneOf, withOutput, type OutputFlags } from "./options.ts";
import type { Rule } from "./rule.ts";
import { stemOf } from "./run-folder.ts";
import { filled, storeOption, withStore, type StoreFlags } from "./store-options.ts";
import * as v from "valibot";

const FORMATS = ["json", "csv", "npz", "safetensors", "png", "svg", "html", "study"] as const;
export type Format = (typeof FORMATS)[number];

export interface ExportFlags extends StoreFlags, OutputFlags {
  readonly format?: Format;
  readonly for?: Framework;
  readonly out?: string;
  readonly step?: StepChoice;
  readonly tensors?: true;
  readonly force?: true;
}

const EXAMPLES = `
Examples:
  drmad export first-try --format html                        one page to send to a colleague
  drmad export first-try --format csv --out -                 the outer steps, to standard output
  drmad export first-try --format csv --tensors --step last   every tuned value, one a row
  drmad export first-try --format safetensors --out values.safetensors
  drmad export first-try --format study --out first-try.zip   all of it, for drmad import elsewhere
  drmad export first-try --for pytorch --out tuned            the values, and Python that applies them
  drmad export runs/digits-l2 --format svg --out pictures     a folder that drmad tune wrote
`;

const stepRule: Rule<StepChoice> = {
  schema: v.union([
    v.picklist(["best", "last"]),
    v.pipe(v.string(), v.regex(/^\d{1,9}$/), v.transform(Number)),
  ]) as unknown as v.GenericSchema<string, StepChoice>,
  allowed: "best, last or the number of an outer step",
};

export function addExport(program: Command, finish: (exit: number) => void): void {
  const command = program
    .command("export")
    .description("write a kept study, or a run's folder, as files that other programs read")
    .argument("<name>", "of the study, or a folder that drmad tune wrote")
    .addOption(checked("--format <name>", listed(FORMATS, "or"), oneOf(FORMATS)))
    .addOption(
      checked(
        "--for <framework>",
        "a folder with the tuned values, and Python that applies them: pytorch or keras",
        oneOf(["pytorch", "keras"]),
      ),
    )
    .addOption(
      checked("--out <path>", "where to: a file, a folder for pictures, - for standard output (default: by the name)", {
        schema: filled,
        allowed: "a path",
      }),
    )
    .addOption(
      checked("--step <n>", "whose values: best, last, or the number of an outer step (default: best)", stepRule),
    )
    .option("--tensors", "with --format csv: the tuned values instead of the outer steps")
    .option("--force", "overwrite what is there")
    .addOption(storeOption());
  withOutput(command)
    .addHelpText("after", EXAMPLES)
    .action(async (name: string, flags: ExportFlags) => finish(await run(name, flags)));
}

async function run(name: string, flags: ExportFlags): Promise<number> {
  const { format, tensors, out, json } = flags;
  if (flags.for !== undefined) return forFramework(name, flags.for, flags);
  if (format === undefined) {
    throw new DrmadError("invalid-argument", "nothing says what to write", {
      hint: `Give --format ${listed(FORMATS, "or")}, or --for pytorch or keras.`,
    });
  }
  if (tensors === true && format !== "csv") {
    throw new DrmadError("invalid-argument", `--tensors belongs to --format csv, not to ${format}`, {
      hint: "Leave it out: every other format has the values.",
    });
  }
  const pictures = format === "png" || format === "svg";
  if (out === "-" && (json === true || pictures)) {
    const why = json === true ? "--json writes there" : "there are several pictures";
    throw new DrmadError("invalid-argument", `standard output cannot have it: ${why}`, {
      hint: "Name a path with --out.",
    });
  }
  const path = out ?? defaultPath(name, format);
  if (path !== "-" && !pictures) requireFree(path, flags.force === true);
  if (pictures) requireFolder(path, [], flags.force === true);
  if (format === "study") return wholeStudy(name, path, flags);
  return withSource(name, flags, async (source) => {
    const files = await filesOf(source, flags, format, path);
    deliver(files, flags, { name: source.name, format, step: stepOf(source, flags.step ?? "best") });
    return 0;
  });
}

/** The files of a folder for a framework. */
const FRAMEWORK_FILES = ["values.safetensors", "values.npz", "tuned.json", "tuned.py"] as const;

async function forFramework(name: string, framework: Framework, flags: ExportFlags): Promise<number> {
  const { format, tensors, out, force, step: choice = "best" } = flags;
  if (format !== undefined || tensors === true || out === "-") {
    const other = format !== undefined ? "--format" : tensors === true ? "--tensors" : "--out -";
    throw new DrmadError(
      "invalid-argument",
      `--for ${framework} writes a folder of its own: ${other} does not go with it`,
      {
        hint: "Leave that out.",
      },
    );
  }
  const folder = out ?? `${stemOf(name)}-${framework}`;
  requireFolder(folder, FRAMEWORK_FILES, force === true);
  return withSource(name, flags, async (source) => {
    const step = stepOf(source, choice);
    const values = await source.valuesAt(step);
    const contents: Record<(typeof FRAMEWORK_FILES)[number], Uint8Array> = {
      "values.safetensors": encodeSafetensors(values, metadataOf(source, step)),
      "values.npz": encodeNpz(values),
      "tuned.json": utf8(tunedJson(source, step, values)),
      "tuned.py": utf8(pythonText(source, step, values, framework)),
    };
    const files = FRAMEWORK_FILES.map((file) => [join(folder, file), contents[file]] as const);
    deliver(files, flags, { name: source.name, for: framework, step });
    return 0;
  });
}

/** Also one without an outer step, which no other format has anything of. */
async function wholeStudy(name: string, path: string, flags: ExportFlags): Promise<number> {
  const { step, store } = flags;
  if (step !== undefined) {
    throw new DrmadError("invalid-argument", "--format study has every step: --step does not go with it", {
      hint: "Leave --step out.",
    });
  }
  let bytes = 0;
  const counting = (sink: StudySink): StudySink => ({
    ...sink,
    write(piece) {
      bytes += piece.length;
      return sink.write(piece);
    },
    ...(sink.restart && { restart: () => ((bytes = 0), sink.restart!()) }),
  });
  await withStore({ ...(store !== undefined && { store }) }, false, async (opened) => {
    // Where the study runs, the export may have to begin anew, and what went to standard output cannot be taken back.
    if (flags.out === "-") return throughFile((sink) => opened.exportStudyTo(name, sink), toStdout);
    return writeFilePieces(path, (sink) => opened.exportStudyTo(name, counting(sink)));
  });
  if (flags.out !== "-") said([{ file: path, bytes }], flags, { name, format: "study" });
  return 0;
}

const defaultPath = (name: string, format: Format): string =>
  format === "png" || format === "svg"
    ? `${stemOf(name)}-pictures`
    : `${stemOf(name)}.${format === "study" ? "drmad.zip" : format}`;

/** A study has the name before a folder has: `./NAME` means the folder. */
async function withSource<T>(name: string, { store }: ExportFlags, use: (source: Source) => Promise<T>): Promise<T> {
  const isFolder = isRunFolder(name);
  if (isFolder && (/[\\/]/.test(name) || !isThere(store ?? DEFAULT_STORE))) return use(folderSource(name));
  return withStore({ ...(store !== undefined && { store }) }, false, async (opened) =>
    use(await studySource(opened, name)),
  );
}

const isThere = (store: string): boolean => isPostgres(store) || existsSync(store);

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

async function filesOf(
  source: Source,
  flags: ExportFlags,
  format: Exclude<Format, "study">,
  path: string,
): Promise<readonly Written[]> {
  const { step = "best", tensors, force } = flags;
  switch (format) {
    case "json":
      return [[path, utf8(await jsonText(source, step))]];
    case "csv":
      return [[path, utf8(tensors === true ? await valuesCsv(source, step) : stepsCsv(source))]];
    case "safetensors": {
      const at = stepOf(source, step);
      return [[path, encodeSafetensors(await source.valuesAt(at), metadataOf(source, at))]];
    }
    case "npz":
      return [[path, encodeNpz(await source.valuesAt(stepOf(source, step)))]];
    case "html":
      return [[path, utf8(await reportHtml(source, step))]];
    case "png":
    case "svg": {
      const files = await pictureFiles(source, step, format);
      requireFolder(
        path,
        files.map(([file]) => file),
        force === true,
      );
      return files.map(([file, bytes]) => [join(path, file), bytes]);
    }
  }
}

/** Resolves when the next piece may come, so that a slow reader makes nothing pile up. */
const toStdout = (piece: Uint8Array): Promise<void> =>
  new Promise((resolve, reject) => process.stdout.write(piece, (error) => (error ? reject(error) : resolve())));

/** Writes the files, or the one to standard output, and says so. */
function deliver(files: readonly Written[], flags: ExportFlags, about: object): void {
  if (flags.out === "-") return void process.stdout.write(files[0]![1]);
  writeAll(files);
  said(
    files.map(([file, { length }]) => ({ file, bytes: length })),
    flags,
    about,
  );
}

function said(
  written: readonly { readonly file: string; readonly bytes: number }[],
  { json }: ExportFlags,
  about: object,
): void {
  const total = written.reduce((sum, { bytes }) => sum + bytes, 0);
  if (json === true) writeJson({ type: "result", ...about, files: written });
  else process.stdout.write(`Wrote ${written.map(({ file }) => file).join(", ")} (${counted(total, "byte")}).\n`);
}
