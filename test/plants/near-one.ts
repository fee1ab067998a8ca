import { momentum } from "../../src/dynamics/momentum.ts";
import * as nn from "../../src/nn/nn.ts";
import type { Experiment } from "../../src/problem/experiment.ts";
import { hyper } from "../../src/problem/hyper.ts";
import { defineExperiment } from "../../src/study/define.ts";
import * as ops from "../../src/tensor/ops.ts";
import { formula } from "../oracle/measure.ts";
import { nothing } from "../oracle/rows.ts";

/** Momentum that nearly keeps its velocity, so that rounding the decay changes what a gradient weighs. */
const nearOne = (decay: number): Experiment =>
  defineExperiment({
    data: { train: nothing, valid: nothing },
    params: { w: nn.given([4], formula(5, 4)) },
    hyper: { penalty: hyper.perWeight(0.5, { transform: "log" }) },
    train: {
      loss: ({ w }, h) => ops.add(ops.sum(ops.mul(h.penalty.w, ops.square(w))), ops.sum(ops.sin(w))),
      dynamics: momentum({ rate: 2, decay }),
      steps: 40,
    },
    valid: { loss: ({ w }) => ops.sum(ops.square(ops.sub(w, 0.3))) },
  });

/** 1 − γ = 64.49 / 65536, which training in fixed point takes for 64 / 65536. */
export const betweenDecays = nearOne(1 - 64.49 / 65536);
export const onDecay = nearOne(1 - 64 / 65536);
