import { spawnSync } from "node:child_process";

export const PYTHON = "python3";

/** What is missing for tests against NumPy; undefined when nothing is. */
export function numpyMissing(): string | undefined {
  return spawnSync(PYTHON, ["-c", "import numpy"]).status === 0 ? undefined : `${PYTHON} has no NumPy`;
}
