import { methods, reverse } from "drmad";
import type { Drawing, Expectation, Reproduction, Table } from "../../../src/cli/reproduction.ts";
import { mean, paired, plusMinus, show } from "../../statistics.ts";
import { clearlyAbove } from "../../verdict.ts";
import { allOutcomes, curvesOf, rowOf, type Outcome, type Way } from "../../ways.ts";
import { rotated, scan, TRUTH, type Size } from "./experiments.ts";

const FULL: Size = {
  rows: { train: 5000, valid: 1000, test: 5000 },
  steps: 300,
  outerSteps: 15,
  seeds: [0, 1, 2, 3, 4],
};
const SMALL: Size = { rows: { train: 500, valid: 200, test: 200 }, steps: 40, outerSteps: 6, seeds: [0] };

const START = 2;
const LEAST = -45;

const from =
  (start: number) =>
  (folder: string, size: Size): ReturnType<typeof rotated> =>
    rotated(folder, size, start);

const TWO = "evograd, 2 copies";
const EXACT = "exact";
const ONE_STEP = "oneStep (T1–T2)";
const RANDOM = "random signs";
const SCAN = "scan from −45° to 45°";
const UPRIGHT = "upright";
const KNOWN = "turned by the true angle";
const WAYS: readonly Way<Size>[] = [
  {
    name: TWO,
    paper: { angle: "28.5 ± 5.2 (LeNet, 40,000 images)", error: "1.9 ± 0.3" },
    experiment: from(START),
    method: (seed) => methods.evograd({ every: 10, seed }),
  },
  {
    name: "evograd, 10 copies",
    experiment: from(START),
    method: (seed) => methods.evograd({ copies: 10, every: 20, seed }),
  },
  { name: EXACT, experiment: from(START), method: () => reverse() },
  { name: ONE_STEP, experiment: from(START), method: () => methods.oneStep({ every: 20 }) },
  { name: RANDOM, control: true, experiment: from(START), method: (seed) => methods.randomSign({ seed }) },
  {
    name: SCAN,
    control: true,
    experiment: from(LEAST),
    method: () => methods.directOnly(),
    optimizer: ({ outerSteps }) => scan((-2 * LEAST) / outerSteps),
  },
  { name: UPRIGHT, paper: { error: "18.2 ± 0.6" }, control: true, experiment: from(0) },
  { name: KNOWN, control: true, experiment: from(TRUTH) },
];
const GRADIENTS = WAYS.filter(({ control }) => control !== true).map(({ name }) => name);

type Of = (name: string) => readonly Outcome[];

/** By the name of a way, a number for each seed. */
interface Figures {
  /** Test error in percent. */
  readonly errors: (name: string) => readonly number[];
  /** In degrees. */
  readonly angles: (name: string) => readonly number[];
  /** Mean points of test error that the turn costs. */
  readonly cost: number;
  /** Percent of the mean of these points. */
  readonly regained: (name: string) => number;
}

function figuresOf(of: Of): Figures {
  const errors = (name: string): number[] => of(name).map(({ tuned }) => 100 * tuned["error"]!);
  const upright = mean(errors(UPRIGHT));
  const cost = upright - mean(errors(KNOWN));
  return {
    errors,
    angles: (name) => of(name).map(({ tuned }) => tuned["degrees"]!),
    cost,
    regained: (name) => (100 * (upright - mean(errors(name)))) / cost,
  };
}

const tables = ({ angles, errors }: Figures): Table[] => [
  {
    title: `Angle at the outer step with the lowest validation loss; the truth is ${TRUTH}°`,
    unit: "degrees",
    rows: WAYS.filter(({ method }) => method !== undefined).map((way) => rowOf(way, angles(way.name), "angle")),
  },
  {
    title: "Test error on turned digits at that step",
    unit: "% of test images",
    rows: WAYS.map((way) => rowOf(way, errors(way.name), "error")),
  },
];

