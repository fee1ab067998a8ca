import { afterAll, beforeAll, expect, test } from "vitest";
import { substream } from "../../src/data/random.ts";
import { encodeSafetensors } from "../../src/store/safetensors.ts";
import { open } from "../../src/store/open.ts";
import type { Store } from "../../src/store/store.ts";
import { buildFirst, temporaryFolder } from "../cli/run-cli.ts";
import { live, PHASES, type Aim, type Phase, type StudySpec } from "./study-process.ts";

/** Kills in each phase; DRMAD_KILLS=200 for a long run. */
const EACH = Math.ceil(Number(process.env["DRMAD_KILLS"] ?? 20) / PHASES.length);
/** Kills of one study. */
const MOST = 7;
const SEED = process.env["DRMAD_KILL_SEED"] ?? "kills";
const KINDS = ["lbfgs", "random", "staged"] as const;
const OUTER_STEPS = 4;
const INNER_STEPS = 400;

const folder = temporaryFolder();
const place = `${folder}/studies.db`;
buildFirst();

let store: Store;
beforeAll(async () => {
  store = await open(place);
});
afterAll(() => store.close());

const specOf = (kind: StudySpec["kind"], name: string): StudySpec => ({
  place,
  name,
  kind,
  outerSteps: OUTER_STEPS,
  innerSteps: INNER_STEPS,
});

/** All that a study came to, but for how long things took and how often it was resumed. */
async function outcome(name: string): Promise<object> {
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
async function requireKept(name: string, told: readonly { readonly type: string }[]): Promise<void> {
  const logged = (await store.list()).some((each) => each.name === name) ? await store.events(name) : [];
  expect(logged.map(({ sequence }) => sequence)).toEqual(logged.map((_, i) => i));
  const steps = logged.flatMap(({ event }) => (event.type === "step" ? [event.step] : []));
  expect(steps).toEqual(steps.map((_, i) => i));
  const kept = logged.map(({ event }) => JSON.stringify(event));
  const wanted = told.filter(({ type }) => type === "step").map((event) => JSON.stringify(event));
  for (const event of wanted) expect(kept.filter((each) => each === event)).toHaveLength(1);
  expect(new Set(wanted).size).toBe(wanted.length);
}

test(
  `${EACH * PHASES.length} kills: nothing that was told is lost, and every study ends as if undisturbed`,
  async () => {
    const undisturbed: Record<string, object> = {};
    for (const kind of KINDS) {
      expect((await live(specOf(kind, kind))).end).toBe("end");
      undisturbed[kind] = await outcome(kind);
    }
    const draw = substream(SEED, "kills");
    const below = (n: number): number => Math.floor(n * draw());
    const counts: Record<string, number> = Object.fromEntries(PHASES.map((phase) => [phase, 0]));
    const lacking = (): Phase[] => PHASES.filter((phase) => counts[phase]! < EACH);
    let lives = 0;
    for (let n = 0; lacking().length > 0 || n < KINDS.length; n++) {
      const kind = KINDS[n % KINDS.length]!;
      const spec = specOf(kind, `${kind} ${n}`);
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
        await requireKept(spec.name, told);
        if (life.killed && life.end in counts) counts[life.end]!++;
        killed += Number(life.killed);
        ended = !life.killed;
        expect(lives).toBeLessThan(40 * EACH);
      }
      expect(await outcome(spec.name)).toEqual(undisturbed[kind]);
      expect((await store.get(spec.name)).state).toBe("done");
    }
    console.log(`kills by phase: ${JSON.stringify(counts)}, in ${lives} lives, seed ${JSON.stringify(SEED)}`);
  },
  60_000 + EACH * 60_000,
);
