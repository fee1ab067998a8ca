import { expect, test } from "vitest";
import { textBoxes } from "../../test/svg-text.ts";
import { momentum } from "../dynamics/momentum.ts";
import * as nn from "../nn/nn.ts";
import { hyper } from "../problem/hyper.ts";
import { resolveProblem } from "../problem/problem.ts";
import { defineExperiment } from "../study/define.ts";
import type { TuneResult } from "../study/events.ts";
import * as ops from "../tensor/ops.ts";
import { pictured } from "./run-files.ts";
import { tunePictures } from "./tune-pictures.ts";

const rows = { x: { data: new Float32Array(6), shape: [1, 6] } };
const experiment = defineExperiment({
  data: { train: rows, valid: rows, image: { height: 2, width: 3 } },
  params: { w: nn.constant([6]) },
  hyper: { images: hyper.array(nn.normal([3, 6], 1)), map: hyper.array(nn.normal([6, 3], 1)) },
  train: { loss: () => ops.constant(0), dynamics: momentum({ rate: 1, decay: 0 }), steps: 1 },
  valid: { loss: () => ops.constant(0) },
});

const record = (step: number) => ({ step, train: { loss: 1 }, valid: { loss: 1 }, seconds: 1 });

test("rows as long as an image are drawn as images with gaps, others as a map", async () => {
  const problem = await resolveProblem(experiment);
  const values = Object.fromEntries(
    problem.hypers.tensors.map(({ name, shape, start }) => [name, { data: start, shape }]),
  );
  const result = {
    experiment: "mine",
    method: "reverse",
    hyperparameters: 36,
    steps: [record(0), record(1)],
    best: 1,
    values,
  };
  const pictures = new Map(tunePictures(pictured(result as unknown as TuneResult, problem)));
  const words = textBoxes(pictures.get("hyperparameters")!).map((box) => box.words);
  expect(words).toContain("3 images; started from values of their own");
  expect(words).toContain("6 rows of 3; started from values of their own");
  expect(words.filter((word) => word === "no value")).toHaveLength(1);
});
