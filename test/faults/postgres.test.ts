import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, connect, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { open } from "../../src/store/open.ts";
import type { Store } from "../../src/store/store.ts";
import type { StudyEvent } from "../../src/study/state.ts";
import { begun, start, STEPS } from "../contract/stores.ts";
import { failure } from "../oracle/measure.ts";
import { needs } from "../optional.ts";
import { noPostgres, startPostgres, type Postgres } from "../postgres.ts";

/** What there is of a study, every array that it needs read. */
const kept = async (store: Store): Promise<number> => (await store.state("one")).steps.length;
const goOn = async (url: string, step: StudyEvent): Promise<number> => {
  const store = await open(url, { staleSeconds: 0 });
  const claim = await store.claim("one");
  await claim.append([step]);
  await claim.release("stopped");
  const steps = await kept(store);
  await store.close();
  return steps;
};

const SOCKET = ".s.PGSQL.5432";

/** A way to the server that is cut off as soon as the server says that a transaction was committed, once it is told to. */
async function cutAfterCommit(to: string): Promise<{ url: string; arm(): void; close(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), "drmad-cut-"));
  let armed = false;
  const sockets = new Set<Socket>();
  const server: Server = createServer((client) => {
    const behind = connect(to);
    for (const socket of [client, behind]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => [client, behind].forEach((each) => each.destroy()));
    }
    client.pipe(behind);
    behind.on("data", (bytes: Buffer) => {
      if (armed && bytes.includes("COMMIT\0")) {
        armed = false;
        client.destroy();
      } else client.write(bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(join(folder, SOCKET), resolve));
  return {
    url: folder,
    arm: () => void (armed = true),
    async close() {
      sockets.forEach((socket) => socket.destroy());
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true });
    },
  };
}

const mount = (...args: string[]): boolean => spawnSync("mount", args).status === 0;
const large = (n: number): StudyEvent => ({
  ...(STEPS[0] as Extract<StudyEvent, { type: "step" }>),
  step: n,
  kept: { point: { u: Float64Array.from({ length: 250_000 }, () => Math.random()) }, optimizer: null },
});

describe("a PostgreSQL server", () => {
  needs(noPostgres);
  let pg: Postgres;
  beforeAll(async () => {
    if (noPostgres() === undefined) pg = await startPostgres();
  });
  afterAll(() => pg?.stop());

  test("that ends the connection within a commit: nothing of the step is there, all before it is", async () => {
    const url = pg.database("ended");
    let armed = false;
    const store = await open(url, {
      onActivity(activity) {
        if (!armed || activity !== "commit rows") return;
        armed = false;
        pg.sql("postgres", "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'ended'");
      },
    });
    const claim = await begun(store, "one", STEPS[0]!);
    armed = true;
    await expect(claim.append([STEPS[1]!])).rejects.toMatchObject(failure("store-unreachable", "/ended?host="));
    expect(armed).toBe(false);
    expect([await kept(store), (await store.events("one")).length]).toEqual([1, 2]);
    // It is the same claim's to try again.
    await claim.append([STEPS[1]!]);
    expect(await kept(store)).toBe(2);
    await store.close();
    expect(await goOn(url, STEPS[2]!)).toBe(3);
  });

  test("whose word of a commit is lost: the step is there once, whole, for whoever goes on", async () => {
    const url = pg.database("unheard");
    const folder = new URL(url.replace("@/", "@h/")).searchParams.get("host")!;
    const way = await cutAfterCommit(join(folder, SOCKET));
    let cut = false;
    const store = await open(url.replace(folder, way.url), {
      // The tensors have a transaction of their own before.
      onActivity: (activity) => cut && activity === "commit files" && way.arm(),
    });
    const claim = await begun(store, "one", STEPS[0]!);
    cut = true;
    await expect(claim.append([STEPS[1]!])).rejects.toMatchObject(failure("store-unreachable"));
    cut = false;
    await expect(claim.append([STEPS[1]!])).rejects.toMatchObject(failure("write-failed", "the step was kept"));
    await store.close();
    await way.close();
    expect(await goOn(url, STEPS[2]!)).toBe(3);
  });

  test.each([
    ["as tensors are written", "tensor_bytes", ""],
    ["as rows are written", "tensors", ""],
    ["as they are committed", "events", "deferrable initially deferred"],
  ])("whose disk is full %s: the commit fails whole, and succeeds once there is room", async (_, table, when) => {
    const name = `full_${table}`;
    const url = pg.database(name);
    const store = await open(url);
    const claim = await begun(store, "one", STEPS[0]!);
    // The code and words of a server whose disk is full.
    pg.sql(
      name,
      `create function full_disk() returns trigger language plpgsql as $$ begin
      raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$;
      create constraint trigger full_disk after insert on ${table} ${when} for each row execute function full_disk()`,
    );
    const files = pg.sql(name, "select count(*) from tensor_bytes");
    await expect(claim.append([STEPS[1]!])).rejects.toMatchObject(failure("write-failed", "No space left"));
    expect([await kept(store), pg.sql(name, "select count(*) from tensor_bytes")]).toEqual([1, files]);
    pg.sql(name, `drop trigger full_disk on ${table}`);
    await claim.append([STEPS[1]!]);
    expect(await kept(store)).toBe(2);
    await claim.release("stopped");
    await store.close();
  });

  const disk = mkdtempSync(join(tmpdir(), "drmad-disk-"));
  const mounted = mount(
    "-t",
    "tmpfs",
    "-o",
    `size=20m,mode=0700,uid=${spawnSync("id", ["-u", "postgres"], { encoding: "utf8" }).stdout.trim()}`,
    "tmpfs",
    disk,
  );
  afterAll(() => {
    if (mounted) spawnSync("umount", ["-l", disk]);
    rmSync(disk, { recursive: true, force: true });
  });
  // Only root may mount; the tests above have what the server says then.
  test.runIf(mounted)("on a small disk that fills up loses no step that it acknowledged", async () => {
    pg.sql("postgres", `create tablespace small location '${disk}'`);
    pg.sql("postgres", "create database filled tablespace small");
    const url = pg.url("filled");
    const store = await open(url);
    await store.create({ name: "one", experiment: "e" });
    const claim = await store.claim("one");
    await claim.append([start]);
    let acknowledged = 0;
    const full = async (): Promise<unknown> => {
      for (; acknowledged < 30; acknowledged++) await claim.append([large(acknowledged)]);
      return "never";
    };
    expect(await full().catch((error: unknown) => error)).toMatchObject(failure("write-failed", "No space left"));
    expect(acknowledged).toBeGreaterThan(1);
    expect(await kept(store)).toBe(acknowledged);
    expect(mount("-o", "remount,size=60m", disk)).toBe(true);
    await claim.append([large(acknowledged)]);
    expect(await kept(store)).toBe(acknowledged + 1);
    await claim.release("stopped");
    await store.close();
  });
});
