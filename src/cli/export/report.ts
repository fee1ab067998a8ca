import type { Metrics } from "../../study/events.ts";
import { fidelityReport } from "../fidelity-report.ts";
import { count, counted, metricText, number, seconds, shellWord, short } from "../format.ts";
import { statistics } from "../statistics.ts";
import { verdicts, type Figures } from "../tune-summary.ts";
import { forkText, timesText, withSettings } from "../study-text.ts";
import { tuneCharts } from "../tune-pictures.ts";
import { VERSION } from "../version.ts";
import { escapeHtml, htmlTable, page, tag } from "./page.ts";
import { picturedOf } from "./pictures.ts";
import { stepOf, type Source, type StepChoice, type Values } from "./source.ts";

const paragraph = (text: string, attributes = ""): string => tag("p", escapeHtml(text), attributes);
const heading = (text: string): string => tag("h2", escapeHtml(text));

/**
 * One page that has all of a study which a person would send to a colleague: what came of it, curves, tuned tensors, settings,
 * warnings, what was measured, and how to use the values. Pictures and styles are within; nothing runs, nothing is fetched.
 */
export async function reportHtml(source: Source, choice: StepChoice): Promise<string> {
  const step = stepOf(source, choice);
  const values = await source.valuesAt(step);
  const start = await source.start();
  const study = picturedOf(source, step, values, start);
  const charts = new Map(tuneCharts(study).map(({ name, charts }) => [name, charts]));
  const figures = (name: string): readonly string[] => (charts.get(name) ?? []).map((svg) => tag("figure", svg));
  const { info, summary } = source;
  const title = `${info.experiment}: ${counted(info.hyperparameters, "hyperparameter")} tuned with ${info.method}`;
  return page(title, [
    tag("h1", escapeHtml(title)),
    paragraph(identityLine(source), 'class="muted"'),
    ...overview(source, step),
    ...warningParts(source),
    heading("Curves"),
    ...figures("validation"),
    heading("Tuned values"),
    paragraph(
      `Natural values at outer step ${step}${step === source.best ? ", which has the lowest validation loss" : ""}.`,
    ),
    tensorTable(source, values, start),
    ...figures("first-layer"),
    ...figures("hyperparameters"),
    ...measured(source),
    heading("Settings"),
    htmlTable(["setting", "value"], settings(source), 2),
    ...folded("Every outer step", stepTable(source)),
    ...(summary?.source == null ? [] : folded("The experiment's file", tag("pre", escapeHtmlLines(summary.source)))),
    ...use(source),
    paragraph(`Written by drmad ${VERSION}.`, 'class="muted"'),
  ]);
}

/** Source text, with its lines. */
const escapeHtmlLines = (text: string): string =>
  text
    .split("\n")
    .map((line) => escapeHtml(line))
    .join("\n");

const folded = (title: string, content: string): readonly string[] => [
  tag("details", tag("summary", escapeHtml(title)) + content),
];

function identityLine({ name, summary, result }: Source): string {
  if (summary === undefined) return `Run in ${name}`;
  const when = `begun ${day(summary.created)}, last step ${day(summary.updated)} (UTC)`;
  const tags = summary.tags.length === 0 ? "" : `; ${summary.tags.join(", ")}`;
  return `Study ${name}, ${result === undefined ? `${summary.state}, not ended` : summary.state}; ${when}${tags}`;
}

const day = (date: Date): string => date.toISOString().slice(0, 16).replace("T", " ");

const metricRows = (split: string, before: Metrics, after: Metrics): string[][] =>
  Object.keys(before).map((metric) => [
    `${split} ${metric}`,
    metricText(metric, before[metric]!),
    metricText(metric, after[metric]!),
  ]);

function overview(source: Source, step: number): readonly string[] {
  const { steps, result, summary } = source;
  const [first, chosen] = [steps[0]!, steps[step]!];
  const test = step === source.best ? result?.test : undefined;
  return [
    ...(source.fork === undefined ? [] : [paragraph(`It ${forkText(source.fork)}.`)]),
    ...(summary === undefined || summary.notes === "" ? [] : [paragraph(summary.notes)]),
    htmlTable(
      ["", "untuned", `outer step ${step}`],
      [
        ...metricRows("training", first.train, chosen.train),
        ...metricRows("validation", first.valid, chosen.valid),
        ...(test === undefined ? [] : metricRows("test", test.start, test.tuned)),
      ],
    ),
    ...(result === undefined
      ? [paragraph("The study has not ended: these are its figures so far, and the test rows have not been read.")]
      : // What was measured has a section of its own.
        verdicts(without(result)).map((text) => paragraph(text))),
  ];
}

const without = ({ fidelity: _fidelity, ...rest }: Figures): Figures => rest;

const warningParts = ({ warnings }: Source): readonly string[] =>
  [...new Set(warnings)].map((text) => paragraph(`Warning: ${text}`, 'class="warning"'));

