/**
 * The pictures of docs/hyperparameters: those that `drmad tune FILE` leaves with seed 0, at half their size.
 *
 *     npx jiti bench/kinds/pictures.ts [NAME…]
 */
import { writeFileSync } from "node:fs";
import { tune } from "../../src/index.ts";
import { pngAssets } from "../../src/cli/assets.ts";
import { loadExperiment } from "../../src/cli/load-experiment.ts";
import { pictured } from "../../src/cli/run-files.ts";
import { tunePictures } from "../../src/cli/tune-pictures.ts";
import { toPng } from "../../src/picture/png.ts";
import { resolveProblem } from "../../src/problem/problem.ts";
import { ROOT } from "./record.ts";

/** Which picture of an example's run stands on its page. */
const PICTURES: Readonly<Record<string, "validation" | "first-layer" | "hyperparameters">> = {
  "rate-per-unit-and-step": "hyperparameters",
  "rate-per-weight": "hyperparameters",
  "initial-scale": "validation",
  "initial-distribution": "hyperparameters",
  "initial-weights": "hyperparameters",
  "l2-per-weight": "hyperparameters",
  "smooth-l1": "hyperparameters",
  "l1-per-input": "first-layer",
  "whitened-weights": "first-layer",
  "weight-sharing": "hyperparameters",
  "training-inputs": "hyperparameters",
  "example-weights": "hyperparameters",
  rotation: "validation",
  "input-scale": "first-layer",
  "input-noise": "first-layer",
  "loss-parameters": "validation",
  clipped: "hyperparameters",
  lbfgs: "validation",
  tasks: "validation",
};
/** Hypergradients of the others are of one training. */
const SEEDS: Readonly<Record<string, readonly number[]>> = { tasks: [0, 1, 2, 3, 4, 5, 6, 7] };

const wanted = process.argv.slice(2);
for (const [name, which] of Object.entries(PICTURES)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const experiment = await loadExperiment(`${ROOT}/examples/${name}.ts`, undefined);
  const seeds = SEEDS[name] ?? [0];
  const result = await tune(experiment, { seeds, threads: 1 });
  const problem = await resolveProblem(experiment, { seed: seeds[0]! });
  const drawn = tunePictures(pictured({ ...result, experiment: name }, problem)).find(([picture]) => picture === which);
  if (drawn === undefined) throw new Error(`${name} leaves no picture ${which}`);
  const png = await toPng(drawn[1], pngAssets(), { scale: 1 });
  writeFileSync(`${ROOT}/docs/images/${name}.png`, png);
  process.stdout.write(`docs/images/${name}.png, ${png.length} bytes\n`);
}
