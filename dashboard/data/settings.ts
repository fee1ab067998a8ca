import type { StudyView } from "../../src/server/api.ts";
import { count, num } from "./numbers.ts";

export type Setting = readonly [name: string, text: string];

/** What settings are called, by their names in the store and in programs. */
const NAMES: Readonly<Record<string, string>> = {
  experiment: "experiment",
  method: "method",
  optimizer: "outer optimiser",
  update: "how the outer optimiser moves",
  outerSteps: "outer steps",
  innerSteps: "training steps",
  batch: "rows of a minibatch",
  seed: "seed",
  seeds: "seeds",
  precision: "precision",
  weights: "weights",
  rows: "rows",
  groups: "tuned",
  fidelityPlan: "fidelity",
  fingerprint: "data, losses or starting values",
  patience: "patience",
  onChaos: "where it is chaotic",
  testCurve: "test curve",
  engine: "engine",
  threads: "threads",
  keep: "arrays kept",
  clip: "clipped at",
  coarseToFine: "coarse to fine",
};

/** A setting in words; one that this page does not know by its own name. */
export const settingName = (name: string): string => (Object.hasOwn(NAMES, name) ? NAMES[name]! : name);

/** Settings as text, sorted by name, nested ones by their path. */
export function settingsOf(settings: unknown, prefix = ""): readonly Setting[] {
  if (settings === null || typeof settings !== "object") return [[prefix, String(settings)]];
  const list = Array.isArray(settings);
  if (list && settings.every((v) => v === null || typeof v !== "object")) return [[prefix, settings.join(", ")]];
  return Object.entries(settings)
    .sort(([a], [b]) => (list ? 0 : a < b ? -1 : 1))
    .flatMap(([name, inner]) => settingsOf(inner, prefix === "" ? name : `${prefix}.${name}`));
}

/** The last part of a path. */
export const fileName = (path: string): string => path.split(/[\\/]/).findLast((part) => part !== "") ?? path;

/** `100 train, 900 valid`, of counts by name. */
export const countsText = (counts: object): string =>
  Object.entries(counts)
    .map(([name, n]) => `${count(num(n as number))} ${name}`)
    .join(", ");

type Start = NonNullable<StudyView["start"]>;
const TOLD_BY_START = [
  "seed",
  "seeds",
  "outerSteps",
  "threads",
  "method",
  "optimizer",
  "precision",
  "fidelity",
  "steps",
];

/** The settings that people choose, in words and in the order in which one asks for them. */
export function mainSettings({ start, summary }: Pick<StudyView, "start" | "summary">): readonly Setting[] {
  const told: readonly Setting[] = start === null ? [["experiment", fileName(summary.experiment)]] : ofStart(start);
  const given = settingsOf(summary.options)
    .filter(([name]) => !/^(?:begun|fork)\.|^$/.test(name))
    .map(([name, text]): Setting => [name.replace(/^tune\./, ""), text])
    .filter(([name]) => !TOLD_BY_START.includes(name));
  return [...told, ...given.map(([name, text]): Setting => [settingName(name), text])];
}

function ofStart(start: Start): readonly Setting[] {
  const { experiment, method, optimizer, outerSteps, innerSteps, precision, seed, seeds, fidelityPlan } = start;
  const every = fidelityPlan === undefined ? null : num((fidelityPlan as { readonly every?: number }).every);
  const fidelity =
    every === null ? "not measured" : Number.isNaN(every) ? "at the first and the best" : `every ${every} outer steps`;
  return [
    ["experiment", experiment],
    [settingName("method"), method],
    ...settingsOfIts("method", start.methodSettings),
    [settingName("optimizer"), optimizer],
    ...settingsOfIts("optimizer", start.optimizerSettings),
    [settingName("outerSteps"), count(num(outerSteps))],
    [settingName("innerSteps"), count(num(innerSteps))],
    ...(start.batch === undefined ? [] : ([[settingName("batch"), count(num(start.batch))]] as const)),
    [settingName("groups"), Object.entries(start.groups).map(([name, n]) => `${name} (${count(num(n))})`).join(", ")], // prettier-ignore
    [settingName("rows"), countsText(start.rows)],
    [settingName("weights"), count(num(start.weights))],
    seeds === undefined ? ["seed", String(seed)] : ["seeds", seeds.join(", ")],
    [settingName("precision"), precision],
    [settingName("fidelityPlan"), fidelity],
  ];
}

/** What a method or an optimiser was made with, where it says so. */
function settingsOfIts(of: "method" | "optimizer", settings: Start["methodSettings"]): readonly Setting[] {
  const told = Object.entries(settings ?? {}).map(([name, value]) => `${name} ${String(value)}`);
  return told.length === 0 ? [] : [[`settings of the ${settingName(of)}`, told.join(", ")]];
}

/** The command that began it, as one would type it; undefined where a program did. */
export function commandOf({ options }: StudyView["summary"]): string | undefined {
  const { args } = (options as { readonly begun?: { readonly args?: unknown } }).begun ?? {};
  if (!Array.isArray(args) || args.length === 0) return undefined;
  const quoted = args
    .map(String)
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`));
  return `drmad tune ${quoted.join(" ")}`;
}

/** What else is known of how it was begun: what mostly follows from the rest, or says where it ran. */
export function otherSettings({ start, summary }: Pick<StudyView, "start" | "summary">): readonly Setting[] {
  const command = commandOf(summary);
  return [
    ...(command === undefined ? [] : ([["command", command]] as const)),
    ["file", summary.experiment],
    ["SHA-256 of the file", summary.hash ?? "–"],
    ...(start === null
      ? []
      : ([
          [settingName("engine"), start.engine],
          [settingName("threads"), String(start.threads)],
          ...(start.image === undefined ? [] : ([["image", `${start.image.height} × ${start.image.width}`]] as const)),
        ] as const)),
  ];
}
