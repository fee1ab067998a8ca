import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { open } from "../../src/store/open.ts";
import { PYTHON } from "../numpy.ts";
import { optionalTest } from "../optional.ts";

/** Another program that looks and goes. Whoever is the last to close folds the log into the file, and removes it. */
const VISIT =
  "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('select 1 from sqlite_master'); db.close()";
const missing = spawnSync(PYTHON, ["-c", "import sqlite3"]).status === 0 ? undefined : `${PYTHON} with sqlite3`;

optionalTest(
  "a store opened twice in a process keeps its log when another process comes and goes",
  missing,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "drmad-twice-"));
    const place = join(folder, "studies.db");
    const first = await open(place);
    await first.create({ name: "before", experiment: "e" });
    const second = await open(place);
    await second.list();
    execFileSync(PYTHON, ["-c", VISIT, place]);
    expect(existsSync(`${place}-wal`)).toBe(true);
    await first.create({ name: "after", experiment: "e" });
    expect((await second.list()).map(({ name }) => name).sort()).toEqual(["after", "before"]);
    await first.close();
    await second.close();
    rmSync(folder, { recursive: true });
  },
);
