/**
 * What a start that is tuned on some tasks is worth on eight others, with rows of their own.
 *
 *     npx jiti bench/kinds/tasks.ts
 */
import { fileURLToPath } from "node:url";
import { type DefinedExperiment, hyper, nn, tune, type TuneResult } from "../../src/index.ts";
import { loadExperiment } from "../../src/cli/load-experiment.ts";
import { changed } from "./controls.ts";
import { record } from "./record.ts";
import type { Row } from "./table.ts";

const upTo = (n: number, from = 0): readonly number[] => Array.from({ length: n }, (_, i) => from + i);
const OTHERS = upTo(8, 100);
const COUNTS = [1, 8, 32];

const example = await loadExperiment(fileURLToPath(new URL("../../examples/tasks.ts", import.meta.url)), undefined);

/** Loss and error of each other task, after training from the experiment's start. */
async function onOthers(name: string, experiment: DefinedExperiment): Promise<Row> {
  const found: TuneResult[] = [];
  for (const seed of OTHERS) found.push(await tune(experiment, { seed, outerSteps: 1, threads: 1 }));
  const starts = found.map(({ steps }) => steps[0]!.valid);
  return { name, test: { loss: starts.map(({ loss }) => loss), error: starts.map((valid) => valid["error"]!) } };
}

const rows: Row[] = [await onOthers("untuned", example)];
for (const count of COUNTS) {
  const { values } = await tune(example, { seeds: upTo(count), threads: 1 });
  const { start, rate } = values;
  const tuned = changed(example, {
    hyper: {
      start: hyper.array(nn.given(start!.shape, [...start!.data])),
      rate: hyper.scalar(rate!.data[0]!, { transform: "log" }),
    },
  });
  rows.push(await onOthers(`tuned on ${count === 1 ? "one task" : `${count} tasks`}`, tuned));
}
record([{ example: "tasks", seeds: OTHERS, rows }]);
