import { methods, reverse, type Method } from "drmad";
import type { Reproduction, ReproductionContext, Row } from "../../../src/cli/reproduction.ts";
import { mean, paired, plusMinus, show } from "../../statistics.ts";
import { judged, type Plain, type Sharing, type Size, staged, type Staged } from "./experiments.ts";

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

interface Stop {
  readonly name: string;
  readonly control?: true;
  readonly paper?: string;
  readonly point: Plain | undefined;
  readonly staged?: Staged;
}

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
        ["network", network, "one for the network", ".376"],
        ["layer", layer, "then one for each layer", ".364"],
        ["unit", unit, "then one for each input", ".355 to .364"],
      ],
    },
    {
      name: "",
      control: true,
      method: () => reverse(),
      stages: [["network", all, "one for the network, all steps long"]],
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
  const found: Stop[] = [{ name: "untuned", control: true, paper: ".490", point: undefined }];
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
        ...(paper === undefined ? {} : { paper }),
        point,
        staged: made,
      });
    }
  }
  return found;
}

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
    const all = await stops(size, context);
    const judgements: { readonly loss: number; readonly error: number }[][] = [];
    for (const seed of size.heldOut) {
      judgements.push(
        await context.part(`judge on seed ${seed}`, () =>
          judged(
            context.folder("mnist"),
            size,
            seed,
            all.map(({ point }) => point),
            context.signal,
          ),
        ),
      );
    }
    const of = (i: number, what: "loss" | "error", unit = 1): number[] =>
      judgements.map((each) => unit * each[i]![what]);
    const rows = (what: "loss" | "error", unit: number): Row[] =>
      all.map(({ name, control, paper }, i) => ({
        name,
        values: of(i, what, unit),
        ...(control === undefined ? {} : { control }),
        ...(paper === undefined || what === "error" ? {} : { paper }),
      }));
    const against = (a: number, b: number): string => {
      const { difference, error } = paired(of(a, "loss"), of(b, "loss"));
      const clear = Math.abs(difference) > 2 * error;
      return `${show(difference, 3)} ± ${show(error, 3)} (${clear ? (difference < 0 ? "better" : "worse") : "no clear difference"})`;
    };
    const controls = all.flatMap(({ control }, i) => (control === true && i > 0 ? [i] : []));
    const best = controls.reduce((a, b) => (mean(of(a, "loss")) <= mean(of(b, "loss")) ? a : b));
    const units = all[3]!.point!;
    const pixels = units["t.0.W"]!;
    const tuned = all.flatMap((stop) => (stop.staged === undefined ? [] : [stop.staged]));
    return {
      tables: [
        { title: "Test loss of trainings on all rows, on seeds not tuned on", unit: "nats", rows: rows("loss", 1) },
        { title: "Test error of the same", unit: "% of test images", rows: rows("error", 100) },
      ],
      conclusions: [
        `From ${plusMinus(of(0, "loss"), 3)} untuned, one value for the network comes to ${plusMinus(of(1, "loss"), 3)}, layers to ${plusMinus(of(2, "loss"), 3)} and inputs to ${plusMinus(of(3, "loss"), 3)}.`,
        `Layers minus network: ${against(2, 1)}; inputs minus layers: ${against(3, 2)}; inputs minus as many steps of one value for the network: ${against(3, 4)}.`,
        `The best control is ${all[best]!.name}, at ${plusMinus(of(best, "loss"), 3)}; inputs minus it: ${against(3, best)}.`,
      ],
      expectations: [
        {
          what: "every loss is finite",
          holds:
            judgements.flat().every(({ loss }) => Number.isFinite(loss)) &&
            tuned.every(({ losses }) => losses.every(Number.isFinite)),
          found: `${judgements.flat().length} trainings judged`,
        },
        {
          what: "there is a value for each input of each layer",
          holds:
            Object.values(units).reduce((n, { length }) => n + length, 0) ===
            size.network.slice(0, -1).reduce((a, b) => a + b, 0),
          found: Object.values(units)
            .map(({ length }) => length)
            .join(" + "),
        },
        {
          what: "one value for the network lowers the test loss of every seed",
          holds: of(1, "loss").every((v, i) => v < of(0, "loss")[i]!),
          found: `${plusMinus(of(1, "loss"), 3)} from ${plusMinus(of(0, "loss"), 3)}`,
        },
      ],
      drawings: {
        pixels: {
          kind: "maps",
          columns: 1,
          maps: [
            {
              title: "Log penalty of each pixel's weights",
              subtitle: "after all three stages; −4 untuned",
              values: pixels.map((t) => -4 - 2 * t),
              height: 28,
              width: 28,
              label: "log penalty of the weights as they are used",
            },
          ],
        },
      },
    };
  },
};
export default reproduction;
