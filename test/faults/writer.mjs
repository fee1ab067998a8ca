// Keeps so many steps of a study, which it takes or makes, as fast as it can.
import { study } from "../../dist/index.js";

const [place, name, steps] = process.argv.slice(2);
const point = (u) => ({ u: Float64Array.of(u, 2, 3) });
const store = await study.open(place);
try {
  if (!(await store.list()).some((each) => each.name === name)) await store.create({ name, experiment: "e" });
  const claim = await store.claim(name);
  const from = claim.from.steps.length;
  if (claim.from.info === undefined)
    await claim.append([{ type: "start", at: { point: point(0), optimizer: null }, outerSteps: Number(steps) }]);
  for (let n = from; n < from + Number(steps); n++) {
    const metrics = { loss: 1 / (n + 1) };
    const kept = { point: point(n), optimizer: null, found: { gradient: point(n), value: 1 } };
    await claim.append([{ type: "step", best: true, step: n, seconds: 0, train: metrics, valid: metrics, kept }]);
    await claim.beat();
  }
  await claim.release("stopped");
} catch (error) {
  console.log(error.code === "study-running" ? error.code : error);
  process.exitCode = 3;
} finally {
  await store.close();
}
