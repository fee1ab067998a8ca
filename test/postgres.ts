import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { appendFileSync, chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"; // prettier-ignore
import { tmpdir } from "node:os";
import { join } from "node:path";

const DEBIAN = "/usr/lib/postgresql";

/** The folder of Debian's newest PostgreSQL programs. */
function programs(): string | undefined {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
  return versions.map((version) => join(DEBIAN, version, "bin")).find((folder) => existsSync(join(folder, "postgres")));
}

/** What is missing for a server of our own, in words; undefined where nothing is. */
export const noPostgres = (): string | undefined =>
  programs() === undefined ? `there is no PostgreSQL in ${DEBIAN} (Debian's package postgresql)` : undefined;

const id = (flag: string): number => Number(spawnSync("id", [flag, "postgres"], { encoding: "utf8" }).stdout);

/** A server that may run only as another user than root. */
const owner = (): { readonly uid?: number; readonly gid?: number } => {
  if (process.getuid?.() !== 0) return {};
  return { uid: id("-u"), gid: id("-g") };
};

export interface Postgres {
  /** A database that is made where there is none; to be asked for by a URL. */
  database(name: string): string;
  url(database: string, user?: string, password?: string): string;
  /** Runs a statement as the server's owner. */
  sql(database: string, statement: string): string;
  stop(): Promise<void>;
}

/** A throw-away server on a socket in a new folder; `locked` is a user with the password `secret`, everyone else has none. */
export async function startPostgres(): Promise<Postgres> {
  const bin = programs()!;
  const as = owner();
  const folder = mkdtempSync(join(tmpdir(), "drmad-pg-"));
  if (as.uid !== undefined) chownSync(folder, as.uid, as.gid!);
  const data = join(folder, "data");
  const call = (program: string, ...args: string[]): string => {
    const done = spawnSync(join(bin, program), args, { ...as, cwd: folder, encoding: "utf8" });
    if (done.status !== 0) throw new Error(`${program} failed: ${done.stderr}${done.error?.message ?? ""}`);
    return done.stdout;
  };
  call("initdb", "--pgdata", data, "--auth", "trust", "--username", "postgres", "--no-sync", "--encoding", "UTF8");
  const rules = join(data, "pg_hba.conf");
  writeFileSync(rules, `local all locked scram-sha-256\n${readFileSync(rules, "utf8")}`);
  // The machine outlives its processes here.
  appendFileSync(join(data, "postgresql.conf"), "fsync = off\nlisten_addresses = ''\n");
  const server: ChildProcess = spawn(join(bin, "postgres"), ["-D", data, "-k", folder], {
    ...as,
    cwd: folder,
    stdio: "ignore",
  });
  const gone = new Promise<void>((resolve) => server.once("exit", () => resolve()));
  process.once("exit", () => server.kill("SIGQUIT"));
  const isUp = (): boolean => spawnSync(join(bin, "pg_isready"), ["-q", "-h", folder]).status === 0;
  for (let left = 150; !isUp(); left--) {
    if (left === 0 || server.exitCode !== null) throw new Error(`PostgreSQL did not start in ${folder}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const sql = (database: string, statement: string): string =>
    call("psql", "-h", folder, "-U", "postgres", "-d", database, "-Atqc", statement);
  sql("postgres", "create role locked login superuser password 'secret'");
  const url: Postgres["url"] = (database, user = "postgres", password) =>
    `postgres://${user}${password === undefined ? "" : `:${password}`}@/${database}?host=${folder}`;
  return {
    database(name) {
      if (sql("postgres", `select 1 from pg_database where datname = '${name}'`) === "")
        sql("postgres", `create database "${name}"`);
      return url(name);
    },
    url,
    sql,
    async stop() {
      server.kill("SIGQUIT");
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
