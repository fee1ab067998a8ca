import type { DefinedExperiment } from "../study/define.ts";
import { digitsL2 } from "./digits-l2.ts";
import { mnistL2 } from "./mnist-l2.ts";

/** An experiment that comes with drmad: whole, or made from a folder of files that its user has. */
export type BuiltIn = { readonly about: string } & (
  | { readonly experiment: DefinedExperiment }
  | {
      /** The data set in the folder. */
      readonly data: "mnist";
      readonly from: (folder: string) => DefinedExperiment;
    }
);

/** By the name that the command line knows them by. */
export const builtIns: Readonly<Record<string, BuiltIn>> = {
  "digits-l2": {
    about: "an L2 penalty for each input of a small network on the embedded 8 x 8 digits",
    experiment: digitsL2(),
  },
  "mnist-l2": {
    about: "the published DrMAD experiment on MNIST; needs its four files",
    data: "mnist",
    from: mnistL2,
  },
};
