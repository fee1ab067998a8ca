import type { Catalogue } from "../src/cli/reproduction.ts";

/** Every reproduction by its id, which is also its folder. */
const papers: Catalogue = {
  "2015-maclaurin/schedules": {
    what: "rate and momentum for each step",
    about: "a learning rate and a momentum for each step and layer, learned, beside the best constants",
    load: async () => (await import("./2015-maclaurin/schedules/reproduction.ts")).default,
  },
  "2015-maclaurin/smoothness": {
    what: "is a first hypergradient smooth?",
    about: "the first hypergradient of a rate for each step: how smooth it is over the steps",
    load: async () => (await import("./2015-maclaurin/smoothness/reproduction.ts")).default,
  },
  "2015-maclaurin/initial-scales": {
    what: "initial scale of each layer",
    about: "initial scales of layers learned beside the schedules, and one over the root of inputs",
    load: async () => (await import("./2015-maclaurin/initial-scales/reproduction.ts")).default,
  },
  "2015-maclaurin/chaos": {
    what: "a rate swept into chaos",
    about: "one learning rate swept into chaos: loss, exact hypergradient, and the growth that warns",
    load: async () => (await import("./2015-maclaurin/chaos/reproduction.ts")).default,
  },
  "2015-maclaurin/logistic-l2": {
    what: "a penalty for each weight",
    about: "a penalty for every weight of logistic regression, as maps of the ten digits",
    load: async () => (await import("./2015-maclaurin/logistic-l2/reproduction.ts")).default,
  },
  "2015-maclaurin/training-set": {
    what: "ten training images learned",
    about: "ten training images learned so that training on them alone serves the whole of MNIST",
    load: async () => (await import("./2015-maclaurin/training-set/reproduction.ts")).default,
  },
  "2015-maclaurin/regularisation-granularity": {
    what: "network, layers, then units",
    about: "regularisation learned for the network, then layers, then units",
    load: async () => (await import("./2015-maclaurin/regularisation-granularity/reproduction.ts")).default,
  },
  "2016-fu/mnist-penalties": {
    what: "a penalty for each input, DrMAD",
    about: "a penalty for each input on MNIST: test error by DrMAD, exact and better methods, and controls",
    load: async () => (await import("./2016-fu/mnist-penalties/reproduction.ts")).default,
  },
  "2016-fu/schedules": {
    what: "rates and momentum by DrMAD",
    about: "rates and momentum for each step by DrMAD, beside the exact hypergradient, snapshots, and controls",
    load: async () => (await import("./2016-fu/schedules/reproduction.ts")).default,
  },
  "2016-fu/costs": {
    what: "time and memory of DrMAD",
    about: "time and memory of DrMAD, reversible learning, checkpointing and stored states, on the published network",
    load: async () => (await import("./2016-fu/costs/reproduction.ts")).default,
  },
  "2015-maclaurin/omniglot-sharing": {
    what: "which layers ten alphabets share",
    about: "which layers networks for ten alphabets share: learned matrices against separate and tied networks",
    load: async () => (await import("./2015-maclaurin/omniglot-sharing/reproduction.ts")).default,
  },
  "2016-luketina/t1-t2": {
    what: "noise and penalties by one step",
    about: "noise and penalties tuned by gradients through one step, against the exact ones and one tuned penalty",
    load: async () => (await import("./2016-luketina/t1-t2/reproduction.ts")).default,
  },
  "2017-franceschi/hyper-cleaning": {
    what: "weights against wrong labels",
    about: "a weight for each training image on MNIST with wrong labels: how much of what they cost is regained",
    load: async () => (await import("./2017-franceschi/hyper-cleaning/reproduction.ts")).default,
  },
  "2021-evograd/rotation": {
    what: "the angle digits were turned by",
    about: "the angle by which digits were turned, found by EvoGrad, T1–T2, the exact hypergradient, and a scan",
    load: async () => (await import("./2021-evograd/rotation/reproduction.ts")).default,
  },
  "2021-evograd/noisy-labels": {
    what: "wrong labels outweighed by loss",
    about: "a network that weighs examples by their loss, tuned on wrong labels by EvoGrad, T1–T2 and reverse mode",
    load: async () => (await import("./2021-evograd/noisy-labels/reproduction.ts")).default,
  },
};
export default papers;
