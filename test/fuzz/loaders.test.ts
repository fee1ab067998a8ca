import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import type { Report } from "./batch.ts";
import { malformed } from "./malformed.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** For each format; nightly runs ask for more. */
const COUNT = Number(process.env["DRMAD_FUZZ"] ?? 2500);
const MOST_MEMORY = 256 * 2 ** 20;

/** In a process with 256 MiB for objects; what it takes beside that, for bytes and arrays, it tells itself. */
async function batch(format: string): Promise<Report> {
  const program = ["node_modules/jiti/lib/jiti-cli.mjs", "test/fuzz/batch.ts", format, String(COUNT)];
  const run = promisify(execFile)(process.execPath, ["--max-old-space-size=256", ...program], {
    cwd: root,
    maxBuffer: 2 ** 26,
  });
  return JSON.parse((await run).stdout) as Report;
}

// The names are written here, for formats.ts would take memory in this process.
test.each(["idx", "idx-gz", "npy", "npz", "csv", "safetensors", "cifar"])(
  "%s: every damaged file is refused by a typed error or read as what it says",
  { timeout: 3_600_000 },
  async (format) => {
    const { tried, taken, refused, failures, growth, slowest } = await batch(format);
    // A time is no assertion beside other work: it is told, to be read where nothing else runs.
    const [milliseconds, what] = slowest;
    const mebibytes = Math.round(growth / 2 ** 20);
    console.log(
      `${format}: ${tried} inputs, ${refused} refused; slowest ${milliseconds} ms (${what}); ${mebibytes} MiB`,
    );
    // Keep those that appear here in test/fuzz/corpus.
    expect(failures).toEqual([]);
    expect(tried).toBe(taken + refused);
    expect(tried).toBeGreaterThanOrEqual(Math.min(COUNT, 2000));
    expect(refused).toBeGreaterThan(tried / 4);
    expect(taken).toBeGreaterThan(0);
    expect(growth).toBeLessThan(MOST_MEMORY);
  },
);

test("the same damage is done again, and no two inputs in a row are the same", () => {
  const sample = Uint8Array.from({ length: 50 }, (_, i) => i);
  const made = [...malformed("some", [sample], [], 300)];
  expect(made.length).toBe(300);
  expect([...malformed("some", [sample], [], 300)]).toEqual(made);
  expect(new Set(made.map(({ bytes }) => bytes.join())).size).toBeGreaterThan(200);
});
