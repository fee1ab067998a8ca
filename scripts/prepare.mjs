// What a fresh clone needs before anything runs: plain JavaScript that imports nothing but Node.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));
export const COMMAND_LINE = join(ROOT, "dist/cli/main.js");

const BUILD_INFO = join(ROOT, "dist/.tsbuildinfo");
const OLDEST_NODE = [20, 19];

/** Says on stderr what is being done: stdout belongs to the command. */
export function say(line) {
  process.stderr.write(`${line}\n`);
}

export function stop(line, code = 1) {
  say(line);
  process.exit(code);
}

/** Ends the process with a plain message where Node is too old for what follows. */
export function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return;
  stop(
    `drmad needs Node.js ${OLDEST_NODE.join(".")} or newer, and this is ${process.versions.node}. Version 24 is recommended.`,
    2,
  );
}

/** Installs the locked dependencies unless they are all there. */
export function install() {
  const why = whyInstall();
  if (why === undefined) return;
  say(`installing the dependencies (npm ci): ${why}`);
  const npm = process.env["npm_execpath"];
  const flags = ["ci", "--include=dev", "--no-fund", "--no-audit"];
  const { status, error } = /npm-cli\.[cm]?js$/.test(npm === undefined ? "" : npm)
    ? spawnSync(process.execPath, [npm, ...flags], { cwd: ROOT, stdio: ["ignore", 2, 2] })
    : spawnSync(`npm ${flags.join(" ")}`, { cwd: ROOT, stdio: ["ignore", 2, 2], shell: true });
  if (status !== 0)
    stop(`The installation failed${error === undefined ? "" : `: ${error.message}`}. Nothing else was done.`);
}

/** Compiles src to dist unless it is up to date; whether it is now. */
export function build() {
  const why = whyBuild();
  if (why === undefined) return true;
  say(`building dist (tsc): ${why}`);
  // Whatever is saved from now on is newer than this build.
  const begin = new Date();
  const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
  const { status } = spawnSync(process.execPath, [compiler, "-p", "tsconfig.build.json"], {
    cwd: ROOT,
    stdio: ["ignore", 2, 2],
  });
  if (status !== 0) {
    // The compiler writes its notes even so; without them the next build starts afresh.
    rmSync(BUILD_INFO, { force: true });
    return false;
  }
  utimesSync(BUILD_INFO, begin, begin);
  return true;
}

/** Bundles the dashboard's page to dist/dashboard unless it is up to date; whether it is now. */
export function buildDashboard() {
  const why = whyBundle();
  if (why === undefined) return true;
  say(`building dist/dashboard (vite): ${why}`);
  const bundler = join(ROOT, "node_modules/vite/bin/vite.js");
  const { status } = spawnSync(
    process.execPath,
    [bundler, "build", "--config", "dashboard/vite.config.ts", "--logLevel", "warn"],
    // Under tests NODE_ENV says so, and the bundle would be another one.
    { cwd: ROOT, stdio: ["ignore", 2, 2], env: { ...process.env, NODE_ENV: "production" } },
  );
  return status === 0;
}

/** Why the page must be bundled, or undefined. */
function whyBundle() {
  const page = join(ROOT, "dist/dashboard/index.html");
  if (!existsSync(page)) return "it is missing";
  const built = statSync(page).mtimeMs;
  const changed = [
    ...filesUnder(join(ROOT, "dashboard")).map((path) => join("dashboard", path)),
    "node_modules/.package-lock.json",
  ].find((path) => statSync(join(ROOT, path)).mtimeMs > built);
  return changed === undefined ? undefined : `${changed} is newer`;
}

/** Why `npm ci` must run, or undefined. Versions are compared, since a checkout touches the lock file's date. */
function whyInstall() {
  const installed = join(ROOT, "node_modules/.package-lock.json");
  if (!existsSync(installed)) return "node_modules is missing or unfinished";
  const present = JSON.parse(readFileSync(installed, "utf8")).packages;
  const locked = Object.entries(JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")).packages);
  const wrong = locked.find(
    ([path, { version, optional }]) =>
      path !== "" && (path in present ? present[path].version !== version : optional !== true),
  );
  return wrong === undefined ? undefined : `${wrong[0].replace(/^.*node_modules\//, "")} is not as locked`;
}

/** Why dist must be built, or undefined. Outputs whose source is gone are removed on the way. */
function whyBuild() {
  if (!existsSync(BUILD_INFO)) return "it is missing";
  const sources = filesUnder(join(ROOT, "src")).filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts"));
  const names = new Set(sources.map((path) => path.slice(0, -".ts".length)));
  for (const path of filesUnder(join(ROOT, "dist")).filter((path) => path.endsWith(".d.ts"))) {
    const name = path.slice(0, -".d.ts".length);
    if (!names.has(name)) for (const end of [".d.ts", ".js"]) rmSync(join(ROOT, "dist", name + end), { force: true });
  }
  const lost = [...names].find((name) => !existsSync(join(ROOT, "dist", `${name}.js`)));
  const built = statSync(BUILD_INFO).mtimeMs;
  const changed = [
    ...sources.map((path) => join("src", path)),
    "tsconfig.json",
    "tsconfig.build.json",
    "node_modules/.package-lock.json",
  ].find((path) => statSync(join(ROOT, path)).mtimeMs > built);
  if (lost === undefined) return changed === undefined ? undefined : `${changed} is newer`;
  // The compiler takes its notes for the truth about dist, and writes only what they call stale.
  rmSync(BUILD_INFO);
  return `dist/${lost}.js is missing`;
}

/** Paths of all files below a folder, relative to it; nothing where there is no folder. */
function filesUnder(folder, prefix = "") {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesUnder(join(folder, entry.name), `${prefix}${entry.name}/`) : [`${prefix}${entry.name}`],
  );
}
