import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    alias: { drmad: fileURLToPath(new URL("src/index.ts", import.meta.url)) },
    pool: "forks",
    maxWorkers: 2,
    // Two test files run at a time, and a suite that starts programs of its own has to share two cores with the other.
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
