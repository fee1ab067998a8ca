import { DrmadError, requireOptions, type OptionNames } from "../errors.ts";
import type { Method } from "../hypergradient/method.ts";
import { reverse } from "../hypergradient/reverse.ts";
import { adam } from "../outer/adam.ts";
import type { OuterOptimizer } from "../outer/optimizer.ts";
import { requireSeed } from "../data/random.ts";
import type { Experiment } from "../problem/experiment.ts";
import { checkedMethod, requireOptimizer } from "./checked.ts";
import type { TuneDefaults } from "./define.ts";
import type { TuneEvent } from "./events.ts";
import { requireFidelity } from "./fidelity.ts";
import { SESSION_OPTIONS, type SessionOptions } from "./session.ts";

export interface TuneOptions extends SessionOptions {
  /** Default: the experiment's, else `reverse`. */
  readonly method?: Method;
  /** Default: the experiment's, else `adam({ rate: 0.05 })`. */
  readonly optimizer?: OuterOptimizer;
  /** Updates of the hyperparameters; each costs a training and a hypergradient. Default: the experiment's, else 20. */
  readonly outerSteps?: number;
  /** Stop once this many steps in a row brought no better validation loss. Default 10. */
  readonly patience?: number;
  /** Stop before a step that would begin after this many seconds. */
  readonly seconds?: number;
  /** Evaluate the test split at every step too, as a diagnostic that chooses nothing. */
  readonly testCurve?: boolean;
  /**
   * Measures the method against the exact hypergradient, at the first step and at the chosen one; with a number, at every so
   * many steps from the first as well. It changes nothing else. Each costs about 4 or 5 trainings, the chosen one's the
   * method once more.
   */
  readonly fidelity?: boolean | number;
  /** What to do where a hypergradient is chaotic, before anything is moved by it: warn and go on, or stop. Default `continue`. */
  readonly onChaos?: "continue" | "stop";
  /**
   * Average over seeds: every outer step trains once for each, and moves by the mean of their hypergradients. Losses and
   * metrics are means too, and the result is the step with the lowest mean validation loss. Instead of `seed`.
   *
   * Right: where one training's hypergradient is mostly noise of its minibatches, initial weights or split, and for results
   * that hold for other seeds. With `data` a function of the seed, splits are averaged over as well; then the test rows should
   * be the same for every seed (a warning says where they are not). Cost: so many times the time. Memory: one training at a
   * time, the last states of the start and the best step for each, and the data of each where they differ.
   */
  readonly seeds?: readonly number[];
  readonly onEvent?: (event: TuneEvent) => void;
}

export const TUNE_OPTIONS: OptionNames<TuneOptions> = {
  ...SESSION_OPTIONS,
  method: "method?",
  optimizer: "optimizer?",
  outerSteps: "number?",
  patience: "number?",
  seconds: "number?",
  testCurve: "boolean?",
  fidelity: "boolean or number?",
  onChaos: "text?",
  seeds: "list?",
  onEvent: "function?",
};

export interface Settings {
  readonly method: Method;
  readonly optimizer: OuterOptimizer;
  readonly outerSteps: number;
  readonly patience: number;
}

/** @throws DrmadError invalid-argument */
export function settingsOf(experiment: Experiment, options: TuneOptions): Settings {
  requireOptions("tune", options, TUNE_OPTIONS);
  const defaults = experiment.options as TuneDefaults;
  const settings = {
    method: checkedMethod(options.method ?? defaults.method ?? reverse()),
    optimizer: options.optimizer ?? defaults.outer?.optimizer ?? adam({ rate: 0.05 }),
    outerSteps: options.outerSteps ?? defaults.outer?.steps ?? 20,
    patience: options.patience ?? 10,
  };
  for (const [name, value] of [
    ["outer steps", settings.outerSteps],
    ["patience", settings.patience],
  ] as const) {
    if (!Number.isInteger(value) || value < 1) {
      throw new DrmadError("invalid-argument", `${name}: ${value}`, { hint: "Give a whole number, at least 1." });
    }
  }
  requireOptimizer(settings.optimizer);
  requireSeeds(options);
  requireFidelity(options.fidelity ?? false);
  const { seconds, onChaos = "continue" } = options;
  if (!["continue", "stop"].includes(onChaos)) {
    throw new DrmadError("invalid-argument", `onChaos: ${JSON.stringify(onChaos)}`, {
      hint: 'Give "continue" or "stop".',
    });
  }
  if (seconds !== undefined && !(seconds > 0 && Number.isFinite(seconds))) {
    throw new DrmadError("invalid-argument", `seconds: ${seconds}`, { hint: "Give a finite number above 0." });
  }
  return settings;
}

const refused = (what: string, hint: string): DrmadError => new DrmadError("invalid-argument", what, { hint });

function requireSeeds({ seed, seeds }: TuneOptions): void {
  if (seeds === undefined) return;
  if (seed !== undefined)
    throw refused(`both seed ${seed} and seeds were given`, "Give seeds alone: the seed is one of them.");
  if (!Array.isArray(seeds) || seeds.length === 0)
    throw refused(`seeds: ${JSON.stringify(seeds)}`, "Give a list with at least one seed, such as [0, 1, 2].");
  for (const each of seeds) {
    if (typeof each !== "number") throw refused(`seeds holds ${JSON.stringify(each)}`, "Give whole numbers from 0.");
    requireSeed("tune", each);
  }
  const twice = seeds.find((each, i) => seeds.indexOf(each) !== i);
  if (twice !== undefined)
    throw refused(`seeds holds ${twice} twice`, "The same seed again is the same training again: give it once.");
}
