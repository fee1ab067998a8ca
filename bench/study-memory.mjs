// Peak resident memory of what is done with a whole study, against how many steps it keeps. The command line must be built:
//     node scripts/build.mjs && node bench/study-memory.mjs [STEPS…] [--values 800000] [--dist DIST]
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { values: { type: "string" }, dist: { type: "string" }, run: { type: "string" } },
});
const values = Number(flags.values ?? 800_000);
const dist = resolve(flags.dist ?? "dist");
const from = (path) => import(pathToFileURL(join(dist, path)).href);
const { study } = await from("index.js");

const point = (n) => ({ u: new Float64Array(values).fill(n) });
const start = {
  type: "start", experiment: "e", seed: 0, method: "m", optimizer: "o", engine: "e", precision: "float64", threads: 1,
  weights: 1, hyperparameters: values, groups: { u: values }, innerSteps: 1, outerSteps: 1000, rows: { train: 1 },
  identity: { fingerprint: "f", patience: 9, onChaos: "continue", testCurve: false },
}; // prettier-ignore

async function fill(place, steps) {
  const store = await study.open(place);
  await store.create({ name: "long", experiment: "e" });
  const claim = await store.claim("long");
  await claim.append([{ ...start, at: { point: point(0), optimizer: null } }]);
  for (let n = 0; n < steps; n++) {
    const kept = { point: point(n), optimizer: null, found: { gradient: point(-n), value: 1 } };
    const metrics = { loss: 1 / (n + 1) };
    const at = { type: "step", step: n, best: true, train: metrics, valid: metrics, seconds: 0, kept };
    await claim.append([{ ...at, values: { u: { data: point(n).u, shape: [values] } } }]);
  }
  await claim.release("stopped");
  await store.close();
}

/** In a process of its own: each prints its own peak. */
const RUNS = {
  nothing: async ({ place }) => (await study.open(place)).close(),
  "copy for a fork": async ({ place, steps }) => {
    const { readFork } = await from("store/fork.js");
    const store = await study.open(place);
    const { before, whole } = await readFork(store, { of: "long", step: steps - 1 });
    await store.create({ name: "fork", experiment: "e" });
    const claim = await store.claim("fork");
    await claim.append([{ ...start, at: { point: point(0), optimizer: null } }, ...before], whole);
    await claim.release("stopped");
    await store.close();
  },
};
if (flags.run !== undefined) {
  await RUNS[flags.run]({ place: positionals[0], steps: Number(positionals[1]) });
  peak();
}
function peak() {
  const kB = Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]);
  process.stderr.write(`peak ${Math.round(kB / 1024)}\n`);
}
/** Makes any command print its peak as it ends. */
const HOOK = `data:text/javascript,process.on("exit",()=>{const{readFileSync,writeSync}=process.getBuiltinModule("fs");writeSync(2,"peak "+Math.round(Number(/VmHWM:\\s+(\\d+)/.exec(readFileSync("/proc/self/status","utf8"))[1])/1024)+"\\n")})`;

function measure(args) {
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8", maxBuffer: 2 ** 28 });
  if (status !== 0) throw new Error(stderr);
  return Number(/peak (\d+)\s*$/.exec(stderr)[1]);
}

if (flags.run === undefined) {
  const table = [];
  for (const steps of positionals.length > 0 ? positionals.map(Number) : [4, 16]) {
    const folder = mkdtempSync(join(tmpdir(), "drmad-memory-"));
    const place = join(folder, "studies.db");
    try {
      await fill(place, steps);
      const cli = (...args) => measure(["--import", HOOK, join(dist, "cli/main.js"), ...args, "--store", place]);
      const own = (run) =>
        measure([import.meta.filename, "--run", run, place, String(steps), "--values", String(values), "--dist", dist]);
      const row = { steps };
      row.nothing = own("nothing");
      for (const format of ["json", "csv", "npz", "safetensors", "study"])
        row[format] = cli("export", "long", "--format", format, "--out", join(folder, `long.${format}`));
      row["csv --tensors"] = cli("export", "long", "--format", "csv", "--tensors", "--out", join(folder, "values.csv"));
      row.import = cli("import", join(folder, "long.study"), "--as", "theirs");
      row["copy for a fork"] = own("copy for a fork");
      table.push(row);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
  console.log(`peak resident memory in MiB, ${values} values a tensor, by kept steps`);
  console.table(table);
}
