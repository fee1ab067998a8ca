import type { Difference, DirectionCheck, GradientCheck } from "../hypergradient/check.ts";
import { chosenText } from "./chosen.ts";
import { uncompared } from "../study/session.ts";
import { counted, listed, number, table } from "./format.ts";

/** 2^-9 for a step that is a power of two, which all are. */
export const stepText = (step: number): string => `2^${Math.round(Math.log2(step))}`;

const error = (value: number): string => (Number.isFinite(value) ? value.toExponential(1) : String(value));

/** What a check found, in lines for people. */
export function checkReport(experiment: string, check: GradientCheck): readonly string[] {
  return [
    `${experiment}: the hypergradient by ${check.method} against central differences in float64`,
    `validation loss ${number(check.value)}, gradient norm ${number(check.gradientNorm)}, adjoint growth ${number(check.growth)}`,
    ...(check.chosen === undefined ? [] : [chosenText(check.chosen)]),
    ...check.directions.flatMap((direction) => ["", ...directionReport(direction, check.exact)]),
    "",
    ...verdict(check),
    ...(check.unverified.length === 0 ? [] : [`The engine was ${uncompared(check.unverified)}.`]),
  ];
}

function directionReport(check: DirectionCheck, exact: boolean): readonly string[] {
  const { direction, slope, differences, best, roundingFloor, fall, passed } = check;
  const rows = differences.map(({ step, numeric, error: e }) => [stepText(step), numeric.toExponential(9), error(e)]);
  const halving = fall === undefined ? "" : `; halving the step divides it by ${fall.toFixed(1)} (4 is right)`;
  const findings = exact
    ? [
        `best error ${error(best.error)} at step ${stepText(best.step)}; rounding alone causes ${error(roundingFloor)}${halving}`,
        passed ? "agrees" : "DISAGREES",
      ]
    : [ratioText(slope, settled(differences))];
  return [
    `direction ${direction}: slope ${slope.toExponential(9)}`,
    ...[...table([["step", "difference", "relative error"], ...rows]), ...findings].map((line) => `  ${line}`),
  ];
}

/** The difference to believe where no error tells which: the one that moved least when its step was halved. */
function settled(differences: readonly Difference[]): number {
  const moves = differences.slice(1).map(({ numeric }, i) => Math.abs(numeric - differences[i]!.numeric));
  return differences[moves.indexOf(Math.min(...moves)) + 1]!.numeric;
}

const ratioText = (slope: number, truth: number): string =>
  slope * truth > 0
    ? `the slope is ${number(slope / truth)} times the true one, ${truth.toExponential(3)}`
    : `the slope has the wrong sign: the true one is ${truth.toExponential(3)}`;

function verdict({
  method,
  exact,
  deterministic,
  value,
  trainedValue,
  directions,
  passed,
}: GradientCheck): readonly string[] {
  const repeat = deterministic
    ? []
    : ["Two runs at the same point gave different losses: nothing here can be relied on."];
  const otherRun = `${method} DISAGREES: it gave validation loss ${value}, and plain training ends at ${trainedValue}, so it differentiated another run.`;
  const worst = error(Math.max(...directions.map((d) => d.best.error)));
  if (!exact) {
    const falls = directions.filter(({ slope, differences }) => slope * settled(differences) > 0).length;
    const sign =
      falls === directions.length
        ? "every slope has the right sign"
        : `${falls} of ${directions.length} slopes have the right sign`;
    return [
      ...repeat,
      `${method} is an approximation, so this measures it: ${sign}; the worst relative error is ${worst}.`,
    ];
  }
  if (passed) {
    return [
      `${method} agrees with finite differences in ${counted(directions.length, "direction")}; the worst relative error is ${worst}.`,
    ];
  }
  const failed = directions.filter((d) => !d.passed).map((d) => d.direction);
  if (failed.length === 0) return deterministic ? [otherRun] : repeat;
  return [
    ...repeat,
    `${method} DISAGREES with finite differences along ${listed(failed)}. Either the loss is not smooth there (relu, max, abs, ` +
      "rounding, sampling), or the hypergradient is wrong; errors that fall fourfold and then stop point to the latter.",
  ];
}
