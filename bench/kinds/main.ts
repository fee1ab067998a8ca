/**
 * The figures of docs/hyperparameters: every example tuned as `drmad tune FILE --seed N` does it, for the seeds 0, 1 and 2,
 * beside controls. They are recorded in results.json and written into the tables of the pages.
 *
 *     npx jiti bench/kinds/main.ts [NAME…]
 */
import { type DefinedExperiment, tune, type TuneResult } from "../../src/index.ts";
import { loadExperiment } from "../../src/cli/load-experiment.ts";
import { EXAMPLES } from "./controls.ts";
import { record, ROOT } from "./record.ts";
import type { Row } from "./table.ts";

const SEEDS = [0, 1, 2];

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

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !EXAMPLES.some((example) => example.name === name));
if (unknown.length > 0)
  throw new Error(`no figures of ${unknown.join(", ")}; there are ${EXAMPLES.map(({ name }) => name).join(", ")}`);

for (const { name, start, controls } of EXAMPLES.filter(
  (example) => wanted.length === 0 || wanted.includes(example.name),
)) {
  const example = await loadExperiment(`${ROOT}/examples/${name}.ts`, undefined);
  const results = await tuned(example);
  const rows: Row[] = [rowOf(start, results, "start")];
  for (const { name: control, of, untuned, seesValidation } of controls) {
    const row = rowOf(control, await tuned(of(example), untuned && 1), untuned ? "start" : "tuned");
    rows.push(seesValidation === true ? { name: control, test: row.test } : row);
  }
  rows.push(rowOf("this file", results, "tuned"));
  record([{ example: name, seeds: SEEDS, rows }]);
}
