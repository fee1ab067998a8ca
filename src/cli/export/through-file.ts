import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withFileBytes } from "../../store/file-bytes.ts";
import { writeFilePieces, type FileSink } from "../../store/write.ts";

const PIECE = 2 ** 20;
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/**
 * For what may have to begin anew while it is made, and goes where nothing can be taken back: it is made in a temporary file,
 * and given piece by piece when all of it is there. The file is removed however that ends, but by SIGKILL.
 */
export async function throughFile(
  make: (sink: FileSink) => Promise<void>,
  write: (piece: Uint8Array) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "drmad-export-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  const leave = (name: keyof typeof SIGNALS): never => process.exit(SIGNALS[name]);
  const names = Object.keys(SIGNALS) as (keyof typeof SIGNALS)[];
  process.once("exit", remove);
  for (const name of names) process.once(name, leave);
  try {
    const path = join(folder, "whole");
    await writeFilePieces(path, make);
    await withFileBytes(path, async (bytes) => {
      for (let at = 0; at < bytes.length; at += PIECE) await write(bytes.subarray(at, at + PIECE));
    });
  } finally {
    for (const name of names) process.off(name, leave);
    process.off("exit", remove);
    remove();
  }
}
