import { expect, vi } from "vitest";
import { normOf } from "../../src/data/point.ts";
import { DrmadError } from "../../src/errors.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { finiteDifference } from "../../src/hypergradient/finite-difference.ts";
import type { Method } from "../../src/hypergradient/method.ts";
import type { Buffers, Phase, Rollout } from "../../src/rollout/rollout.ts";
import { sizeOf } from "../../src/tensor/shape.ts";
import { flat, relativeError, rolloutOf, type Numbers } from "../oracle/measure.ts";
import { watch, type Watched } from "../oracle/watch.ts";
import type { Listed, Refusal } from "./methods.ts";
import { diverging, spread, TINY, type TinyName } from "./tiny.ts";

/** What every method owes, clause by clause; a clause throws where a method breaks it. */
interface Event {
  readonly phase: Phase;
  readonly done: number;
  readonly total: number;
}
type Arrays = Readonly<Record<string, ArrayLike<number>>>;

/** One run of a method: its numbers, the state it left, what the engine held of it, and its signs of progress. */
interface Ran {
  readonly numbers: Numbers;
  readonly final: Arrays;
  readonly left: number;
  readonly events: readonly Event[];
}

/** A tiny problem on an engine, with what plain training gives there. */
export interface Bench {
  readonly rollout: Rollout;
  readonly engine: Watched;
  /** Signs of progress that the caller waits for before it cancels. */
  patience: number;
  readonly plain: Pick<Numbers, "value" | "direct"> & { readonly final: Arrays };
  /** Runs a method and frees what it gives. */
  run(method: Method, rollout?: Rollout): Promise<Ran>;
  /** The first run of a listed method that others are compared with, in chunks as long as they can be. */
  first(listed: Listed): Promise<Ran>;
  /** The same in chunks of a single step. */
  stepByStep(listed: Listed): Promise<Ran>;
  /** Central differences. */
  numeric(): Promise<Numbers>;
}

async function arraysOf(rollout: Rollout, buffers: Buffers): Promise<Arrays> {
  const read = Object.entries(buffers).map(async ([name, b]) => [name, (await rollout.read(b)).data] as const);
  return Object.fromEntries(await Promise.all(read));
}

/** Every chunk of steps seems to take so long. */
async function atPace<T>(milliseconds: number, run: () => Promise<T>): Promise<T> {
  let clock = 0;
  const now = vi.spyOn(performance, "now").mockImplementation(() => (clock += milliseconds));
  return run().finally(() => now.mockRestore());
}
const WHOLE = 1e-3;
const STEP_BY_STEP = 1e9;

/** Remembers what was found for each key. */
function memo<K extends object, V>(find: (key: K) => Promise<V>): (key: K) => Promise<V> {
  const known = new WeakMap<K, Promise<V>>();
  return (key) => {
    if (!known.has(key)) known.set(key, find(key));
    return known.get(key)!;
  };
}

/** @param warm whether that first run comes after another, so that all is compiled */
export async function openBench(name: TinyName, opened: Engine, warm = true): Promise<Bench> {
  const engine = watch(opened);
  let events: Event[] = [];
  const given = await rolloutOf(TINY[name], engine, {
    signal: { get aborted() { return bench.patience < 0; } } as AbortSignal, // prettier-ignore
    trustEngine: true,
    onProgress(phase, done, total) {
      if (phase === "compile") return;
      events.push({ phase, done, total });
      bench.patience--;
    },
  });
  const rollout = given.at(spread(given));
  const run = async (method: Method, on = rollout): Promise<Ran> => {
    const held = engine.held();
    events = [];
    const { final, ...numbers } = await method.run(on);
    const left = engine.held() - held;
    const arrays = await arraysOf(on, final);
    on.free(final);
    return { numbers, final: arrays, left, events };
  };
  const start = await rollout.start();
  const bench = {
    rollout,
    engine,
    patience: Infinity,
    run,
    // Twice each: compiled, and with a pace known from before.
    first: memo(({ make }: Listed) => atPace(WHOLE, () => (warm ? run(make()).then(() => run(make())) : run(make())))),
    stepByStep: memo(({ make }: Listed) => atPace(STEP_BY_STEP, () => run(make()).then(() => run(make())))),
  };
  const { final } = await rollout.train(start);
  const { value, direct, adjoint } = await rollout.outer(final);
  const plain = { value, direct, final: await arraysOf(rollout, final) };
  rollout.free(start, final, adjoint);
  let numeric: Promise<Ran> | undefined;
  return Object.assign(bench, { plain, numeric: async () => (await (numeric ??= run(finiteDifference()))).numbers });
}

/** Of training whose step is compiled with more beside it. */
const rounding = ({ rollout }: Bench): number => (rollout.engine.precision === "float32" ? 1e-5 : 1e-13);

async function refused(run: Promise<unknown>): Promise<DrmadError> {
  const error: unknown = await run.then(
    () => expect.fail("it did not refuse"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof DrmadError)) throw error;
  return error;
}

/** That a refusal is typed, says what to do, and leaves nothing behind. */
export async function expectRefusal(
  { engine, rollout }: Pick<Bench, "engine" | "rollout">,
  make: () => Method,
  [code, part]: Refusal,
): Promise<void> {
  await refused(make().run(rollout));
  const held = engine.held();
  const error = await refused(make().run(rollout));
  expect({ code: error.code, message: error.message }).toEqual({ code, message: expect.stringContaining(part) as string }); // prettier-ignore
  expect(error.hint, "a hint").toMatch(/\w.*\.$/);
  expect(engine.held(), "tensors held after a refusal").toBe(held);
}

