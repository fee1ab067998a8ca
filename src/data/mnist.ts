import { DrmadError } from "../errors.ts";
import type { Dataset, ImageShape, NdArray } from "./dataset.ts";
import { type LabelledImages, meanImage, takeImages } from "./images.ts";
import { substream } from "./random.ts";
import { drawRows, type LabelledSplit } from "./split.ts";

/** The four arrays of MNIST as unsigned bytes: images [n, height, width], labels [n]. */
export interface MnistFiles {
  readonly trainImages: NdArray;
  readonly trainLabels: NdArray;
  readonly testImages: NdArray;
  readonly testLabels: NdArray;
}

export interface MnistSizes {
  /** Rows to fit weights on, and rows to tune hyperparameters on: both are drawn from the training file (60,000). */
  readonly train: number;
  readonly valid: number;
  /** Rows for the report, drawn from the test file (10,000). */
  readonly test: number;
  /** Names the random draw; 0 unless told. */
  readonly seed?: number;
}

/**
 * `x` is Float32Array [n, height · width], pixels / 255 minus the mean image of the whole training file; `y` is
 * Int32Array [n], the class. `source` names the data in errors.
 *
 * Errors: `malformed-file` when the four arrays do not belong together; `invalid-argument` when a size is not a
 * positive integer, or larger than its file.
 */
export function mnistDataset(source: string, files: MnistFiles, sizes: MnistSizes): Dataset<LabelledSplit> {
  const { train, valid, test, seed = 0 } = sizes;
  const fitting = pair(source, "train", files.trainImages, files.trainLabels);
  const testing = pair(source, "t10k", files.testImages, files.testLabels);
  const { height, width } = fitting;
  if (height !== testing.height || width !== testing.width) {
    const found = `training images of ${height} × ${width} pixels, test images of ${testing.height} × ${testing.width}`;
    throw mismatch(source, found);
  }
  const fitRows = drawRows(`${source} train`, fitting.rows, { train, valid }, substream(seed, "mnist", "train"));
  const testRows = drawRows(`${source} t10k`, testing.rows, { test }, substream(seed, "mnist", "test"));
  const mean = meanImage(fitting);
  return {
    train: takeImages(fitting, fitRows.train, mean),
    valid: takeImages(fitting, fitRows.valid, mean),
    test: takeImages(testing, testRows.test, mean),
    image: { height, width },
  };
}

function pair(source: string, part: string, images: NdArray, labels: NdArray): LabelledImages & ImageShape {
  const [rows, height, width] = images.shape;
  if (images.shape.length !== 3 || !(images.data instanceof Uint8Array)) {
    throw mismatch(
      source,
      `${part} images of shape [${images.shape.join(", ")}], not unsigned bytes [n, height, width]`,
    );
  }
  if (labels.shape.length !== 1 || !(labels.data instanceof Uint8Array)) {
    throw mismatch(source, `${part} labels of shape [${labels.shape.join(", ")}], not unsigned bytes [n]`);
  }
  if (rows !== labels.shape[0]) {
    throw mismatch(source, `${rows} ${part} images but ${labels.shape[0]} ${part} labels`);
  }
  return { rows: rows!, height: height!, width: width!, images: images.data, labels: labels.data };
}

function mismatch(source: string, found: string): DrmadError {
  return new DrmadError("malformed-file", `${source}: ${found}.`, {
    hint: "Keep the four files of one data set in a folder, under the names that they came with.",
  });
}
