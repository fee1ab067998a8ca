import {
  digits,
  hyper,
  nn,
  ops,
  outer,
  type DefinedExperiment,
  type OuterOptimizer,
  type Tensor,
} from "../../src/index.ts";
import { makeExperiment, type AnySpec } from "../../src/problem/experiment.ts";

/** What an example's result is compared with. */
export interface Control {
  readonly name: string;
  readonly of: (example: DefinedExperiment) => DefinedExperiment;
  /** Trained once as it is, not tuned. */
  readonly untuned?: true;
  /** It trains on the validation rows, so that its loss there says nothing. */
  readonly seesValidation?: true;
}

interface Example {
  readonly name: string;
  /** What its start is called. */
  readonly start: string;
  readonly controls: readonly Control[];
}

type Layers = readonly { readonly W: Tensor; readonly b: Tensor }[];
type Spec = Partial<Omit<AnySpec, "train">> & { readonly train?: Partial<AnySpec["train"]> };

export const changed = ({ spec, options }: DefinedExperiment, change: Spec): DefinedExperiment =>
  makeExperiment({ ...spec, ...change, train: { ...spec.train, ...change.train } }, options);

/** The same with another optimiser around the example's own. */
const moved = (
  { spec, options }: DefinedExperiment,
  around: (optimizer: OuterOptimizer) => OuterOptimizer,
): DefinedExperiment =>
  makeExperiment(spec, { ...options, outer: { ...options.outer, optimizer: around(options.outer!.optimizer!) } });

const shared = (name: string): Control => ({
  name,
  of: (example) => moved(example, (optimizer) => outer.shared(optimizer, "hyperparameter")),
});
const oneNumber = shared("one number, tuned");

/** Only one of the hyperparameters is tuned: the others' derivatives are 0, and `adam` leaves them. */
const only = (name: string, tuned: string): Control => ({
  name,
  of: (example) =>
    moved(example, (optimizer) => ({
      ...optimizer,
      update: (gradient, state, value) =>
        optimizer.update(
          Object.fromEntries(
            Object.entries(gradient).map(([key, values]) => [key, key === tuned ? values : values.map(() => 0)]),
          ),
          state,
          value,
        ),
    })),
});

const scheduleOnly: Control = {
  name: "one rate a step and one decay a step",
  of: (example) =>
    changed(example, {
      hyper: { ...example.spec.hyper, rate: hyper.perNetwork(0.3, { transform: "log", perStep: true, biases: 0.3 }) },
    }),
};

const widths: Control = {
  name: "uniform, one width a layer, tuned",
  of: (example) =>
    changed(example, {
      hyper: { width: hyper.array(nn.constant([2], 0.05), { transform: "log" }) },
      initial: (w, h) =>
        (w as Layers).map(({ W, b }, i) => ({
          W: ops.mul(ops.gather((h as { width: Tensor }).width, i), ops.sub(ops.mul(2, W), 1)),
          b,
        })),
    }),
};

/** The rows of both splits as training rows. */
const allRows: Control = {
  name: "no tuning: 300 steps on training and validation rows at once",
  untuned: true,
  seesValidation: true,
  of: (example) =>
    changed(example, {
      data: (seed) => {
        const { train, valid, test } = digits({ train: 50, valid: 900, test: 847, seed });
        const x = Float32Array.from([...train.x.data, ...valid.x.data]);
        const y = Int32Array.from([...train.y.data, ...valid.y.data]);
        return { train: { x: { data: x, shape: [950, 64] }, y: { data: y, shape: [950] } }, valid, test: test! };
      },
      train: { steps: 300 },
    }),
};

const blank = (n: number) => ({ data: new Float32Array(640 * n), shape: [n, 10, 64] });
/** The means of the ten classes of the validation rows, in place of the images. */
const classMeans = (example: DefinedExperiment): DefinedExperiment =>
  changed(example, {
    hyper: { ...example.spec.hyper, images: hyper.array(nn.constant([10, 64])) },
    // The means follow from the data of a seed, which an initial value cannot: they are added to zeros.
    data: (seed) => {
      const { train, valid, test } = digits({ train: 1, valid: 1000, test: 796, seed });
      const [sums, counts] = [new Float32Array(640), new Float32Array(10)];
      valid.y.data.forEach((digit, row) => {
        counts[digit]!++;
        for (let pixel = 0; pixel < 64; pixel++) sums[64 * digit + pixel]! += valid.x.data[64 * row + pixel]!;
      });
      const means = { data: sums.map((sum, i) => sum / counts[Math.floor(i / 64)]!), shape: [1, 10, 64] };
      return {
        train: { ...train, means },
        valid: { ...valid, means: blank(1000) },
        test: { ...test!, means: blank(796) },
      };
    },
    train: {
      steps: 200,
      loss: (w, h, batch) => {
        const { images, labels } = h as { images: Tensor; labels: Tensor };
        const from = ops.reshape((batch as { means: Tensor }).means, [10, 64]);
        return ops.crossEntropy(nn.forward(w as Layers, ops.add(from, images)), ops.softmax(labels));
      },
    },
  });

