import type { Command } from "commander";
import { createHash } from "node:crypto";
import { parseCifar } from "../data/cifar.ts";
import { parseCsv } from "../data/csv.ts";
import type { NdArray } from "../data/dataset.ts";
import { type ArraySummary, summarise } from "../data/describe.ts";
import { parseIdx } from "../data/idx.ts";
import { quoted } from "../data/limits.ts";
import { parseNpy } from "../data/npy.ts";
import { parseNpz } from "../data/npz.ts";
import { readBytes } from "../data/open.ts";
import { DrmadError } from "../errors.ts";
import { decodeSafetensors } from "../store/safetensors.ts";
import { count, counted, listed, short } from "./format.ts";
import { writeJson } from "./json.ts";
import { withOutput, type OutputFlags } from "./options.ts";

const EXAMPLES = `
What a file is shows in its first bytes: IDX, npy, npz and safetensors, gzipped or not. CIFAR has none, so it is told by .bin and its
length; anything else must end in .csv.

Examples:
  drmad data train-images-idx3-ubyte.gz
  drmad data table.csv --label species
  drmad data arrays.npz --json | jq -r .sha256
`;

interface Flags extends OutputFlags {
  readonly label?: string;
}

interface Contents {
  readonly format: string;
  readonly arrays: Readonly<Record<string, NdArray>>;
  /** What the classes of `y` are called. */
  readonly classes?: readonly string[];
}

/** `drmad data FILE`: what a file of data holds. */
export function addData(program: Command, finish: (exit: number) => void): void {
  withOutput(
    program
      .command("data")
      .description("say what a file of data holds: shapes, types, ranges, classes, SHA-256")
      .argument("<file>", "IDX, npy, npz, CSV, CIFAR or safetensors, gzipped or not")
      .option(
        "--label <column>",
        "of a CSV file: the column of the classes, by name or by number from 0; -1 is the last",
      ),
  )
    .addHelpText("after", EXAMPLES)
    .action((file: string, flags: Flags) => finish(tell(file, flags)));
}

function tell(file: string, { label, json }: Flags): number {
  const bytes = readBytes(file);
  const { format, arrays, classes } = contentsOf(file, bytes, label);
  // Of the contents: the same data are the same data, compressed or not.
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const summaries = Object.entries(arrays).map(([name, array]) => ({ name, ...summarise(array) }));
  if (json === true) {
    for (const summary of summaries) writeJson({ type: "array", ...summary });
    writeJson({ type: "result", file, format, bytes: bytes.length, sha256, arrays: summaries.length, ...(classes === undefined ? {} : { classes }) }); // prettier-ignore
    return 0;
  }
  const lines = [`${file}: ${format}, ${counted(bytes.length, "byte")}`, `SHA-256 ${sha256}`];
  for (const summary of summaries) lines.push("", ...describe(summary, summary.name === "y" ? classes : undefined));
  process.stdout.write(`${lines.join("\n")}\n`);
  return 0;
}

function describe({ name, ...summary }: ArraySummary & { readonly name: string }, names?: readonly string[]): string[] {
  const { shape, dtype, min, max, notFinite, classes } = summary;
  const title = name === "" ? "" : `${/^[\w.-]+$/.test(name) ? name : quoted(name)}  `;
  const range = min === undefined ? "no number" : `from ${short(min)} to ${short(max!)}`;
  const odd = notFinite === 0 ? "" : `, ${count(notFinite)} not finite`;
  const lines = [`${title}${dtype} [${shape.join(", ")}], ${range}${odd}`];
  if (classes === undefined) return lines;
  const shown = classes.slice(0, 20).map(([value, rows]) => {
    const called = names?.[value];
    return `${called === undefined ? value : quoted(called)}: ${count(rows)}`;
  });
  const more = classes.length > shown.length ? `, and ${classes.length - shown.length} more` : "";
  return [...lines, `  ${classes.length === 1 ? "1 class" : `${classes.length} classes`}: ${shown.join(", ")}${more}`];
}

function contentsOf(file: string, bytes: Uint8Array, label: string | undefined): Contents {
  const options = { name: file };
  const starts = (...first: readonly number[]): boolean => first.every((byte, i) => bytes[i] === byte);
  const name = file.toLowerCase().replace(/\.gz$/, "");
  if (label !== undefined && !name.endsWith(".csv")) {
    throw new DrmadError(
      "invalid-argument",
      `--label ${quoted(label)} is for CSV files, and ${file} does not end in .csv.`,
      {
        hint: "Leave --label out.",
      },
    );
  }
  if (name.endsWith(".csv")) return csv(bytes, options, label);
  if (starts(0x93, 0x4e, 0x55, 0x4d)) return { format: "npy", arrays: { "": parseNpy(bytes, options) } };
  if (starts(0x50, 0x4b)) return { format: "npz", arrays: parseNpz(bytes, options) };
  if (bytes[8] === 0x7b && (name.endsWith(".safetensors") || !starts(0, 0)))
    return { format: "safetensors", arrays: decodeSafetensors(bytes, file).tensors };
  if (name.endsWith(".bin") && bytes.length % 3073 === 0)
    return { format: "CIFAR-10", arrays: { ...parseCifar(bytes, options) } };
  if (name.endsWith(".bin") && bytes.length % 3074 === 0) {
    const { images, labels: fine } = parseCifar(bytes, { ...options, labels: "fine" });
    const coarse = parseCifar(bytes, { ...options, labels: "coarse" }).labels;
    return { format: "CIFAR-100", arrays: { images, coarse, fine } };
  }
  if (starts(0, 0)) return { format: "IDX", arrays: { "": parseIdx(bytes, file) } };
  throw new DrmadError(
    "malformed-file",
    `${file} is none of ${listed(["IDX", "npy", "npz", "safetensors", "CIFAR", "CSV"])}, at byte 0.`,
    {
      hint: "Name a CSV file .csv, and a file of CIFAR's binary version .bin; anything else shows in its first bytes.",
    },
  );
}

function csv(bytes: Uint8Array, options: { readonly name: string }, label: string | undefined): Contents {
  const column = label === undefined ? undefined : /^-?[0-9]+$/.test(label) ? Number(label) : label;
  const { x, y, classes } = parseCsv(bytes, column === undefined ? options : { ...options, label: column });
  return { format: "CSV", arrays: y === undefined ? { x } : { x, y }, ...(classes === undefined ? {} : { classes }) };
}
