import {
  defineExperiment,
  digits,
  drmad,
  hyper,
  momentum,
  nn,
  ops,
  outer,
  study,
  type DefinedExperiment,
  type NdArray,
} from "../../src/index.ts";
import type { Store } from "../../src/store/store.ts";
import { keep, startEvent, stepEvent } from "../server/studies.ts";

const ROWS = 120;

/** Adds each row's number, by which the loss finds its weight. */
const numbered = <S extends { readonly y: NdArray }>(split: S): S & { readonly row: NdArray } => {
  const n = split.y.shape[0]!;
  return { ...split, row: { data: Int32Array.from({ length: n }, (_, i) => i), shape: [n] } };
};

/** Every third label is wrong. */
const corrupted = ({ data, shape }: NdArray): NdArray => ({
  data: Int32Array.from(data, (y, i) => (i % 3 === 0 ? (y + 1) % 10 : y)),
  shape,
});

/** A weight for each training row, a penalty for each input, and a rate for each layer at each step. */
export const EVERYTHING: DefinedExperiment = defineExperiment({
  name: "everything",
  data: (seed) => {
    const { train, valid, test } = digits({ train: ROWS, valid: 200, test: 300, seed });
    return {
      train: numbered({ ...train, y: corrupted(train.y) }),
      valid: numbered(valid),
      test: numbered(test!),
      image: { height: 8, width: 8 },
    };
  },
  params: nn.mlp([64, 16, 10]),
  hyper: {
    weight: hyper.array(nn.constant([ROWS], 0.5), { transform: "logit" }),
    l2: hyper.perInput(1e-3, { transform: "log", biases: 0 }),
    rate: hyper.perLayer(0.2, { transform: "log", perStep: true }),
  },
  train: {
    loss: (w, h, { x, y, row }) =>
      ops.add(ops.crossEntropy(nn.forward(w, x), y, { weights: ops.gather(h.weight, row) }), nn.l2(w, h.l2)),
    dynamics: (h) => momentum({ rate: h.rate, decay: 0.9 }),
    steps: 60,
    batch: 40,
  },
  valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
  metrics: { error: (w, _, { x, y }) => nn.errorRate(nn.forward(w, x), y) },
  outer: { optimizer: outer.adam({ rate: 0.3 }), steps: 6 },
});

/** A few seconds of real studies, one of each kind, and what becomes of studies that fare badly. */
export async function fillStore(store: Store): Promise<void> {
  await study.tune(EVERYTHING, {
    store,
    name: "everything",
    tags: ["digits", "weights"],
    notes: "Every third label is wrong.",
    source: SOURCE,
    trustEngine: true,
  });
  await study.tune(EVERYTHING, {
    store,
    name: "by a straight line",
    method: drmad({}),
    outerSteps: 5,
    fidelity: 2,
    tags: ["digits"],
    source: SOURCE,
    trustEngine: true,
  });
  await study.tune(EVERYTHING, {
    store,
    name: "few arrays",
    outerSteps: 5,
    keep: "every:3",
    tags: ["digits"],
    source: SOURCE,
    trustEngine: true,
  });
  await study.fork(EVERYTHING, { store, of: "few arrays", name: "forked", outerSteps: 6, trustEngine: true });
  await store.create({ name: "not begun", experiment: "everything" });
  await keep(store, "at work", [startEvent, stepEvent(0), stepEvent(1), stepEvent(2)]);
  const failed = await keepOpen(store, "diverged");
  await failed();
}

const SOURCE = `// A weight for each training row\nexport default defineExperiment({ name: "everything" });\n`;

async function keepOpen(store: Store, name: string): Promise<() => Promise<void>> {
  await store.create({ name, experiment: "pictures.ts", tags: ["trouble"] });
  const claim = await store.claim(name);
  const lost = { loss: NaN, error: NaN };
  await claim.append([
    startEvent,
    stepEvent(0),
    { ...stepEvent(1), valid: lost, train: { loss: Infinity, error: NaN } } as never,
  ]);
  return () => claim.release("failed", new Error("step 2: the loss is NaN"));
}
