import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import type { Backend } from "../../src/store/backend.ts";
import { open, type StoreOptions } from "../../src/store/open.ts";
import { postgresBackend } from "../../src/store/postgres.ts";
import { sqliteBackend } from "../../src/store/sqlite.ts";
import type { Claim, Store } from "../../src/store/store.ts";
import type { StudyEvent } from "../../src/study/state.ts";
import { needs } from "../optional.ts";
import { noPostgres, startPostgres, type Postgres } from "../postgres.ts";

/** A kind of store: where the next one is, and what lies behind it. */
interface Kind {
  readonly name: string;
  readonly missing: () => string | undefined;
  begin(): Promise<void>;
  /** A place where there is no store yet. */
  fresh(): string;
  backend(place: string): Promise<Backend>;
  /** Forgets the store. */
  forget(): void;
  end(): Promise<void>;
}

let folder: string;
/** An SQLite file in a new folder. */
export const sqlite: Kind = {
  name: "SQLite",
  missing: () => undefined,
  begin: async () => undefined,
  fresh: () => join((folder = mkdtempSync(join(tmpdir(), "drmad-store-"))), "below", "studies.db"),
  backend: sqliteBackend,
  forget: () => rmSync(folder, { recursive: true }),
  end: async () => undefined,
};

let server: Postgres | undefined;
let databases = 0;
/** A new database of a throw-away server. */
export const postgres: Kind = {
  name: "PostgreSQL",
  missing: noPostgres,
  async begin() {
    if (noPostgres() === undefined) server = await startPostgres();
  },
  fresh: () => server?.database(`studies ${++databases}`.replace(" ", "_")) ?? "",
  backend: postgresBackend,
  forget: () => undefined,
  end: async () => server?.stop(),
};

/** What the tests of a kind of store use; all of it is closed after each test. */
export interface Stores {
  place(): string;
  here(options?: StoreOptions): Promise<Store>;
  behind(): Promise<Backend>;
  /** Names of the files of all studies. */
  filesOf(): Promise<string[]>;
}

export function storesOf(kind: Kind): Stores {
  needs(kind.missing);
  beforeAll(kind.begin);
  afterAll(kind.end);
  let place: string;
  const opened: Store[] = [];
  const backends: Backend[] = [];
  beforeEach(() => void (place = kind.fresh()));
  afterEach(async () => {
    for (const store of opened.splice(0)) await store.close();
    for (const { db } of backends.splice(0)) await db.destroy();
    kind.forget();
  });
  const behind = async (): Promise<Backend> => {
    const backend = await kind.backend(place);
    backends.push(backend);
    return backend;
  };
  return {
    place: () => place,
    async here(options = {}) {
      const store = await open(place, options);
      opened.push(store);
      return store;
    },
    behind,
    async filesOf() {
      const { bytes } = await behind();
      const all = [];
      for (const study of await bytes.studies()) all.push(...(await bytes.list(study)));
      return all.map(({ file }) => file.split("/")[1]!);
    },
  };
}

export const point = (u: number) => ({ u: Float64Array.of(u, -0, NaN) });
export const start = { type: "start", at: { point: point(0), optimizer: { k: 0 } }, outerSteps: 3, method: "m" } as unknown as StudyEvent; // prettier-ignore
export const step = (n: number, loss: number, best: boolean): StudyEvent => ({
  type: "step",
  best,
  step: n,
  seconds: 0.5,
  train: { loss: -0 },
  valid: { loss, wild: NaN, high: Infinity },
  kept: { point: point(n), optimizer: { k: n, mean: point(n) }, found: { gradient: point(-n), value: loss } },
  values: { u: { data: Float64Array.of(n, 2, 4), shape: [3, 1] } },
});
export const STEPS = [step(0, 5, true), step(1, 2, true), step(2, 3, false)];
/** A study that this process runs, with a start and these events. */
export const begun = async (store: Store, name = "one", ...events: StudyEvent[]): Promise<Claim> => {
  await store.create({ name, experiment: "e" });
  const claim = await store.claim(name);
  for (const event of [start, ...events]) await claim.append([event]);
  return claim;
};
