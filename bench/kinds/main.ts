/**
 * The figures of docs/hyperparameters: every example tuned as `drmad tune FILE --seed N` does it, for the seeds 0, 1 and 2,
 * beside controls. They are recorded in results.json and written into the tables of the pages.
 *
 *     npx jiti bench/kinds/main.ts [NAME…]
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type DefinedExperiment, tune, type TuneResult } from "../../src/index.ts";
import { loadExperiment } from "../../src/cli/load-experiment.ts";
import { EXAMPLES } from "./controls.ts";
import { type Recorded, type Row, table, withTable } from "./table.ts";

const SEEDS = [0, 1, 2];
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const RESULTS = `${ROOT}/bench/kinds/results.json`;
const PAGES = ["docs", "docs/hyperparameters"].flatMap((folder) =>
  readdirSync(`${ROOT}/${folder}`).flatMap((name) => (name.endsWith(".md") ? [`${ROOT}/${folder}/${name}`] : [])),
);

async function tuned(experiment: DefinedExperiment, outerSteps?: number): Promise<readonly TuneResult[]> {
  const results: TuneResult[] = [];
  for (const seed of SEEDS)
    results.push(await tune(experiment, { seed, threads: 1, ...(outerSteps === undefined ? {} : { outerSteps }) }));
  return results;
}

function rowOf(name: string, results: readonly TuneResult[], which: "start" | "tuned"): Row {
  const metrics = Object.keys(results[0]!.test!.start);
  return {
    name,
    valid: results.map(({ steps, best }) => steps[which === "start" ? 0 : best]!.valid.loss),
    test: Object.fromEntries(metrics.map((metric) => [metric, results.map(({ test }) => test![which][metric]!)])),
  };
}

const rounded = (_: string, value: unknown): unknown =>
  typeof value === "number" ? Number(value.toPrecision(6)) : value;

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !EXAMPLES.some((example) => example.name === name));
if (unknown.length > 0)
  throw new Error(`no figures of ${unknown.join(", ")}; there are ${EXAMPLES.map(({ name }) => name).join(", ")}`);

const recorded = new Map<string, Recorded>();
for (const each of JSON.parse(readFileSync(RESULTS, "utf8")) as readonly Recorded[]) recorded.set(each.example, each);
for (const { name, start, controls } of EXAMPLES.filter(
  (example) => wanted.length === 0 || wanted.includes(example.name),
)) {
  const example = await loadExperiment(`${ROOT}/examples/${name}.ts`, undefined);
  const begin = performance.now();
  const results = await tuned(example);
  const rows: Row[] = [rowOf(start, results, "start")];
  for (const { name: control, of, untuned, seesValidation } of controls) {
    const row = rowOf(control, await tuned(of(example), untuned && 0), "tuned");
    rows.push(seesValidation === true ? { name: control, test: row.test } : row);
  }
  rows.push(rowOf("this file", results, "tuned"));
  recorded.set(name, { example: name, seeds: SEEDS, rows });
  const all = EXAMPLES.flatMap((each) => recorded.get(each.name) ?? []);
  writeFileSync(RESULTS, `${JSON.stringify(all, rounded, 1)}\n`);
  process.stdout.write(
    `${name}, ${((performance.now() - begin) / 1000).toFixed(0)} s\n${table(recorded.get(name)!)}\n\n`,
  );
}
for (const page of PAGES) {
  let text = readFileSync(page, "utf8");
  for (const each of recorded.values()) text = withTable(text, each) ?? text;
  writeFileSync(page, text);
}
