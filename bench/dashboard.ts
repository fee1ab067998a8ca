/**
 * How soon the dashboard shows something, in Debian's Chromium without a GPU: the first paint of 100 studies, and the drawing of
 * a map of 800,000 cells. Medians of nine.
 *
 *     npm run build && npm run bench:dashboard
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Browser } from "playwright-core";
import { DRAWING } from "../dashboard/draw/drawing-name.ts";
import { open } from "../src/store/open.ts";
import { serveStore } from "../test/browser/serve.ts";
import { keep, startEvent, stepEvent } from "../test/server/studies.ts";

const STUDIES = 100;
const [ROWS, COLUMNS] = [800, 1000];
const TIMES = 9;

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
const line = (what: string, values: readonly number[]): string =>
  `${what}: ${median(values).toFixed(1)} ms (${Math.min(...values).toFixed(1)} to ${Math.max(...values).toFixed(1)})\n`;

/** Milliseconds from the request for the page to the first paint with all rows of the table in it. */
async function firstPaint(browser: Browser, origin: string): Promise<number> {
  const page = await browser.newPage();
  await page.goto(`${origin}/`);
  const found = await page.evaluate(
    (rows) =>
      new Promise<number>((resolve) => {
        const look = (): void =>
          document.querySelectorAll("tbody tr").length < rows
            ? void requestAnimationFrame(look)
            : void requestAnimationFrame(() => resolve(performance.now()));
        look();
      }),
    STUDIES,
  );
  await page.close();
  return found;
}

/** A body of /api/map with as many cells as maps have at most. */
function mapBody(): Buffer {
  const header = { step: 2, tensor: "big", of: "value", shape: [ROWS, COLUMNS], rows: ROWS, columns: COLUMNS, blocks: [1, 1], least: 0, most: 2, nonFinite: 0 }; // prettier-ignore
  const text = new TextEncoder().encode(JSON.stringify(header));
  const cells = Float32Array.from({ length: ROWS * COLUMNS }, (_, i) => 1 + Math.sin(i / 997) * Math.cos(i % 1000));
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, text.length, true);
  return Buffer.concat([length, text, new Uint8Array(cells.buffer)]);
}

/** Milliseconds of each drawing while the slider goes from step to step. */
async function drawings(browser: Browser, origin: string): Promise<readonly number[]> {
  const page = await browser.newPage();
  const body = mapBody();
  await page.route("**/api/map?*", (route) => route.fulfill({ body, contentType: "application/octet-stream" }));
  await page.goto(`${origin}/#/study/study%200/hyperparameters?tensor=big`);
  const drawn = (): Promise<readonly number[]> =>
    page.evaluate((name) => performance.getEntriesByName(name).map(({ duration }) => duration), DRAWING);
  for (let i = 0; i <= TIMES; i++) {
    await page.waitForFunction(([name, n]) => performance.getEntriesByName(name).length > n, [DRAWING, i] as const);
    await page.keyboard.press(i % 2 === 0 ? "Home" : "End");
  }
  const found = await drawn();
  await page.close();
  return found.slice(0, TIMES);
}

const folder = mkdtempSync(join(tmpdir(), "drmad-bench-"));
const store = await open(join(folder, "studies.db"));
for (let i = 0; i < STUDIES; i++)
  await (await keep(store, `study ${i}`, [startEvent, stepEvent(0), stepEvent(1), stepEvent(2)])).over();
const served = await serveStore(store);
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
try {
  const paints: number[] = [];
  for (let i = 0; i < TIMES; i++) paints.push(await firstPaint(browser, served.origin));
  process.stdout.write(line(`first paint of ${STUDIES} studies`, paints));
  process.stdout.write(line(`a map of ${ROWS * COLUMNS} cells`, await drawings(browser, served.origin)));
} finally {
  await browser.close();
  await served.close();
  await store.close();
  rmSync(folder, { recursive: true });
}