export type Clause = (bench: Bench, listed: Listed) => Promise<void>;
export const CLAUSES = {
  async "value, direct part and final state are plain training's"(bench, listed) {
    const { rollout, plain } = bench;
    const { numbers, final } = await bench.first(listed);
    const { value, direct } = numbers;
    expect(Object.keys(final).sort()).toEqual(rollout.leaves.map((leaf) => leaf.name).sort());
    if (!listed.ownStep && !listed.near) expect({ value, direct, final }).toEqual(plain);
    const near = listed.near ?? rounding(bench);
    expect(relativeError([value], [plain.value])).toBeLessThan(near);
    expect(relativeError(flat(direct), flat(plain.direct))).toBeLessThan(near);
    for (const { name } of rollout.leaves) expect(relativeError(final[name]!, plain.final[name]!), name).toBeLessThan(10 * near); // prettier-ignore
  },

  async "a finite number for every coordinate, by name"({ rollout, first }, listed) {
    const { gradient, direct, standardError, growth, replayedSteps = 0 } = (await first(listed)).numbers;
    for (const [what, point] of Object.entries({ gradient, direct, ...(standardError && { standardError }) })) {
      expect(Object.keys(point), what).toEqual(rollout.hypers.map((tensor) => tensor.name));
      for (const { name, shape } of rollout.hypers) {
        expect(point[name], `${what} of ${name}`).toBeInstanceOf(Float64Array);
        expect(point[name], `${what} of ${name}`).toHaveLength(sizeOf(shape));
        expect(
          [...point[name]!].filter((v) => !Number.isFinite(v)),
          `${what} of ${name}`,
        ).toEqual([]);
      }
    }
    expect(growth >= 1 && growth < Infinity, `growth ${growth}`).toBe(true);
    expect(replayedSteps >= 0 && replayedSteps <= rollout.steps, `${replayedSteps} steps replayed`).toBe(true);
  },

  async "leaves the final state with the engine, and nothing else"({ engine, first }, listed) {
    const { left, final } = await first(listed);
    expect(left).toBe(Object.keys(final).length);
    expect(engine.held()).toBeGreaterThanOrEqual(0);
  },

  async "the same bits again"({ run, first }, listed) {
    const method = listed.make();
    const one = (await run(method)).numbers;
    const two = (await run(method)).numbers;
    expect(one).toEqual((await first(listed)).numbers);
    if (listed.series) expect(two.gradient).not.toEqual(one.gradient);
    else expect(two).toEqual(one);
  },

  async "at another point it is that point's, and back again"({ rollout, run, first }, listed) {
    const there = (await run(listed.make(), rollout.at(spread(rollout, 0.02)))).numbers;
    const here = (await first(listed)).numbers;
    expect(there.value).not.toBe(here.value);
    if (!listed.blind) expect(there.gradient).not.toEqual(here.gradient);
    expect((await run(listed.make())).numbers).toEqual(here);
  },

  async "the same bits in chunks of any length"({ first, stepByStep }, listed) {
    const [whole, steps] = [await first(listed), await stepByStep(listed)];
    expect(steps.events.length).toBeGreaterThanOrEqual(whole.events.length);
    expect(steps.numbers).toEqual(whole.numbers);
  },

  async "progress never goes back, and comes to its end"({ rollout, stepByStep }, listed) {
    const { events } = await stepByStep(listed);
    for (const { done, total } of events) expect(done >= 0 && done <= total, `${done} of ${total}`).toBe(true);
    const of = (phase: Phase): Event[] => events.filter((event) => event.phase === phase);
    const [train, back] = [of("train"), of("backward")];
    expect(new Set(train.map(({ total }) => total))).toEqual(new Set([rollout.steps]));
    expect(Math.max(...train.map(({ done }) => done))).toBe(rollout.steps);
    for (const each of listed.trainsAgain ? [back] : [back, train])
      each.forEach(({ done }, i) => expect(done, "done").toBeGreaterThanOrEqual(each[i - 1]?.done ?? 0));
    if (!listed.trainsAgain)
      expect(new Set(train.map(({ done }) => done)).size, "steps trained once").toBe(train.length);
  },

  async "cancelled at any sign of progress, it says so and leaves nothing"(bench, listed) {
    const { rollout, engine } = bench;
    const last = (await bench.stepByStep(listed)).events.length - 1;
    const held = engine.held();
    for (const at of new Set([0, Math.floor(last / 2), last])) {
      bench.patience = at;
      const error = await atPace(STEP_BY_STEP, () => refused(listed.make().run(rollout))).finally(() => (bench.patience = Infinity)); // prettier-ignore
      expect(error.code, `at event ${at}`).toBe("cancelled");
      expect(engine.held(), `cancelled at event ${at} of ${last}`).toBe(held);
    }
  },

  async "where training diverges it is a typed error, and leaves nothing"({ rollout, engine }, { make, diverged }) {
    await expectRefusal({ engine, rollout: rollout.at(diverging(rollout)) }, make, diverged ?? ["non-finite", ""]);
  },

  async "what claims to be exact equals central differences"({ rollout, first, numeric }, listed) {
    if (!listed.make().exact || rollout.engine.precision === "float32") return;
    const { gradient } = (await first(listed)).numbers;
    const expected = (await numeric()).gradient;
    // Differences at 1e-5 of a loss near 1 round at about 1e-11; those of another run are off by that run's whole vector.
    const floor = listed.near === undefined ? 1e-10 : listed.near * normOf(expected);
    for (const { name } of rollout.hypers)
      for (const [i, v] of gradient[name]!.entries())
        expect(Math.abs(v - expected[name]![i]!), `${name}[${i}]`).toBeLessThan(1e-6 * Math.abs(v) + floor);
  },
} as const satisfies Record<string, Clause>;
