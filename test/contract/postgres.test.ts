import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { open } from "../../src/store/open.ts";
import { postgresBackend, withoutPassword } from "../../src/store/postgres.ts";
import { exportStudy } from "../../src/store/transfer.ts";
import { failure } from "../oracle/measure.ts";
import { needs } from "../optional.ts";
import { noPostgres, startPostgres, type Postgres } from "../postgres.ts";
import { start, STEPS } from "./stores.ts";

const opening = async (url: string): Promise<unknown> => {
  const found = await open(url).then(
    (store) => store.close(),
    (error: unknown) => error,
  );
  for (let each = found; each instanceof Error; each = each.cause)
    expect(`${each.message} ${(each as { hint?: string }).hint}`).not.toContain("hunter2");
  return found;
};

describe("PostgreSQL alone", () => {
  needs(noPostgres);
  let pg: Postgres;
  beforeAll(async () => {
    if (noPostgres() === undefined) pg = await startPostgres();
  });
  afterAll(() => pg?.stop());
  test("says what is wrong with an address, and never the password", async () => {
    expect(await opening("postgres://u:hunter2@127.0.0.1:9/x")).toMatchObject(
      failure("store-unreachable", "postgres://u@127.0.0.1:9/x"),
    );
    expect(await opening(pg.url("none", "postgres", "hunter2"))).toMatchObject(failure("store-unreachable", "no such database")); // prettier-ignore
    expect(await opening(pg.url("postgres", "locked", "hunter2"))).toMatchObject(failure("store-unreachable", "refuses its user")); // prettier-ignore
    expect(await opening(pg.url("postgres", "locked"))).toMatchObject(failure("store-unreachable", "refuses its user"));
    expect(await opening("postgres://u:hunter2@[/x")).toMatchObject(failure("invalid-argument", "cannot be read"));
    expect(await opening("postgres://u:hunter2@host:port/x")).toMatchObject(failure("invalid-argument"));
  });

  test("lets the right password in, and keeps it to itself", async () => {
    pg.database("secrets");
    const store = await open(pg.url("secrets", "locked", "secret"));
    expect(store.place).toMatch(/^postgres:\/\/locked@\/secrets\?host=/);
    expect(store.place).not.toContain("secret@");
    await store.close();
  });

  test.each([
    ["postgres://u:hunter2@h/d", "postgres://u@h/d"],
    ["postgres://u:hunter@2@h:5/d?password=hunter2&x=1", "postgres://u@h:5/d?x=1"],
    ["postgresql://u@h/d?sslmode=require&password=hunter2", "postgresql://u@h/d?sslmode=require&"],
    ["runs/a:b@c.db", "runs/a:b@c.db"],
  ])("%s is shown without its password", (url, shown) => expect(withoutPassword(url).replace("?&", "?")).toBe(shown));

  test("leaves a database of another program alone", async () => {
    const url = pg.database("theirs");
    pg.sql("theirs", "create table theirs (x integer)");
    expect(await opening(url)).toMatchObject(failure("malformed-file", "another program"));
  });

  test("tells of a server that goes away, loses nothing, and goes on when it is back", async () => {
    const url = pg.database("restarted");
    const store = await open(url);
    await store.create({ name: "one", experiment: "e" });
    const claim = await store.claim("one");
    await claim.append([start]);
    pg.sql("postgres", "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'restarted'");
    const outcome = await claim.append([STEPS[0]!]).then(
      () => "kept",
      (error: unknown) => error,
    );
    if (outcome !== "kept") {
      expect(outcome).toMatchObject(failure("store-unreachable"));
      await claim.append([STEPS[0]!]);
    }
    expect((await store.state("one")).steps).toHaveLength(1);
    await store.close();
  });

  test("keeps tensors of more than one piece, bit for bit", async () => {
    const backend = await postgresBackend(pg.database("pieces"));
    const store = await open(pg.database("pieces"));
    await store.create({ name: "one", experiment: "e" });
    const { id } = await backend.db.selectFrom("studies").select("id").executeTakeFirstOrThrow();
    const bytes = Uint8Array.from({ length: 2 ** 24 + 5 }, (_, i) => (i * 2654435761) >>> 24);
    await backend.bytes.write(`${id}/a`, bytes);
    expect(Buffer.compare(await backend.bytes.read(`${id}/a`), bytes)).toBe(0);
    expect(await backend.bytes.list(id)).toEqual([{ file: `${id}/a`, bytes: bytes.length }]);
    await expect(backend.bytes.read(`${id}/b`)).rejects.toMatchObject(failure("file-not-found"));
    await store.close();
    await backend.db.destroy();
  });

  test("lets a slow reader take its time over an export", async () => {
    const url = pg.database("slow");
    const store = await open(url);
    await store.create({ name: "one", experiment: "e" });
    const claim = await store.claim("one");
    await claim.append([start]);
    await claim.append([STEPS[0]!]);
    await claim.release("stopped");
    const backend = await postgresBackend(url);
    const row = await backend.db.selectFrom("studies").selectAll().executeTakeFirstOrThrow();
    // The one connection of the pool, which the export takes as well.
    const limit = sql<{ limit: string }>`select current_setting('idle_in_transaction_session_timeout') as limit`;
    await sql`set idle_in_transaction_session_timeout = '100ms'`.execute(backend.db);
    const pieces: Uint8Array[] = [];
    await exportStudy(backend, row, {
      async write(piece) {
        if (pieces.push(piece) === 1) await new Promise((resolve) => setTimeout(resolve, 500));
      },
    });
    expect(Buffer.compare(Buffer.concat(pieces), await store.exportStudy("one"))).toBe(0);
    // All else that this connection does is limited as before.
    expect((await limit.execute(backend.db)).rows).toEqual([{ limit: "100ms" }]);
    await store.close();
    await backend.db.destroy();
  });
});
