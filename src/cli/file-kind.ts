import { statSync } from "node:fs";

/** What lies at a path; undefined where nothing does, or nothing that can be reached. */
export function fileKind(path: string): "file" | "folder" | "other" | undefined {
  try {
    const stat = statSync(path);
    return stat.isFile() ? "file" : stat.isDirectory() ? "folder" : "other";
  } catch {
    return undefined; // also below something that is no folder, or that may not be entered
  }
}
