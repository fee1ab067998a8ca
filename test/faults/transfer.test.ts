import { spawn } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { substream } from "../../src/data/random.ts";
import { parseZip } from "../../src/data/zip.ts";
import { open } from "../../src/store/open.ts";
import { encodeSafetensors } from "../../src/store/safetensors.ts";
import type { Store } from "../../src/store/store.ts";
import { sha256 } from "../../src/store/tensor-bytes.ts";
import { buildFirst, temporaryFolder } from "../cli/run-cli.ts";

/** Of each kind; DRMAD_KILLS=2000 for a long run. */
const KILLS = Math.max(8, Math.round(Number(process.env["DRMAD_KILLS"] ?? (process.env["CI"] ? 200 : 80)) / 10));
const SEED = process.env["DRMAD_KILL_SEED"] ?? "moves";
const HERE = fileURLToPath(new URL("./", import.meta.url));
const OUTER_STEPS = 3;

const folder = temporaryFolder();
const place = join(folder, "studies.db");
const file = join(folder, "first.zip");
buildFirst();

interface Life {
  /** The last that it said. */
  readonly end: string;
  readonly killed: boolean;
}

/** Runs the child, and kills it so long after it has said so many lines. */
function live(
  kind: "fork" | "import",
  name: string,
  aim?: { readonly lines: number; readonly ms: number },
): Promise<Life> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [
      join(HERE, "transfer-child.mjs"),
      JSON.stringify({ place, kind, name, file }),
    ]);
    let [text, errors, armed] = ["", "", false];
    child.stdout.on("data", (piece: Buffer) => {
      text += piece.toString();
      if (aim === undefined || armed || text.split("\n").length <= aim.lines) return;
      armed = true;
      setTimeout(() => child.kill("SIGKILL"), aim.ms);
    });
    child.stderr.on("data", (piece: Buffer) => (errors += piece.toString()));
    child.on("error", reject);
    child.on("close", (code, signal) => {
      const end = text.trimEnd().split("\n").at(-1)!.replace(/^in /, "");
      if (signal === "SIGKILL" || code === 0) resolve({ end, killed: signal === "SIGKILL" });
      else reject(new Error(`the child ended with ${code ?? signal}: ${errors}`));
    });
  });
}

/** All that a study came to, but for how long things took. */
async function outcome(store: Store, name: string): Promise<string> {
  const logged = (await store.events(name)).filter(({ event }) => ["step", "result", "fork"].includes(event.type));
  const files: string[] = [];
  for (const { sequence } of logged) {
    const all = Object.entries(await store.tensors(name, sequence)).filter(([path]) => !path.includes("optimizer"));
    files.push(Buffer.from(encodeSafetensors(Object.fromEntries(all))).toString("base64"));
  }
  return JSON.stringify({ events: logged.map(({ event }) => event), files }, (key, value: unknown) =>
    key === "seconds" ? 0 : value,
  );
}

/** The SHA-256 of each file of an export, all but the name in its manifest. */
function renamed(bytes: Uint8Array): Record<string, string> {
  const files = [...parseZip(bytes)].map(([name, read]): [string, Uint8Array] => {
    if (name !== "study.json") return [name, read()];
    const manifest = JSON.parse(new TextDecoder().decode(read())) as object;
    return [name, new TextEncoder().encode(JSON.stringify({ ...manifest, name: "" }))];
  });
  return Object.fromEntries(files.map(([name, contents]) => [name, sha256(contents)]));
}

let whole: Uint8Array;
let forked: string;
beforeAll(async () => {
  const own = pathToFileURL(join(HERE, "transfer-experiment.mjs")).href;
  const compiled = pathToFileURL(join(HERE, "../../dist/index.js")).href;
  const { experiment, OPTIONS } = (await import(own)) as { experiment: never; OPTIONS: object };
  const { study } = (await import(compiled)) as { study: { tune(...given: unknown[]): Promise<unknown> } };
  const store = await open(place);
  await study.tune(experiment, { ...OPTIONS, store, name: "first", outerSteps: OUTER_STEPS });
  whole = await store.exportStudy("first");
  writeFileSync(file, whole);
  expect((await live("fork", "undisturbed")).end).toBe("end");
  forked = await outcome(store, "undisturbed");
  await store.close();
}, 120_000);

