// Forks or imports a study, and tells at once every moment at which its parent may kill it.
import { writeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { study } from "../../dist/index.js";
import { experiment, OPTIONS } from "./transfer-experiment.mjs";

const { place, kind, name, file } = JSON.parse(process.argv[2]);
const say = (line) => writeSync(1, `${line}\n`);
const store = await study.open(place, { onActivity: (activity) => say(`in ${activity}`) });
const known = (await store.list()).some((each) => each.name === name);
if (kind === "import") {
  if (!known) await store.importStudy(new Uint8Array(await readFile(file)), { as: name });
} else if (known) await study.resume(experiment, { ...OPTIONS, store, name });
else await study.fork(experiment, { ...OPTIONS, store, of: "first", name, outerSteps: 6 });
await store.close();
say("end");
