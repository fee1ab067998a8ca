// npm test [-- FILTER]: build, types, lint, format and all tests, from a fresh clone with nothing but Node.
// Says at the end what was left out and why; where CI is set, whatever was left out is a failure.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build, buildDashboard, checkNode, install, ROOT, say } from "./prepare.mjs";

checkNode();
install();

const folder = mkdtempSync(join(tmpdir(), "drmad-test-"));
const summary = join(folder, "summary.json");

function run(script, ...args) {
  const { status } = spawnSync(process.execPath, [join(ROOT, "node_modules", script), ...args], {
    cwd: ROOT,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, DRMAD_TEST_SUMMARY: summary },
  });
  return status === 0;
}

const steps = {
  build,
  dashboard: buildDashboard,
  types: () => run("typescript/bin/tsc", "--noEmit"),
  lint: () => run("oxlint/bin/oxlint", "--deny-warnings"),
  format: () => run("prettier/bin/prettier.cjs", "--check", "."),
};
const broken = Object.entries(steps).flatMap(([name, passes]) => {
  say(`\n${name}`);
  return passes() ? [] : [name];
});
say("\ntests");
const reporters = ["--reporter=default", `--reporter=${join(ROOT, "scripts/reporter.mjs")}`];
const green = run("vitest/vitest.mjs", "run", ...reporters, ...process.argv.slice(2));

const { passed, failed, omitted } = readSummary();
const forbidden = process.env["CI"] ? omitted.length : 0;
if (omitted.length > 0) {
  say(`\nLeft out${forbidden > 0 ? ", and CI is set, under which nothing may be" : ""}:`);
  for (const why of new Set(omitted.map((test) => test.why))) {
    say(`  ${why}`);
    for (const { name } of omitted.filter((test) => test.why === why)) say(`    ${name}`);
  }
}
if (broken.length > 0) say(`\nFailed besides the tests: ${broken.join(", ")}`);

const failures = Math.max(failed, green ? 0 : 1) + forbidden + broken.length;
const skipped = omitted.length > forbidden ? `, ${omitted.length} skipped` : "";
process.exitCode = failures > 0 ? 1 : 0;
console.log(`\n${passed + Object.keys(steps).length - broken.length} passed, ${failures} failed${skipped}`);

/** What the reporter wrote; a run that died before it could writes nothing. */
function readSummary() {
  try {
    return JSON.parse(readFileSync(summary, "utf8"));
  } catch {
    return { passed: 0, failed: 1, omitted: [] };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
