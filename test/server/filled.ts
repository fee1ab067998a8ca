import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "../../src/store/open.ts";
import type { Store } from "../../src/store/store.ts";
import { asking, type Asking } from "./asking.ts";
import { fill } from "./studies.ts";

/** A store of studies of every kind in a folder of its own, with a server that is asked about it. */
export interface Filled {
  readonly folder: string;
  readonly store: Store;
  readonly asked: Asking;
  close(): Promise<void>;
}

export async function filled(): Promise<Filled> {
  const folder = mkdtempSync(join(tmpdir(), "drmad-server-"));
  const store = await open(join(folder, "studies.db"));
  await fill(store);
  return {
    folder,
    store,
    asked: asking(store),
    async close() {
      await store.close();
      rmSync(folder, { recursive: true });
    },
  };
}
