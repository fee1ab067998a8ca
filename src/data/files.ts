/** Data of your own: files into data sets, and bytes into arrays. */
import { DrmadError, type OptionNames, requireOptions } from "../errors.ts";
import { CIFAR_SIDE, type CifarLabels, parseCifar } from "./cifar.ts";
import { type CsvColumns, readTable } from "./csv.ts";
import type { Dataset, NdArray, Split } from "./dataset.ts";
import { type LabelledImages, meanImage, takeImages } from "./images.ts";
import { parseNpz } from "./npz.ts";
import { findFile, readBytes } from "./open.ts";
import { requireSeed, substream } from "./random.ts";
import { drawRows, type LabelledSplit, type Sizes, splitRows } from "./split.ts";

export { parseCifar } from "./cifar.ts";
export { parseCsv } from "./csv.ts";
export { parseIdx } from "./idx.ts";
export { encodeNpy, parseNpy } from "./npy.ts";
export { encodeNpz, parseNpz } from "./npz.ts";

const SIZES: OptionNames<Sizes> = { train: "number", valid: "number", test: "number?", seed: "number?" };

export interface CsvFileOptions extends CsvColumns, Sizes {
  readonly file: string;
}

/**
 * A data set from a CSV file, as it is or gzipped: random rows, `x` Float64Array [n, columns], and `y` the class as Int32Array
 * [n] with `label`, or the number as Float64Array [n, 1] with `target`. Nothing is scaled. See `parseCsv` for what a file may hold
 * and for the names of the classes.
 *
 * Errors: those of `parseCsv`, of opening the file, and of asking for more rows than it has.
 */
export function csv(options: CsvFileOptions): Dataset<LabelledSplit> {
  requireOptions("csv", options, {
    ...SIZES,
    file: "text",
    header: "boolean?",
    label: "text or number?",
    target: "text or number?",
    separator: "text?",
  });
  const { file } = options;
  requireSeed("csv", options.seed);
  const { x, y } = readTable(readBytes(file), { ...options, name: file });
  if (y === undefined) {
    throw new DrmadError("invalid-argument", `csv is not told what to predict in ${file}.`, {
      hint: "Give label, the column of the classes, or target, the column of the numbers to predict: a name, or a number from 0.",
    });
  }
  return splitRows(file, { x, y }, options);
}

export interface NpzFileOptions extends Sizes {
  readonly file: string;
}

/**
 * A data set from an npz file of NumPy: random rows of all its arrays, which must share their first axis, under their own names
 * and in their own types.
 *
 * Errors: those of `parseNpz`, of opening the file, and of asking for more rows than it has.
 */
export function npz(options: NpzFileOptions): Dataset<Split> {
  requireOptions("npz", options, { ...SIZES, file: "text" });
  requireSeed("npz", options.seed);
  const { file } = options;
  return splitRows(file, parseNpz(readBytes(file), { name: file }), options);
}

export interface Cifar10Options extends Required<Omit<Sizes, "seed">>, Pick<Sizes, "seed"> {
  /** The folder of the binary version, each file as it is or with `.gz`. */
  readonly folder: string;
}

export interface Cifar100Options extends Cifar10Options {
  /** The 100 fine classes unless told, or the 20 coarse ones. */
  readonly labels?: "fine" | "coarse";
}

/**
 * CIFAR-10 (Krizhevsky 2009) from the folder of its binary version: `train` and `valid` are drawn from data_batch_1.bin to
 * data_batch_5.bin (50,000 images), `test` from test_batch.bin (10,000). `x` is Float32Array [n, 3072], pixels / 255 minus the
 * mean image of all training files: the red, the green and the blue plane, 32 × 32 each; `y` is Int32Array [n], the class.
 *
 * Errors: those of `parseCifar`, of opening the files, and of asking for more rows than they have.
 */
export function cifar10(options: Cifar10Options): Dataset<LabelledSplit> {
  requireOptions("cifar10", options, { ...SIZES, test: "number", folder: "text" });
  const batches = [1, 2, 3, 4, 5].map((batch) => `data_batch_${batch}.bin`);
  return cifar("cifar10", options, batches, "test_batch.bin", "label");
}

/** CIFAR-100 (Krizhevsky 2009), as `cifar10`, from train.bin and test.bin, with its fine or its coarse labels. */
export function cifar100(options: Cifar100Options): Dataset<LabelledSplit> {
  requireOptions("cifar100", options, { ...SIZES, test: "number", folder: "text", labels: "text?" });
  const { labels = "fine" } = options;
  if (labels !== "fine" && labels !== "coarse") {
    throw new DrmadError("invalid-argument", `cifar100 has no labels ${JSON.stringify(labels)}.`, {
      hint: 'Give "fine" or "coarse".',
    });
  }
  return cifar("cifar100", options, ["train.bin"], "test.bin", labels);
}

function cifar(
  what: string,
  { folder, train, valid, test, seed = 0 }: Cifar10Options,
  fitting: readonly string[],
  testing: string,
  labels: CifarLabels,
): Dataset<LabelledSplit> {
  requireSeed(what, seed);
  const fit = readImages(folder, fitting, labels);
  const report = readImages(folder, [testing], labels);
  const fitRows = drawRows(`${folder} train`, fit.rows, { train, valid }, substream(seed, what, "train"));
  const testRows = drawRows(`${folder} test`, report.rows, { test }, substream(seed, what, "test"));
  const mean = meanImage(fit);
  return {
    train: takeImages(fit, fitRows.train, mean),
    valid: takeImages(fit, fitRows.valid, mean),
    test: takeImages(report, testRows.test, mean),
    image: { channels: 3, height: CIFAR_SIDE, width: CIFAR_SIDE },
  };
}

function readImages(folder: string, names: readonly string[], labels: CifarLabels): LabelledImages {
  const hint = "Put the .bin files of the binary version of CIFAR into that folder.";
  const parts = names.map((file) => {
    const path = findFile(folder, file, hint);
    return parseCifar(readBytes(path), { name: path, labels });
  });
  const all = joined(parts.map((part) => part.labels.data));
  return { rows: all.length, images: joined(parts.map((part) => part.images.data)), labels: all };
}

function joined(arrays: readonly NdArray["data"][]): Uint8Array {
  const all = new Uint8Array(arrays.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const array of arrays) {
    all.set(array, at);
    at += array.length;
  }
  return all;
}
