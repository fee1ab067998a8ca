import type { Catalogue } from "../src/cli/reproduction.ts";

/** Every reproduction by its id, which is also its folder. */
const papers: Catalogue = {
  "2016-fu/mnist-penalties": {
    about: "a penalty for each input on MNIST: test error by DrMAD, exact and better methods, and controls",
    load: async () => (await import("./2016-fu/mnist-penalties/reproduction.ts")).default,
  },
  "2015-maclaurin/omniglot-sharing": {
    about: "which layers networks for ten alphabets share: learned matrices against separate and tied networks",
    load: async () => (await import("./2015-maclaurin/omniglot-sharing/reproduction.ts")).default,
  },
  "2016-luketina/t1-t2": {
    about: "noise and penalties tuned by gradients through one step, against the exact ones and one tuned penalty",
    load: async () => (await import("./2016-luketina/t1-t2/reproduction.ts")).default,
  },
  "2017-franceschi/hyper-cleaning": {
    about: "a weight for each training image on MNIST with wrong labels: how much of what they cost is regained",
    load: async () => (await import("./2017-franceschi/hyper-cleaning/reproduction.ts")).default,
  },
  "2021-evograd/rotation": {
    about: "the angle by which digits were turned, found by EvoGrad, T1–T2, the exact hypergradient, and a scan",
    load: async () => (await import("./2021-evograd/rotation/reproduction.ts")).default,
  },
};
export default papers;
