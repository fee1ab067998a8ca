// npm run build && npm run dashboard:picture: runs a study anew and takes the dashboard's picture in the docs of it.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { open } from "../src/store/open.ts";
import { serveStore } from "../test/browser/serve.ts";

const path = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url));
const NAME = "a-penalty-for-each-weight";

const folder = mkdtempSync(join(tmpdir(), "drmad-picture-"));
const place = join(folder, "studies.db");
const flags = ["--study", NAME, "--store", place, "--out", join(folder, "results"), "--quiet"];
execFileSync(process.execPath, [path("dist/cli/main.js"), "tune", path("examples/l2-per-weight.ts"), ...flags]);
const store = await open(place);
const served = await serveStore(store);
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, colorScheme: "light" });
  await page.goto(`${served.origin}/#/study/${NAME}/hyperparameters`);
  await page.getByText("over the outer steps").waitFor();
  // The charts are drawn after they are there.
  await page.waitForTimeout(1000);
  await page.screenshot({ path: path("docs/dashboard.png"), fullPage: true });
} finally {
  await browser.close();
  await served.close();
  await store.close();
  rmSync(folder, { recursive: true });
}
