import { mul, sub } from "../tensor/elementwise.ts";
import type { Dynamics, Setting } from "./dynamics.ts";

/** w_{t+1} = w_t − α_t g_t, with rate α. */
export const sgd = (settings: { readonly rate: Setting }): Dynamics => ({
  name: "sgd",
  settings: { rate: settings.rate },
  slots: [],
  step: ({ weight }, gradient, { rate }) => ({ weight: sub(weight, mul(rate!, gradient)), slots: {} }),
});
