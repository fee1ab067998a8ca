import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { substream } from "../../src/data/random.ts";
import { encodeSafetensors } from "../../src/store/safetensors.ts";
import { open } from "../../src/store/open.ts";
import type { Store } from "../../src/store/store.ts";
import { buildFirst, temporaryFolder } from "../cli/run-cli.ts";
import { needs } from "../optional.ts";
import { noPostgres, startPostgres, type Postgres } from "../postgres.ts";
import { live, PHASES, type Aim, type Phase, type StudySpec } from "./study-process.ts";

/** In all; DRMAD_KILLS=5000 for a long run. */
const KILLS = Number(process.env["DRMAD_KILLS"] ?? (process.env["CI"] ? 200 : 20));
const eachOf = (kills: number): number => Math.ceil(kills / PHASES.length);
/** Studies that are killed at a time. */
const AT_ONCE = 2;
/** Kills of one study. */
const MOST = 7;
const SEED = process.env["DRMAD_KILL_SEED"] ?? "kills";
const KINDS = ["lbfgs", "random", "staged"] as const;
const LEAST_STUDIES = 3;
const OUTER_STEPS = 4;
const INNER_STEPS = 400;

const folder = temporaryFolder();
buildFirst();

const specOf = (place: string, kind: StudySpec["kind"], name: string): StudySpec => ({
  place,
  name,
  kind,
  outerSteps: OUTER_STEPS,
  innerSteps: INNER_STEPS,
});

/** All that a study came to, but for how long things took and how often it was resumed. */
async function outcome(store: Store, name: string): Promise<object> {
  const logged = await store.events(name);
  const lasting = logged.filter(({ event }) => event.type === "step" || event.type === "result");
  const timeless = JSON.stringify(
    lasting.map(({ event }) => event),
    (key, value: unknown) => (key === "seconds" ? 0 : value),
  );
  const files = [];
  for (const { sequence } of lasting) {
    // The optimiser's states before the last one are not kept.
    const all = Object.entries(await store.tensors(name, sequence)).filter(([path]) => !path.includes("optimizer"));
    files.push(Buffer.from(encodeSafetensors(Object.fromEntries(all))).toString("base64"));
  }
  return { timeless, files };
}

/** Every event that was told is in the log once, at its place, and the log has no gaps. */
async function requireKept(store: Store, name: string, told: readonly { readonly type: string }[]): Promise<void> {
  const logged = (await store.list()).some((each) => each.name === name) ? await store.events(name) : [];
  expect(logged.map(({ sequence }) => sequence)).toEqual(logged.map((_, i) => i));
  const steps = logged.flatMap(({ event }) => (event.type === "step" ? [event.step] : []));
  expect(steps).toEqual(steps.map((_, i) => i));
  const kept = logged.map(({ event }) => JSON.stringify(event));
  const wanted = told.filter(({ type }) => type === "step").map((event) => JSON.stringify(event));
  for (const event of wanted) expect(kept.filter((each) => each === event)).toHaveLength(1);
  expect(new Set(wanted).size).toBe(wanted.length);
}

/** Kills studies in a store until every phase has had its share, each study to the end that it would have had. */
async function killing(place: string, kills: number): Promise<void> {
  const each = eachOf(kills);
  const store = await open(place);
  const begin = performance.now();
  const undisturbed: Record<string, object> = {};
  for (const kind of KINDS) {
    expect((await live(specOf(place, kind, kind))).end).toBe("end");
    undisturbed[kind] = await outcome(store, kind);
  }
  const counts: Record<string, number> = Object.fromEntries(PHASES.map((phase) => [phase, 0]));
  const lacking = (): Phase[] => PHASES.filter((phase) => counts[phase]! < each);
  let [lives, studies] = [0, 0];

  async function killOne(n: number): Promise<void> {
    const draw = substream(SEED, `study ${n}`);
    const below = (limit: number): number => Math.floor(limit * draw());
    const kind = KINDS[n % KINDS.length]!;
    const spec = specOf(place, kind, `${kind} ${n}`);
    const told: { readonly type: string }[] = [];
    for (let [ended, killed] = [false, 0]; !ended;) {
      // Every kind has its share of the kills.
      const phases = killed < MOST ? lacking() : [];
      const phase = phases[below(phases.length)];
      // A commit is announced three times and takes some milliseconds; a recovery likewise.
      const brief = phase === "commit" || phase === "recovery";
      const aim: Aim | undefined = phase && {
        phase,
        nth: 1 + below(brief ? 3 : 4) + (phase === "commit" ? 3 * below(2) : 0),
        milliseconds: brief ? 3 * draw() : 20 * draw(),
      };
      const life = await live(spec, aim);
      lives++;
      told.push(...life.told);
      await requireKept(store, spec.name, told);
      if (life.killed && life.end in counts) counts[life.end]!++;
      killed += Number(life.killed);
      ended = !life.killed;
      expect(lives).toBeLessThan(40 * each);
    }
    expect(await outcome(store, spec.name)).toEqual(undisturbed[kind]);
    expect((await store.get(spec.name)).state).toBe("done");
  }

  const worker = async (): Promise<void> => {
    while (lacking().length > 0 || studies < LEAST_STUDIES) await killOne(studies++);
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  } finally {
    await store.close();
  }
  const seconds = Math.round((performance.now() - begin) / 1000);
  const how = `${lives} lives of ${studies} studies, ${seconds} s, seed ${JSON.stringify(SEED)}`;
  console.log(`kills by phase: ${JSON.stringify(counts)}, in ${how}`);
}

const limit = (kills: number): number => 60_000 + kills * 15_000;

test(
  `${KILLS} kills: nothing that was told is lost, and every study ends as if undisturbed`,
  () => killing(`${folder}/studies.db`, KILLS),
  limit(KILLS),
);

describe("in PostgreSQL", () => {
  needs(noPostgres);
  let server: Postgres | undefined;
  beforeAll(async () => {
    if (noPostgres() === undefined) server = await startPostgres();
  });
  afterAll(() => server?.stop());
  // The code is the same but for the queries' way.
  const kills = Math.ceil(KILLS / 10);
  test(`the same after ${kills} kills`, () => killing(server!.database("killed"), kills), limit(kills));
});