function tensorTable(source: Source, values: Values, start: Values | undefined): string {
  const known = new Map((source.info.tensors ?? []).map((tensor) => [tensor.name, tensor]));
  const rows = Object.entries(values).map(([name, { data, shape }]) => {
    const { min, median, max } = statistics(data);
    const tensor = known.get(name);
    const before = start?.[name]?.data;
    const alike = before?.every((value) => value === before[0]) === true;
    return [
      name,
      [tensor?.sharing ?? "", tensor?.perStep === true ? "per step" : "", tensor?.transform ?? ""]
        .filter(Boolean)
        .join(", "),
      tensor?.uses?.join(", ") || "-",
      `[${shape.join(", ")}]`,
      before === undefined ? "-" : alike ? short(before[0]!) : "varies",
      ...[min, median, max].map(number),
    ];
  });
  return htmlTable(["tensor", "kind", "reaches", "shape", "start", "min", "median", "max"], rows, 3);
}

/** How near the hypergradients were to exact ones, as far as it was measured. */
function measured({ fidelity, info, chosen }: Source): readonly string[] {
  const plan = info.fidelityPlan;
  const text =
    fidelity.length > 0
      ? fidelity.map(
          (report) =>
            tag("h3", `Outer step ${report.step}`) + tag("pre", escapeHtmlLines(fidelityReport(report).join("\n"))),
        )
      : [
          paragraph(
            plan === undefined
              ? `The hypergradients of ${info.method} were not measured against exact ones in this study. An exact method needs no ` +
                  `measurement; how near an approximate one was here, drmad tune --fidelity and drmad check say.`
              : "The fidelity of the method was to be measured, and is not yet, or could not be.",
          ),
        ];
  return [
    heading("What was measured"),
    ...(chosen === undefined ? [] : [paragraph(`The method chose ${chosen.name}: ${chosen.why}.`)]),
    ...text,
  ];
}

function settings({ info, summary, result, fork, times }: Source): string[][] {
  const begun = summary?.options["begun"] as { readonly args?: readonly string[] } | undefined;
  const rows = Object.entries(info.rows).map(([split, n]) => `${count(n)} ${split}`);
  return [
    ["experiment", summary?.experiment ?? info.experiment],
    ...(begun?.args === undefined || summary?.options["fork"] !== undefined
      ? []
      : [["begun by", `drmad tune ${begun.args.map(shellWord).join(" ")}`]]),
    ...(fork === undefined ? [] : [["fork", forkText(fork)]]),
    ["method", withSettings(info.method, info.methodSettings)],
    ["outer optimizer", withSettings(info.optimizer, info.optimizerSettings)],
    ["outer steps", `${info.outerSteps} asked for`],
    ["training steps", count(info.innerSteps)],
    ...(info.batch === undefined
      ? []
      : [["rows of a minibatch", info.batch === info.rows["train"] ? "all" : count(info.batch)]]),
    ["weights", count(info.weights)],
    [
      "hyperparameters",
      Object.entries(info.groups)
        .map(([name, n]) => `${name}: ${count(n)}`)
        .join(", "),
    ],
    ["rows", rows.join(", ")],
    [info.seeds === undefined ? "seed" : "seeds", (info.seeds ?? [info.seed]).join(", ")],
    ["engine", `${info.engine}, ${info.precision}, ${counted(info.threads, "thread")}`],
    ...timeRows(result, times),
    ...(summary?.hash == null ? [] : [["SHA-256 of the experiment's file", summary.hash]]),
  ];
}

function timeRows(result: Figures | undefined, times: Source["times"]): string[][] {
  if (times !== undefined) return [["time", timesText(times, "the last run")]];
  return result === undefined ? [] : [["time", seconds(result.seconds)]];
}

function stepTable({ steps, best }: Source): string {
  const metrics = Object.keys(steps[0]!.valid);
  return htmlTable(
    ["step", ...metrics.flatMap((m) => [`train ${m}`, `valid ${m}`]), "gradient norm", "growth", "seconds"],
    steps.map((record) => [
      `${record.step}${record.step === best ? " (best)" : ""}`,
      ...metrics.flatMap((m) => [metricText(m, record.train[m]!), metricText(m, record.valid[m]!)]),
      record.gradientNorm === undefined ? "-" : number(record.gradientNorm),
      record.growth === undefined ? "-" : number(record.growth),
      record.seconds.toFixed(2),
    ]),
  );
}

function use({ name, summary }: Source): readonly string[] {
  const study = shellWord(name);
  const code = `drmad export ${study} --format safetensors --out values.safetensors
drmad export ${study} --for pytorch --out tuned      # the values, and Python that applies them

# Python
from safetensors.numpy import load_file
values = load_file("values.safetensors")             # natural values by name, as above`;
  return [
    heading("How to use the values"),
    paragraph(
      "They are natural values: what the training loss and the optimiser see, not the unconstrained coordinates that were tuned. " +
        "They were tuned for this loss, this batch size and this number of training steps.",
    ),
    tag("pre", escapeHtmlLines(code)),
    ...(summary === undefined
      ? []
      : [
          paragraph("The whole study, to look at or to go on with elsewhere:"),
          tag("pre", escapeHtml(`drmad export ${study} --format study`)),
        ]),
  ];
}
