import type { Catalogue } from "../src/cli/reproduction.ts";

/** Every reproduction by its id, which is also its folder. */
const papers: Catalogue = {
  "2015-maclaurin/schedules": {
    about: "a learning rate and a momentum for each step and layer, learned, beside the best constants",
    load: async () => (await import("./2015-maclaurin/schedules/reproduction.ts")).default,
  },
  "2016-fu/mnist-penalties": {
    about: "a penalty for each input on MNIST: test error by DrMAD, exact and better methods, and controls",
    load: async () => (await import("./2016-fu/mnist-penalties/reproduction.ts")).default,
  },
};
export default papers;
