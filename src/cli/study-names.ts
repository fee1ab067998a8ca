import { DEFAULT_STORE } from "./default-store.ts";

/** What the completions of a shell call: `drmad --study-names [STORE]`, in no help. */
export const STUDY_NAMES = "--study-names";

/** Prints the names of a store's studies, one a line; nothing where there is no store, for a shell has no place for errors. */
export async function printStudyNames(path: string = DEFAULT_STORE): Promise<number> {
  try {
    const { open } = await import("../store/open.ts");
    const store = await open(path, { create: false });
    try {
      for (const { name } of await store.list()) process.stdout.write(`${name}\n`);
    } finally {
      await store.close();
    }
    return 0;
  } catch {
    return 1;
  }
}