function conclusions({ angles, errors, cost, regained }: Figures, { outerSteps }: Size): string[] {
  const estimate = (name: string): string => {
    const off = mean(angles(name).map((angle) => Math.abs(angle - TRUTH)));
    return `${name} ${plusMinus(angles(name), 1)}° (${show(off, 1)}°)`;
  };
  return [
    `Estimates of ${TRUTH}° (mean ± s.e. over seeds; mean distance): ${GRADIENTS.map(estimate).join(", ")}.`,
    `Of the ${show(cost, 1)} points of test error that the turn costs, evograd with 2 copies regains ${show(regained(TWO), 0)} %, ` +
      `the exact hypergradient ${show(regained(EXACT), 0)} %, random signs ${show(regained(RANDOM), 0)} %.`,
    `A scan of ${outerSteps + 1} angles, as many trainings and no gradient, finds ${plusMinus(angles(SCAN), 1)}° and ends at ` +
      `${plusMinus(errors(SCAN))} % (exact: ${plusMinus(errors(EXACT))} %): ` +
      (clearlyAbove(paired(errors(SCAN), errors(EXACT)))
        ? "worse by more than two paired standard errors."
        : "one hyperparameter does not need a gradient."),
    "Unlike the paper: a network of 196, 100 (tanh) and 10 units on images of 14 × 14 instead of LeNet; an angle is held for a whole training, which is repeated, " +
      `instead of being moved during one; it starts at ${START}°, because a bilinear map has no derivative at 0°. The validation loss does not read the angle, so there is no direct part to compare with.`,
  ];
}

/** What is more than a few seconds' run can show. */
const atFullSize = ({ angles, errors }: Figures): Expectation[] => [
  {
    what: "evograd with 2 copies is within 10° of the truth for every seed",
    holds: angles(TWO).every((angle) => Math.abs(angle - TRUTH) < 10),
    found: plusMinus(angles(TWO), 1),
  },
  {
    what: "random signs do worse than evograd with 2 copies, by more than two paired standard errors",
    holds: clearlyAbove(paired(errors(RANDOM), errors(TWO))),
    found: `${plusMinus(errors(RANDOM))} % and ${plusMinus(errors(TWO))} %`,
  },
];

function expectations(figures: Figures, small: boolean): Expectation[] {
  const { angles, cost, regained } = figures;
  return [
    ...[EXACT, ONE_STEP].map((name) => ({
      what: `${name} comes more than half the way to the true angle, for every seed`,
      holds: angles(name).every((angle) => Math.abs(angle - TRUTH) < (TRUTH - START) / 2),
      found: angles(name).map((angle) => `${show(angle, 1)}°`).join(", "), // prettier-ignore
    })),
    {
      what: "the exact hypergradient regains most of the error that the turn costs",
      holds: regained(EXACT) > 50,
      found: `${show(regained(EXACT), 0)} % of ${show(cost, 1)} points`,
    },
    ...(small ? [] : atFullSize(figures)),
  ];
}

function paths(of: Of, { outerSteps, seeds }: Size): Drawing {
  const drawn = WAYS.filter(({ name }) => [...GRADIENTS, RANDOM].includes(name));
  return {
    kind: "lines",
    title: "Angle by outer step",
    subtitle: `mean over seeds (${seeds.length}); the truth is ${TRUTH}°`,
    xLabel: "outer step",
    yLabel: "angle (degrees)",
    series: [
      ...curvesOf(drawn, of, (valid) => valid["degrees"]!, TWO),
      { name: "truth", x: [0, outerSteps], y: [TRUTH, TRUTH], dashed: true },
    ],
  };
}

const reproduction: Reproduction = {
  title: "The angle by which digits were turned",
  source: "Bohdal, Yang, Hospedales 2021 (arXiv 2106.10575), the rotation experiment",
  claim:
    "EvoGrad, without second derivatives, finds the angle between upright training digits and turned validation digits, and with it almost all the accuracy that the turn had cost.",
  data: ["mnist"],
  minutes: 15,
  config: { full: FULL, small: SMALL },

  async run(context) {
    const size = context.small ? SMALL : FULL;
    const of = await allOutcomes(WAYS, size, context.folder("mnist"), context);
    const figures = figuresOf(of);
    return {
      tables: tables(figures),
      conclusions: conclusions(figures, size),
      expectations: expectations(figures, context.small),
      drawings: { angles: paths(of, size) },
    };
  },
};
export default reproduction;
