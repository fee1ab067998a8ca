/**
 * The published DrMAD problem (784-50-50-50-10, minibatches of 50, momentum 0.95, one whitening hyperparameter a weight) as a
 * benchmark: time against hand-written NumPy and PyTorch, cost of hypergradients against plain training, extra memory.
 *
 *     DRMAD_DATA=FOLDER npm run bench -- [--rounds N] [--threads 1,2] [--json FILE] [--no-time] [--no-memory]
 *     DRMAD_DATA=FOLDER npm run bench -- --profile     where the time of a step goes
 *
 * Bounds are printed beside figures and asserted nowhere: a machine with other work misses them.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { line } from "./figures.ts";
import { load, machine } from "./machine.ts";
import { measureMemory } from "./measure-memory.ts";
import { measureTimes, type Times } from "./measure-time.ts";
import { dataRoot, TABLE_STEPS } from "./problem.ts";
import { profile } from "./profile.ts";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "7" },
    "memory-rounds": { type: "string", default: "5" },
    threads: { type: "string" },
    json: { type: "string" },
    "no-time": { type: "boolean", default: false },
    "no-memory": { type: "boolean", default: false },
    profile: { type: "boolean", default: false },
  },
});

function whole(name: string, text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  process.stderr.write(`bench: --${name} is ${text}. Give a whole number, at least 1.\n`);
  process.exit(2);
}

dataRoot();
const rounds = whole("rounds", options.rounds);
const memoryRounds = whole("memory-rounds", options["memory-rounds"]);
const say = (text: string): boolean => process.stdout.write(`${text}\n`);
const progress = (text: string): boolean => process.stderr.write(`… ${text}\n`);

/** Load from which other work disturbs the figures. */
const BUSY = 0.5;

const facts = machine();
const before = load();
say(
  `drmad bench: the published DrMAD problem, T = ${TABLE_STEPS}\n` +
    `${facts.processor}, ${facts.cores} cores, ${facts.memory}; ${facts.system}; node ${facts.node}; ` +
    `onnxruntime-node ${facts.onnxruntime}; load ${before.toFixed(2)}`,
);
if (before > BUSY)
  say(`Something else is running here (load above ${BUSY}): take no figure below for more than a guess.`);

if (options.profile) {
  const programs = await profile();
  if (options.json !== undefined)
    writeFileSync(options.json, `${JSON.stringify({ machine: facts, programs }, null, 2)}\n`);
} else {
  const counts = options.threads?.split(",").map((count) => whole("threads", count)) ?? [...new Set([1, facts.cores])];
  const times: Times[] = [];
  if (!options["no-time"]) {
    say(
      `Kernels are warm: the first run of each job is left out. The first-run comparison with the reference interpreter is off ` +
        `(trustEngine).\nEvery job takes its turn in each of ${rounds} rounds, in processes that live on, whole process ` +
        `timed; ratios are taken round by round. Median, least … most.`,
    );
    for (const threads of counts) {
      const measured = await measureTimes(threads, rounds, progress);
      times.push(measured);
      say(`\nTime, ${threads} thread(s)\n  ${measured.versions.join("\n  ")}`);
      for (const agreed of measured.agreement) say(`  ${agreed}`);
      for (const f of measured.figures) say(line(f));
    }
  }
  const memory = options["no-memory"] ? [] : measureMemory(memoryRounds, progress);
  if (memory.length > 0) {
    say(
      `\nExtra peak memory: a fresh process with the method, less a fresh process with plain training and the outer loss's ` +
        `value and gradient,\none thread, ${memoryRounds} rounds. The comparison with the reference interpreter is off in both.`,
    );
    for (const f of memory) say(line(f));
  }
  const after = load();
  say(`\nload ${before.toFixed(2)} before, ${after.toFixed(2)} after, of ${facts.cores} cores`);
  if (options.json !== undefined) {
    const all = { machine: facts, load: { before, after }, warm: true, trustEngine: true, times, memory };
    writeFileSync(options.json, `${JSON.stringify(all, null, 2)}\n`);
  }
}
