import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

/** `npm run tune` in a small project of its own: what it installs, what it builds, what it passes on. */
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MAIN = "console.log(JSON.stringify(process.argv.slice(2)));\nprocess.exitCode = 3;\nexport {};\n";
// Stands for npm: installs by writing down the versions that are locked.
const NPM = `import { cpSync, mkdirSync } from "node:fs";
console.error("npm " + process.argv.slice(2).join(" "));
if (process.env.NPM_FAILS) process.exit(1);
mkdirSync("node_modules", { recursive: true });
cpSync("package-lock.json", "node_modules/.package-lock.json");
`;

let home = "";
let project = "";
const at = (path: string): string => join(project, path);
const write = (path: string, text: string): void => writeFileSync(at(path), text);
const lock = (version: string): string =>
  JSON.stringify({
    packages: { "": { version: "1.0.0" }, "node_modules/a": { version }, "node_modules/b": { optional: true } },
  });

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "drmad-scripts-"));
  project = join(home, "project");
  for (const path of ["scripts", "tsconfig.json", "tsconfig.build.json"])
    cpSync(join(ROOT, path), at(path), { recursive: true });
  mkdirSync(at("src/cli"), { recursive: true });
  mkdirSync(at("node_modules"));
  for (const path of ["typescript", "@types"])
    symlinkSync(join(ROOT, "node_modules", path), at(`node_modules/${path}`));
  write("package.json", '{ "type": "module" }');
  write("package-lock.json", lock("1.2.3"));
  write("node_modules/.package-lock.json", lock("1.2.3"));
  write("src/cli/main.ts", MAIN);
  write("src/more.ts", "export const more = 1;\n");
  mkdirSync(join(home, "npm"));
  writeFileSync(join(home, "npm/npm-cli.mjs"), NPM);
});
afterEach(() => {
  rmSync(home, { recursive: true });
});

function tune(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): ReturnType<typeof outcome> {
  return outcome(
    spawnSync(process.execPath, [at("scripts/tune.mjs"), ...args], {
      cwd: home,
      encoding: "utf8",
      env: { ...process.env, npm_execpath: join(home, "npm/npm-cli.mjs"), ...env },
    }),
  );
}
const outcome = ({ status, stdout, stderr }: { status: number | null; stdout: string; stderr: string }) =>
  ({ status, stdout, said: stderr.trim() }) as const;

describe("npm run tune", () => {
  test("builds once, passes arguments on, and ends with the command's code", () => {
    const first = tune();
    expect(first).toMatchObject({ status: 3, stdout: '["tune","digits-l2"]\n' });
    expect(first.said).toMatch(/^building dist \(tsc\): .*missing$/);
    expect(tune(["--seed", "1"])).toEqual({ status: 3, stdout: '["tune","digits-l2","--seed","1"]\n', said: "" });
    expect(tune(["mine.ts", "--json"])).toEqual({ status: 3, stdout: '["tune","mine.ts","--json"]\n', said: "" });
  });

  test("builds anew what changed, what is lost, and removes what has no source", () => {
    tune();
    write("src/cli/main.ts", MAIN.replace("argv.slice(2)", "argv.length"));
    expect(tune()).toMatchObject({ stdout: "4\n", said: "building dist (tsc): src/cli/main.ts is newer" });
    rmSync(at("dist/more.js"));
    expect(tune().said).toBe("building dist (tsc): dist/more.js is missing");
    expect(existsSync(at("dist/more.js"))).toBe(true);
    rmSync(at("src/more.ts"));
    tune();
    expect(existsSync(at("dist/more.js")) || existsSync(at("dist/more.d.ts"))).toBe(false);
  });

  test("runs nothing while the sources do not compile, and does when they do again", () => {
    tune();
    write("src/more.ts", 'export const more: number = "1";\n');
    for (const _ of [1, 2]) {
      const broken = tune();
      expect(broken).toMatchObject({ status: 1 });
      expect(broken.stdout + broken.said).toMatch(/TS2322[^]*The build failed\.$/);
    }
    write("src/more.ts", "export const more: number = 1;\n");
    expect(tune()).toMatchObject({ status: 3, stdout: '["tune","digits-l2"]\n' });
  });

  test("installs when node_modules is missing, unfinished or not as locked", () => {
    tune();
    expect(tune().said).toBe("");
    write("package-lock.json", lock("1.3.0"));
    expect(tune().said.split("\n").slice(0, 2)).toEqual([
      "installing the dependencies (npm ci): a is not as locked",
      "npm ci --include=dev --no-fund --no-audit",
    ]);
    expect(tune().said).toBe("");
    rmSync(at("node_modules/.package-lock.json"));
    expect(tune().said).toContain("installing the dependencies (npm ci): node_modules is missing or unfinished");
    expect(readFileSync(at("node_modules/.package-lock.json"), "utf8")).toBe(lock("1.3.0"));
  });

  test("stops where the installation fails", () => {
    rmSync(at("node_modules/.package-lock.json"));
    const failed = tune([], { NPM_FAILS: "1" });
    expect(failed).toMatchObject({ status: 1, stdout: "" });
    expect(failed.said).toMatch(/The installation failed\. Nothing else was done\.$/);
  });

  test("says which Node is needed where this one is too old", () => {
    write(
      "old.mjs",
      'Object.defineProperty(process.versions, "node", { value: "18.20.4" }); await import("./scripts/tune.mjs");',
    );
    const { status, stderr } = spawnSync(process.execPath, [at("old.mjs")], { encoding: "utf8" });
    expect(status).toBe(2);
    expect(stderr).toMatch(/^drmad needs Node\.js 20\.19 or newer, and this is 18\.20\.4\./);
  });
});
