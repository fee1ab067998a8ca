import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createHash } from "node:crypto";
import { join, resolve } from "node:path";
import { DrmadError } from "../errors.ts";
import { writeFileAtomic } from "../store/write.ts";
import { clock } from "./format.ts";
import { toJson } from "./json.ts";
import { numbersOf } from "./run-folder.ts";

/** The parts of a long run, kept one by one so that an interrupted run goes on where it stopped. */
export interface Parts {
  readonly folder: string;
  part<T>(name: string, compute: () => Promise<T>): Promise<T>;
  /** What all parts took, those of interrupted runs included. */
  seconds(): number;
  /** Writes the results, the last one last, and forgets the parts. */
  finish(files: readonly (readonly [name: string, bytes: Uint8Array])[]): void;
}

interface Kept {
  readonly name: string;
  readonly run: object;
  readonly seconds: number;
  readonly value: unknown;
}

const PARTS = "parts";

/**
 * Where a run goes that was not told: the latest unfinished one of that name, to be gone on with, or a new one with the next
 * number.
 */
export function folderOf(stem: string): { readonly folder: string; readonly unfinished: boolean } {
  const latest = Math.max(0, ...numbersOf(resolve(stem)));
  const unfinished = latest > 0 && existsSync(join(resolve(`${stem}-${latest}`), PARTS));
  return { folder: `${stem}-${unfinished ? latest : latest + 1}`, unfinished };
}

/**
 * @param run what has to be the same for a part to be used again
 * @throws DrmadError folder-not-empty where the folder holds something else
 */
export function partsIn(out: string, run: object, signal: AbortSignal, say: (text: string) => void): Parts {
  const folder = resolve(out);
  const parts = join(folder, PARTS);
  const strange = existsSync(folder) ? readdirSync(folder) : [];
  if (strange.includes("results.json") && !strange.includes(PARTS)) {
    throw new DrmadError("folder-not-empty", `--out ${JSON.stringify(out)} holds a finished run, results.json`, {
      hint: "Name a new folder, or leave --out away to get one below runs.",
    });
  }
  if (strange.length > 0 && !strange.includes(PARTS)) {
    throw new DrmadError("folder-not-empty", `--out ${JSON.stringify(out)} already holds ${strange[0]}`, {
      hint: "Name a new or an empty folder, or that of an interrupted run.",
    });
  }
  mkdirSync(parts, { recursive: true });
  let seconds = 0;
  return {
    folder,
    seconds: () => seconds,
    async part<T>(name: string, compute: () => Promise<T>): Promise<T> {
      const path = join(parts, `${createHash("sha256").update(toJson({ name, run })).digest("hex").slice(0, 20)}.json`);
      const known = existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Kept) : undefined;
      if (known !== undefined) {
        seconds += known.seconds;
        say(`${name}: known from the run before`);
        return known.value as T;
      }
      const begin = performance.now();
      const value = await compute();
      // What was asked to stop may have given what it had reached by then.
      if (signal.aborted) throw new DrmadError("cancelled", `stopped in ${name}`);
      const took = (performance.now() - begin) / 1000;
      seconds += took;
      writeFileAtomic(path, new TextEncoder().encode(toJson({ name, run, seconds: took, value } satisfies Kept)));
      say(`${name}: ${clock(took)}`);
      return value;
    },
    finish(files) {
      for (const [name, bytes] of files) writeFileAtomic(join(folder, name), bytes);
      // As long as they are there, the run can be continued.
      rmSync(parts, { recursive: true });
    },
  };
}