const limit = 60_000 + KILLS * 15_000;

test(
  `${KILLS} kills within an import: the store is as before, or has all of the study`,
  { timeout: limit },
  async () => {
    const store = await open(place);
    const first = await outcome(store, "first");
    const draw = substream(SEED, "imports");
    // It announces its begin, every file, its rows and its end.
    const announced = 3 + readdirSync(`${place}.tensors`).length + 2 * OUTER_STEPS;
    const counts: Record<string, number> = {};
    let [killed, there] = [0, 0];
    for (let n = 0; killed < KILLS; n++) {
      expect(n).toBeLessThan(20 * KILLS);
      const name = `import ${n}`;
      const before = (await store.list()).length;
      const life = await live("import", name, { lines: Math.floor(announced * draw()), ms: 2 * draw() });
      if (life.killed) {
        killed++;
        counts[life.end] = (counts[life.end] ?? 0) + 1;
      }
      const after = await store.list();
      const mine = after.find((each) => each.name === name);
      expect(after.length).toBe(before + (mine === undefined ? 0 : 1));
      if (!life.killed || life.end === "import ends") expect(mine).toBeDefined();
      if (mine === undefined) continue;
      there++;
      expect(mine).toMatchObject({ state: "done", steps: OUTER_STEPS + 1, imported: true });
      expect(renamed(await store.exportStudy(name))).toEqual(renamed(whole));
      expect(await outcome(store, name)).toBe(first);
    }
    // What was left by those that never came to be is found and removed, and nothing else is.
    const studies = (await store.list()).length;
    await store.clean();
    expect((await store.list()).length).toBe(studies);
    expect(readdirSync(`${place}.tensors`)).toHaveLength(studies);
    expect(await outcome(store, "first")).toBe(first);
    await store.close();
    console.log(
      `kills within an import, by what it had last said: ${JSON.stringify(counts)}; ${there} were there whole`,
    );
  },
);

test(
  `${KILLS} kills within a fork: none of it, or a study that goes on to the same end`,
  { timeout: limit },
  async () => {
    const store = await open(place);
    const first = await outcome(store, "first");
    const draw = substream(SEED, "forks");
    const counts: Record<string, number> = {};
    for (let [n, killed] = [0, 0]; killed < KILLS; n++) {
      expect(n).toBeLessThan(20 * KILLS);
      const name = `fork ${n}`;
      // Recovery and the first commit, in which all of the other study's steps are, are announced four times each.
      const life = await live("fork", name, { lines: Math.floor(11 * draw()), ms: 3 * draw() });
      if (life.killed) {
        killed++;
        counts[life.end] = (counts[life.end] ?? 0) + 1;
      }
      const mine = (await store.list()).find((each) => each.name === name);
      if (mine === undefined) continue;
      const logged = await store.events(name);
      const steps = logged.flatMap(({ event }) => (event.type === "step" ? [event.step] : []));
      // The steps of the other study come with the fork in one piece; only one with its result is done.
      if (logged.length > 0) expect(logged.some(({ event }) => event.type === "fork")).toBe(true);
      if (logged.length > 0) expect(steps.slice(0, OUTER_STEPS)).toEqual([0, 1, 2]);
      expect(steps).toEqual(steps.map((_, i) => i));
      const ended = logged.some(({ event }) => event.type === "result");
      if (!ended) expect(mine.state).not.toBe("done");
      expect((await live("fork", name)).end).toBe("end");
      expect(await outcome(store, name)).toBe(forked);
      expect((await store.get(name)).state).toBe("done");
      // Nothing lies about that the study does not refer to.
      expect(await store.clean({ names: [name], dryRun: true })).toEqual([]);
    }
    expect(await outcome(store, "first")).toBe(first);
    expect(existsSync(file)).toBe(true);
    await store.close();
    console.log(`kills within a fork, by what it had last said: ${JSON.stringify(counts)}`);
  },
);