/** Rows 0, 1, 2, 5, 6, 7, … of the training split: those whose labels are right. */
const rightRows: Control = {
  name: "only the right rows (300 of 500), no tuning",
  untuned: true,
  of: (example) =>
    changed(example, {
      hyper: {
        weight: hyper.array(
          nn.given(
            [500],
            Array.from({ length: 500 }, (_, i) => (i % 5 < 3 ? 1 : 0)),
          ),
        ),
      },
    }),
};

/** The rows that tune the weights, trained on instead. */
const validationRows: Control = {
  name: "only the 200 validation rows, no tuning",
  untuned: true,
  seesValidation: true,
  of: (example) =>
    changed(example, {
      hyper: { weight: hyper.array(nn.constant([200], 0.5), { transform: "logit" }) },
      data: async (seed) => {
        const { data } = example.spec;
        const { valid, test } = await (data as (seed: number) => ReturnType<typeof digits>)(seed);
        return { train: valid, valid, test: test! };
      },
    }),
};

const TASKS = 4;
const eye = Array.from({ length: TASKS ** 2 }, (_, i) => (i % (TASKS + 1) === 0 ? 1 : 0));
/** T = own·1 + common·(mean of all), with two numbers a layer, or with one. */
const sharing = (name: string, common: boolean): Control => ({
  name,
  of(example) {
    const { spec } = example;
    const own = hyper.array(nn.constant([2], common ? 0.5 : 1));
    const share = (h: Readonly<Record<string, Tensor>>, layer: number): Tensor => {
      const kept = ops.mul(ops.gather(h["own"]!, layer), ops.literal(eye, [TASKS, TASKS]));
      return common ? ops.add(kept, ops.div(ops.gather(h["common"]!, layer), TASKS)) : kept;
    };
    const mixed = (h: unknown): object => {
      const given = h as Readonly<Record<string, Tensor>>;
      return { l2: given["l2"]!, share1: share(given, 0), share2: share(given, 1) };
    };
    return changed(example, {
      hyper: { l2: spec.hyper["l2"]!, own, ...(common ? { common: hyper.array(nn.constant([2], 0.5)) } : {}) },
      train: { loss: (w, h, batch) => spec.train.loss(w, mixed(h), batch) },
      valid: { loss: (w, h, batch) => spec.valid.loss(w, mixed(h), batch) },
      metrics: { error: (w, h, batch) => spec.metrics!["error"]!(w, mixed(h), batch) },
    });
  },
});

/** The examples whose figures stand on pages, in the order of the pages. */
export const EXAMPLES: readonly Example[] = [
  {
    name: "rate-per-unit-and-step",
    start: "untuned, 0.3 and 0.8",
    controls: [shared("one rate and one decay, tuned"), scheduleOnly],
  },
  { name: "rate-per-weight", start: "untuned, 0.3 and 0.8", controls: [shared("one rate and one decay, tuned")] },
  {
    name: "rate-per-layer-and-step",
    start: "untuned, 0.1, 0.9 and 1",
    controls: [shared("one rate, decay and scale, tuned")],
  },
  {
    name: "adam",
    start: "untuned: PyTorch's defaults, epsilon 1e-4",
    controls: [shared("one rate and both decays, epsilon")],
  },
  { name: "initial-scale", start: "untuned, all 0.05", controls: [oneNumber] },
  { name: "initial-distribution", start: "untuned, uniform from −0.05 to 0.05", controls: [widths] },
  { name: "initial-weights", start: "untuned: 5 steps from deviation 0.01", controls: [allRows] },
  { name: "l2-per-weight", start: "untuned, all 0.001", controls: [oneNumber] },
  { name: "smooth-l1", start: "untuned, all 0.001", controls: [oneNumber] },
  { name: "l1-per-input", start: "untuned, all 0.0003", controls: [oneNumber] },
  { name: "whitened-weights", start: "untuned", controls: [shared("one scale and one penalty")] },
  {
    name: "weight-sharing",
    start: "untuned: half one's own, half the mean",
    controls: [
      sharing("no sharing, one scale a layer, tuned", false),
      sharing("one's own and the mean, two numbers a layer", true),
    ],
  },
  {
    name: "training-inputs",
    start: "untuned, noise",
    controls: [
      { name: "the means of the ten classes, 200 steps", untuned: true, of: classMeans },
      { name: "these means, tuned", of: classMeans },
      only("tuned images, fixed labels", "images"),
    ],
  },
  { name: "example-weights", start: "untuned, all one half", controls: [oneNumber, validationRows, rightRows] },
  {
    name: "rotation",
    start: "untuned, upright digits",
    controls: [
      {
        name: "the true angle",
        untuned: true,
        of: (example) => changed(example, { hyper: { angle: hyper.scalar(Math.PI / 6) } }),
      },
    ],
  },
  { name: "input-scale", start: "untuned, all 1", controls: [oneNumber] },
  { name: "input-noise", start: "untuned, all 0.05", controls: [oneNumber] },
  {
    name: "loss-parameters",
    start: "untuned",
    controls: [only("temperature alone, tuned", "temperature")],
  },
  { name: "resplit", start: "untuned, all 0.0001", controls: [oneNumber] },
  { name: "lbfgs", start: "untuned, all 0.001", controls: [] },
  { name: "clipped", start: "untuned, all 0.02", controls: [] },
];
