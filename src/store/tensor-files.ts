import { mkdirSync, readdirSync, readFileSync, rmSync, statfsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { DrmadError } from "../errors.ts";
import type { TensorBytes } from "./tensor-bytes.ts";
import { syncFolder, writeFileAtomic } from "./write.ts";

/** The folder of a store's tensors lies beside its database. */
export const tensorFolder = (store: string): string => `${store}.tensors`;

const namesIn = (folder: string): readonly string[] => {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
};

export const hasStudies = (folder: string): boolean => namesIn(folder).length > 0;

/** Tensors as files below a folder, each written beside its name and renamed. */
export function folderBytes(folder: string): TensorBytes {
  return {
    async begin(study) {
      try {
        mkdirSync(join(folder, study), { recursive: true });
        syncFolder(folder);
        syncFolder(dirname(folder));
      } catch (cause) {
        throw new DrmadError("write-failed", `cannot make a folder in ${JSON.stringify(folder)}: ${String(cause)}`, {
          hint: "Check that you may write there, and that the disk has room.",
          cause,
        });
      }
    },
    write: async (file, bytes) => writeFileAtomic(join(folder, file), bytes),
    async read(file) {
      const path = join(folder, file);
      try {
        return readFileSync(path);
      } catch (cause) {
        const what = `the kept tensors ${JSON.stringify(path)} cannot be read: ${(cause as Error).message}`;
        throw new DrmadError("file-not-found", what, {
          hint: "Bring the folder of tensors back from a copy; it belongs to the store beside it.",
          cause,
        });
      }
    },
    async remove(files) {
      files.forEach((file) => rmSync(join(folder, file), { force: true }));
    },
    async list(study) {
      return namesIn(join(folder, study)).flatMap((name) => {
        // Another process may just have removed it.
        const found = statSync(join(folder, study, name), { throwIfNoEntry: false });
        return found === undefined ? [] : [{ file: `${study}/${name}`, bytes: found.size }];
      });
    },
    studies: async () => namesIn(folder),
    removeStudy: async (study) => rmSync(join(folder, study), { recursive: true, force: true }),
    free() {
      const at = [folder, dirname(folder)].find((path) => statSync(path, { throwIfNoEntry: false }) !== undefined);
      if (at === undefined) return undefined;
      const { bavail, bsize } = statfsSync(at);
      return bavail * bsize;
    },
    where: (file) => JSON.stringify(join(folder, file)),
  };
}
