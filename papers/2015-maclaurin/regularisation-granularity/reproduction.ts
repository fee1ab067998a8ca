import { methods, reverse, type Method } from "drmad";
import type { Drawing, Expectation, Reproduction, ReproductionContext } from "../../../src/cli/reproduction.ts";
import type { Plain } from "../../descent.ts";
import { type Entry, type HeldOut, heldOut } from "../../held-out.ts";
import { lowest, paired, plusMinus } from "../../statistics.ts";
import { withOrder } from "../../verdict.ts";
import { controlsOf } from "../../ways.ts";
import { judgedOn, type Sharing, type Size, staged, type Staged } from "./experiments.ts";

interface Config extends Size {
  readonly outerSteps: Readonly<Record<Sharing, number>>;
  /** Seeds of splits and initial weights, one after the other from this one; none of them is judged on. */
  readonly tuningSeed: number;
  readonly heldOut: readonly number[];
}

const FULL: Config = {
  rows: 2000,
  test: 1000,
  network: [784, 1000, 1000, 10],
  steps: 100,
  batch: 200,
  outerSteps: { network: 10, layer: 5, unit: 3 },
  tuningSeed: 1000,
  heldOut: [0, 1, 2, 3, 4],
};
const SMALL: Config = {
  ...FULL,
  rows: 400,
  test: 200,
  network: [784, 20, 20, 10],
  steps: 20,
  batch: 50,
  outerSteps: { network: 2, layer: 1, unit: 1 },
  heldOut: [0, 1],
};

interface Stop extends Entry {
  readonly staged?: Staged;
}

const UNTUNED = "untuned";
const NETWORK = "one for the network";
const LAYERS = "then one for each layer";
const UNITS = "then one for each input";
const ONLY_NETWORK = "one for the network, all steps long";

interface Course {
  readonly name: string;
  readonly control?: true;
  readonly method: (seed: number) => Method;
  /** Each with the paper's figure after it. */
  readonly stages: readonly (readonly [sharing: Sharing, steps: number, says: string, paper?: string])[];
}

function courses({ outerSteps: { network, layer, unit } }: Config): readonly Course[] {
  const all = network + layer + unit;
  return [
    {
      name: "",
      method: () => reverse(),
      stages: [
        ["network", network, NETWORK, ".376"],
        ["layer", layer, LAYERS, ".364"],
        ["unit", unit, UNITS, ".355 to .364"],
      ],
    },
    {
      name: "",
      control: true,
      method: () => reverse(),
      stages: [["network", all, ONLY_NETWORK]],
    },
    {
      name: "direct part only: ",
      control: true,
      method: () => methods.directOnly(),
      stages: [
        ["network", network, "network"],
        ["layer", layer, "layers"],
        ["unit", unit, "inputs"],
      ],
    },
    {
      name: "random signs: ",
      control: true,
      method: (seed) => methods.randomSign({ seed }),
      stages: [["unit", all, "inputs"]],
    },
  ];
}

async function stops(size: Config, { folder, part, signal }: ReproductionContext): Promise<readonly Stop[]> {
  const found: Stop[] = [{ name: UNTUNED, control: true, paper: { loss: ".490" }, point: undefined }];
  for (const { name, control, method, stages } of courses(size)) {
    let point: Plain | undefined;
    let seed = size.tuningSeed;
    for (const [sharing, outerSteps, says, paper] of stages) {
      const from = point;
      const stage = { sharing, outerSteps, method: method(seed), seed, signal };
      const made = await part(`tune ${name}${says}`, () => staged(folder("mnist"), size, from, stage));
      point = made.point;
      seed += outerSteps;
      const end = stages.at(-1)![2] === says;
      // Of a control only its end is judged.
      if (control === true && !end) continue;
      found.push({
        name: control === true && stages.length > 1 ? `${name}all stages` : `${name}${says}`,
        ...(control === undefined ? {} : { control }),
        ...(paper === undefined ? {} : { paper: { loss: paper } }),
        point,
        staged: made,
      });
    }
  }
  return found;
}

function conclusions(judged: HeldOut, stops: readonly Stop[]): string[] {
  const losses = (name: string): readonly number[] => judged.figures(name, "loss");
  const told = (name: string): string => plusMinus(losses(name), 3);
  const minus = (a: string, b: string): string => withOrder(paired(losses(a), losses(b)), 3);
  const best = lowest(
    controlsOf(stops).filter((name) => name !== UNTUNED),
    losses,
  );
  return [
    `From ${told(UNTUNED)} untuned, one value for the network comes to ${told(NETWORK)}, layers to ${told(LAYERS)} and inputs to ${told(UNITS)}.`,
    `Layers minus network: ${minus(LAYERS, NETWORK)}; inputs minus layers: ${minus(UNITS, LAYERS)}; inputs minus as many steps of one value for the network: ${minus(UNITS, ONLY_NETWORK)}.`,
    `The best control is ${best}, at ${told(best)}; inputs minus it: ${minus(UNITS, best)}.`,
  ];
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

function expectations({ figures, all }: HeldOut, stops: readonly Stop[], network: readonly number[]): Expectation[] {
  const tuned = stops.flatMap((stop) => (stop.staged === undefined ? [] : stop.staged.losses));
  const lengths = Object.values(pointOf(stops, UNITS)).map(({ length }) => length);
  const [before, after] = [figures(UNTUNED, "loss"), figures(NETWORK, "loss")];
  return [
    {
      what: "every loss is finite",
      holds: all.every(({ loss }) => Number.isFinite(loss)) && tuned.every(Number.isFinite),
      found: `${all.length} trainings judged`,
    },
    {
      what: "there is a value for each input of each layer",
      holds: sum(lengths) === sum(network.slice(0, -1)),
      found: lengths.join(" + "),
    },
    {
      what: "one value for the network lowers the test loss of every seed",
      holds: after.every((v, i) => v < before[i]!),
      found: `${plusMinus(after, 3)} from ${plusMinus(before, 3)}`,
    },
  ];
}

const pointOf = (stops: readonly Stop[], name: string): Plain => stops.find((stop) => stop.name === name)!.point!;

const pixels = (point: Plain): Drawing => ({
  kind: "maps",
  columns: 1,
  maps: [
    {
      title: "Log penalty of each pixel's weights",
      subtitle: "after all three stages; −4 untuned",
      values: point["t.0.W"]!.map((t) => -4 - 2 * t),
      height: 28,
      width: 28,
      label: "log penalty of the weights as they are used",
    },
  ],
});

const reproduction: Reproduction = {
  title: "Regularisation for the network, its layers, its inputs",
  source:
    "Maclaurin, Duvenaud, Adams 2015 (arXiv 1502.03492), the authors' repository (Feb_5_regularization_granularity)",
  claim:
    "Learning one regularisation for all weights, then one for each layer, then one for each input lowers the test loss at each stage.",
  data: ["mnist"],
  minutes: 70,
  config: { full: FULL, small: SMALL },

  async run(context) {
    const size = context.small ? SMALL : FULL;
    const found = await stops(size, context);
    const judged = await heldOut(found, size.heldOut, context, (seed, points) =>
      judgedOn(seed, points, context.folder("mnist"), size, context.signal),
    );
    return {
      tables: [
        { title: "Test loss of trainings on all rows, on seeds not tuned on", unit: "nats", rows: judged.rows("loss") },
        { title: "Test error of the same", unit: "% of test images", rows: judged.rows("error") },
      ],
      conclusions: conclusions(judged, found),
      expectations: expectations(judged, found, size.network),
      drawings: { pixels: pixels(pointOf(found, UNITS)) },
    };
  },
};
export default reproduction;
