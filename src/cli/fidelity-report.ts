import type { Agreement } from "../hypergradient/agreement.ts";
import type { AdjointGrowth, FidelityReport, GroupParts } from "../hypergradient/fidelity.ts";
import type { StepFidelity } from "../study/events.ts";
import type { FidelityPlan } from "../study/fidelity.ts";
import { count, number, seconds, short, table } from "./format.ts";

/** Most rows of groups and tensors that a report lists. */
const MOST_ROWS = 16;

const figure = (value: number | undefined): string => (value === undefined ? "-" : short(value));
const share = (value: number | undefined): string => (value === undefined ? "-" : `${(100 * value).toFixed(1)} %`);

const cells = ({ cosine, lengthRatio, signAgreement, signs }: Agreement): string[] => [
  figure(cosine),
  figure(lengthRatio),
  share(signAgreement),
  count(signs.missing + signs.none),
];

function groupRows(groups: Readonly<Record<string, GroupParts>>): string[][] {
  return Object.entries(groups).flatMap(([name, group]) => [
    [`  ${name}`, ...cells(group.through), group.trust],
    ...Object.entries(group.tensors ?? {}).map(([tensor, parts]) => [
      `    ${tensor}`,
      ...cells(parts.through),
      parts.trust,
    ]),
  ]);
}

const growthText = ({ growth, growthPassedAt }: AdjointGrowth): string =>
  `${number(growth)}${growthPassedAt === undefined ? "" : ` (past 1,000 at training step ${growthPassedAt})`}`;

/** What measuring found, in lines for people; the verdict first among the sentences. */
export function fidelityReport(report: FidelityReport): readonly string[] {
  const { method, exact, exactGrowth, verdict, remarks } = report;
  const { training, method: own, exact: other } = report.seconds;
  const cost = (name: string, value: number): string =>
    `${name} ${seconds(value)} (${short(value / training)} trainings)`;
  const costs = `cost: ${cost(method, own)}, ${cost(exact, other)}, one training ${training.toPrecision(2)} s; first runs compile`;
  if (report.outcome !== "ok") {
    return [
      `${method} against the exact hypergradient by ${exact}: ${report.message}`,
      `adjoint growth: exact ${growthText(exactGrowth)}`,
      costs,
      "",
      verdict,
      ...remarks,
    ];
  }
  const { total, through, direct, trust, groups, growth } = report;
  const rows = groupRows(groups);
  const more = rows.length - MOST_ROWS;
  return [
    `${method} against the exact hypergradient by ${exact}`,
    ...table([
      ["", "cosine", "length", "signs right", "zeros", "trust"],
      ["whole", ...cells(total), ""],
      ["direct part alone", ...cells(direct), ""],
      ["through training", ...cells(through), trust],
      ...rows.slice(0, MOST_ROWS),
    ]),
    ...(more > 0 ? [`and ${count(more)} more`] : []),
    `adjoint growth: ${growthText(growth)}, exact ${growthText(exactGrowth)}`,
    costs,
    "",
    verdict,
    ...remarks,
  ];
}

/** One line of a study that runs. */
export function fidelityLine(report: StepFidelity): string {
  const { step, method } = report;
  if (report.outcome !== "ok") return `fidelity at step ${step}: ${method} has no hypergradient: ${report.message}`;
  const { through, total, trust } = report;
  return (
    `fidelity at step ${step}: through training cosine ${figure(through.cosine)}, length ${figure(through.lengthRatio)} times, ` +
    `signs ${share(through.signAgreement)}; whole cosine ${figure(total.cosine)}; trust: ${trust}`
  );
}

/** Before it runs: when it is measured and what that costs. */
export const fidelityHeading = ({ every, exact, trainings }: FidelityPlan): string =>
  `fidelity to ${exact} at ${every === undefined ? "the first step" : every === 1 ? "every step" : `every ${count(every)} steps`} and the chosen one; ` +
  `each measurement costs about ${trainings} trainings, the chosen one's may cost the method once more`;

/** What a study measured, for its end. */
export function fidelitySummary(reports: readonly StepFidelity[]): readonly string[] {
  const last = reports.at(-1);
  if (last === undefined) return ["The fidelity of the method could not be measured."];
  return [...reports.map(fidelityLine), last.verdict, ...last.remarks];
}
