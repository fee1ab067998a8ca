/** Tries the damaged files of one format in a process of their own, and says as JSON what came of them. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { DrmadError } from "../../src/errors.ts";
import type { Format } from "./format.ts";
import { FORMATS } from "./formats.ts";
import { type Input, malformed } from "./malformed.ts";

export interface Report {
  readonly tried: number;
  readonly taken: number;
  readonly refused: number;
  /** Most of them, for the message of the test. */
  readonly failures: readonly { readonly what: string; readonly problem: string; readonly base64: string }[];
  /** Bytes of resident memory at its highest, above what the process had before. */
  readonly growth: number;
  /** Milliseconds of the slowest, and what it was. */
  readonly slowest: readonly [milliseconds: number, what: string];
}

const CODES = ["malformed-file", "unsupported", "invalid-argument"];
const pristine = Object.getOwnPropertyNames(Object.prototype).length;

/** What is wrong with how an input was answered, undefined when nothing is. */
function problemOf(error: unknown, { bytes }: Input, { offsets }: Format): string | undefined {
  if (!(error instanceof DrmadError)) return `threw ${String(error)}`;
  if (!CODES.includes(error.code)) return `the code ${error.code}: ${error.message}`;
  if (error.message.length > 1000) return `a message of ${error.message.length} characters`;
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f-\u009f]/.test(error.message)) return `control characters: ${JSON.stringify(error.message)}`;
  if (!error.hint) return `no hint: ${error.message}`;
  if (error.code !== "malformed-file" || !offsets) return undefined;
  const at = /, at byte (\d+)\.$/.exec(error.message)?.[1];
  return at === undefined || Number(at) > bytes.length
    ? `no offset of its ${bytes.length} bytes: ${error.message}`
    : undefined;
}

function run(name: string, count: number): Report {
  const format = FORMATS[name]!();
  const corpus = fileURLToPath(new URL(`corpus/${name}/`, import.meta.url));
  const kept = existsSync(corpus)
    ? readdirSync(corpus).map((file) => ({
        what: `corpus/${name}/${file}`,
        bytes: new Uint8Array(readFileSync(corpus + file)),
      }))
    : [];
  for (const sample of format.samples) format.read(sample);
  const before = process.resourceUsage().maxRSS;
  const failures: { what: string; problem: string; base64: string }[] = [];
  const tally = { tried: 0, taken: 0, refused: 0 };
  let slowest: readonly [number, string] = [0, ""];
  for (const input of malformed(name, format.samples, [...kept, ...format.given], count)) {
    tally.tried++;
    const start = performance.now();
    let problem: string | undefined;
    try {
      format.read(input.bytes);
      tally.taken++;
    } catch (error) {
      tally.refused++;
      problem = problemOf(error, input, format);
    }
    const took = performance.now() - start;
    if (took > slowest[0]) slowest = [Math.round(took), input.what];
    if (Object.getOwnPropertyNames(Object.prototype).length !== pristine) problem = "reached Object.prototype";
    if (problem !== undefined && failures.length < 20)
      failures.push({
        what: input.what,
        problem,
        base64: Buffer.from(input.bytes.subarray(0, 3000)).toString("base64"),
      });
  }
  return { ...tally, failures, growth: 1024 * (process.resourceUsage().maxRSS - before), slowest };
}

const [, , name, count] = process.argv;
if (name !== undefined && Object.hasOwn(FORMATS, name)) process.stdout.write(JSON.stringify(run(name, Number(count))));
