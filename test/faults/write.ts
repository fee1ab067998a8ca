import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const WRITER = fileURLToPath(new URL("writer.mjs", import.meta.url));

/** Keeps so many steps of a study in a process of its own. @returns what it printed and its exit code */
export const write = (place: string, name: string, steps: number): Promise<string> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [WRITER, place, name, String(steps)]);
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (piece: Buffer) => (output += piece.toString()));
    child.on("close", (code) => resolve(`${output}${code}`));
  });
