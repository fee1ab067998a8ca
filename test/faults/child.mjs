// Runs or goes on with a kept study, and tells on its standard output what it is doing at every moment, line by line and
// at once: the parent kills it somewhere.
import { writeSync } from "node:fs";
import { defineExperiment, digits, hyper, methods, momentum, nn, ops, outer, study } from "../../dist/index.js";

const { place, name, kind, outerSteps, innerSteps } = JSON.parse(process.argv[2]);
const say = (line) => writeSync(1, `${line}\n`);

const experiment = defineExperiment({
  name: "killed",
  data: digits({ train: 100, valid: 60, test: 60 }),
  params: nn.mlp([64, 16, 10]),
  hyper: { l2: hyper.perInput(1e-3, { transform: "log", biases: 0 }) },
  train: {
    loss: (w, h, { x, y }) => ops.add(ops.crossEntropy(nn.forward(w, x), y), nn.l2(w, h.l2)),
    dynamics: () => momentum({ rate: 0.3, decay: 0.9 }),
    steps: innerSteps,
    batch: 20,
  },
  valid: { loss: (w, _, { x, y }) => ops.crossEntropy(nn.forward(w, x), y) },
});

/** Every kind has something else to lose: curvature pairs, a stage, a place in a series of random draws. */
const KINDS = {
  lbfgs: () => ({ method: methods.reverse(), optimizer: outer.lbfgs({ rate: 0.3 }) }),
  random: () => ({ method: methods.evograd(), optimizer: outer.adam({ rate: 0.1 }) }),
  staged: () => ({
    method: methods.checkpointed({ checkpoints: 5 }),
    optimizer: outer.coarseToFine(outer.rmsprop({ rate: 0.1 }), { hyperparameter: 2, tensor: 2 }),
  }),
};

/** What begins when a phase is over; a checkpointed sweep trains again while it goes back. */
const AFTER = { train: kind === "random" ? "other" : "backward", backward: "other" };
const PHASES = { train: "forward", backward: "backward" };
const onEvent = (event) => {
  if (event.type === "progress") {
    if (event.phase in PHASES) say(`in ${event.done < event.total ? PHASES[event.phase] : AFTER[event.phase]}`);
    return;
  }
  say(`told ${JSON.stringify(event)}`);
  // The next training begins at once.
  if (event.type === "step") say("in forward");
};
const onActivity = (activity) => {
  const [phase, moment] = activity.split(" ");
  say(`in ${moment === "ends" ? "other" : phase}`);
};

const store = await study.open(place, { onActivity });
const options = { store, name, ...KINDS[kind](), onEvent, patience: 100, trustEngine: true, threads: 1 };
const known = (await store.list()).some((each) => each.name === name);
await (known
  ? study.resume(experiment, options)
  : study.tune(experiment, { ...options, outerSteps, innerSteps, precision: "float64" }));
await store.close();
say("end");
