import { statSync } from "node:fs";

/**
 * Database files that this process has open, by what they are and not by their paths. Closing any descriptor of a file drops
 * all locks that the process has on it (POSIX; sqlite.org/howtocorrupt.html, 2.2), and another process may then take SQLite's
 * log away under this one. So nothing else here may open such a file.
 */
const open = new Map<string, number>();

function keyOf(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found && `${found.dev} ${found.ino}`;
}

/** Whether a file is open as a database in this process. */
export function isHeld(path: string): boolean {
  const key = keyOf(path);
  return key !== undefined && open.has(key);
}

/**
 * Tells that a file is open as a database from now on, until the function that is given back is called.
 * @param path of a file that exists
 */
export function hold(path: string): () => void {
  const key = keyOf(path)!;
  open.set(key, (open.get(key) ?? 0) + 1);
  return () => {
    const left = open.get(key)! - 1;
    if (left > 0) open.set(key, left);
    else open.delete(key);
  };
}
