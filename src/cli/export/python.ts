import { toJson } from "../json.ts";
import { VERSION } from "../version.ts";
import { KERAS } from "./python-keras.ts";
import { PYTORCH } from "./python-pytorch.ts";
import type { Source, Values } from "./source.ts";
import { tensorsOf } from "./source.ts";
import type { TensorInfo } from "../../study/tensor-info.ts";

export type Framework = "pytorch" | "keras";

/** A Python string, whatever is in it: JSON's escapes are Python's. */
const quoted = (text: string): string => JSON.stringify(text).replaceAll(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`); // prettier-ignore
const tuple = (shape: readonly number[]): string => `(${shape.map((size) => `${size},`).join(" ")})`;
const comment = (text: string): string => `# ${text.replaceAll(/[\p{Cc}\p{Cs}\u2028\u2029]/gu, " ")}`.trimEnd();

/**
 * A Python module beside values.npz: it reads the tuned values with NumPy alone and applies them in a framework. What drmad
 * knows of each tensor is in it as comments; how a loss used one is not known, and said so.
 */
export function pythonText(source: Source, step: number, values: Values, framework: Framework): string {
  const tensors = tensorsOf(source, values);
  const { info, name } = source;
  const facts = [
    `Tuned hyperparameters of ${info.experiment}: ${name}, outer step ${step}, by ${info.method} with ${info.optimizer}.`,
    `Written by drmad ${VERSION} for ${framework === "pytorch" ? "PyTorch" : "Keras"}.`,
    "",
    `They were tuned for ${info.innerSteps} training steps; other losses, batches or lengths of training ask for other values.`,
    "Values are natural: a penalty multiplies the squared weights as it stands, a rate is a rate.",
    "",
    "What is known of each tensor:",
    ...tensors.map((tensor) => `  ${tensor.name} ${about(tensor)}`),
  ];
  const shapes = (info.parameters ?? []).map(({ path, shape }) => `    ${quoted(path)}: ${tuple(shape)},`);
  // By the hyperparameter: all of its tensors leave the same biases out.
  const fixed = new Map(
    tensors.flatMap(({ name: each, biases }) => (biases === undefined ? [] : [[each.split(".")[0]!, biases] as const])),
  );
  const kept = [...fixed].map(([hyper, biases]) => `${quoted(hyper)}: ${biases}`);
  const steps = tensors.filter(({ perStep }) => perStep).map((tensor) => quoted(tensor.name));
  return [
    ...facts.map(comment),
    "",
    "import os",
    "",
    "import numpy as np",
    ...(framework === "pytorch" ? ["import torch"] : ["import keras"]),
    "",
    comment("Weights by their path in the experiment; a matrix is [inputs, units]."),
    `PARAMETERS = {\n${shapes.join("\n")}\n}`,
    comment("Tensors with a value for every training step along their first axis."),
    `PER_STEP = frozenset([${steps.join(", ")}])`,
    comment("The number that all biases (vectors) keep, by the hyperparameters that leave them out."),
    `WITHOUT_BIASES = {${kept.join(", ")}}`,
    "",
    framework === "pytorch" ? PYTORCH : KERAS,
  ].join("\n");
}

function about({ shape, sharing, perStep, transform, uses = [] }: TensorInfo): string {
  const kind = sharing === undefined ? "" : `, one value for each ${sharing}`;
  const reach =
    uses.length === 0
      ? "what depends on it is not known"
      : uses
          .map((use) => (use === "train.loss" ? "the training loss depends on it (how, the experiment says)" : use === "initial weights" ? "the initial weights depend on it" : `it is ${use}`))
          .join("; "); // prettier-ignore
  return `[${shape.join(", ")}]${kind}${perStep ? ", along the training steps first" : ""}, ${transform}: ${reach}`;
}

/** The same facts for programs. */
export const tunedJson = (source: Source, step: number, values: Values): string =>
  `${toJson({ drmad: VERSION, name: source.name, experiment: source.info.experiment, step, innerSteps: source.info.innerSteps, parameters: source.info.parameters ?? [], tensors: tensorsOf(source, values) }, 2)}\n`; // prettier-ignore
