import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { open } from "../../src/store/open.ts";
import { sqliteBackend } from "../../src/store/sqlite.ts";
import type { Store } from "../../src/store/store.ts";
import { needs } from "../optional.ts";
import { ask, ROOT } from "../package/install.ts";
import { keep, startEvent, stepEvent } from "../server/studies.ts";
import { studyAddress } from "../../dashboard/route.ts";
import { HOSTILE } from "./hostile.ts";
import { openedIn, type Opened } from "./opened.ts";
import { serveStore, TOKEN, type Served } from "./serve.ts";
import { fillStore } from "./studies.ts";

const CHROMIUM = "/usr/bin/chromium";
const missing = existsSync(CHROMIUM) ? undefined : `there is no ${CHROMIUM}`;
/** Kept by continuous integration, for people to look at. */
const SCREENSHOTS = join(ROOT, "runs/screenshots");
const folder = mkdtempSync(join(tmpdir(), "drmad-browser-"));
let store: Store;
let served: Served;
let browser: Browser;

beforeAll(async () => {
  if (missing !== undefined) return;
  mkdirSync(SCREENSHOTS, { recursive: true });
  await ask(ROOT, process.execPath, "scripts/build.mjs");
  store = await open(join(folder, "studies.db"));
  await fillStore(store);
  served = await serveStore(store);
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await served?.close();
  await store?.close();
  rmSync(folder, { recursive: true });
});

const opened = (hash: string, options: BrowserContextOptions = {}, origin = served.origin): Promise<Opened> =>
  openedIn(browser, origin, hash, options);

const shot = (page: Page, name: string): Promise<unknown> =>
  page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });

const PAGES: readonly (readonly [name: string, hash: string, text: string])[] = [
  ["runs", "#/", "everything"],
  ["overview", "#/study/everything/overview", "Loss after training"],
  ["weights", "#/study/everything/hyperparameters?tensor=weight", "Lowest values"],
  ["rates", "#/study/everything/hyperparameters?tensor=rate.0", "rate: the schedule at outer step 6"],
  ["pixels", "#/study/everything/hyperparameters?tensor=l2.0.W", "l2.0.W: value at outer step 6"],
  ["images", "#/study/at%20work/hyperparameters?tensor=inputs", "inputs: value at outer step 2"],
  ["few-arrays", "#/study/few%20arrays/hyperparameters?tensor=l2.0.W", "Arrays are kept at 3 of 6 outer steps."],
  ["few-gradients", "#/study/few%20arrays/health", "Only two in a row can be compared."],
  ["forked", "#/study/forked/overview", "Forked from few arrays at outer step 5"],
  ["inner", "#/study/at%20work/inner", "within each outer step"],
  ["health", "#/study/by%20a%20straight%20line/health", "Cosine to the exact hypergradient"],
  ["log", "#/study/everything/log", "ended (budget)"],
  ["compare", "#/compare?study=everything&study=by%20a%20straight%20line", "Settings that differ"],
  ["failed", "#/study/diverged/overview", "step 2: the loss is NaN"],
  ["stale", "#/study/at%20work/overview", "is gone, or has given no sign of life"],
  ["not-begun", "#/study/not%20begun/hyperparameters", "The study has not begun."],
  ["unknown-study", "#/study/nobody/overview", "nobody"],
  ["unknown-page", "#/what/is/this", "There is no such page."],
];

const ON_A_PHONE = ["runs", "overview", "weights", "rates", "pixels", "few-arrays", "inner", "health", "log", "compare", "forked"]; // prettier-ignore

describe("the dashboard in a browser", () => {
  needs(() => missing);

  test.each(PAGES)("shows %s", async (name, hash, text) => {
    const { page, faults } = await opened(hash);
    await page.getByText(text).first().waitFor();
    await page.locator(".loading").waitFor({ state: "detached" });
    await page.waitForTimeout(150);
    await shot(page, name);
    expect(faults.filter((fault) => !(name === "unknown-study" && fault.includes("404")))).toEqual([]);
    await page.context().close();
  });

  test.each(PAGES.filter(([name]) => ON_A_PHONE.includes(name)))(
    "shows %s on a phone, in the dark",
    async (name, hash, text) => {
      const { page, faults } = await opened(hash, { viewport: { width: 360, height: 740 }, colorScheme: "dark" });
      await page.getByText(text).first().waitFor();
      await page.waitForTimeout(100);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
      await shot(page, `${name}-dark-360`);
      expect(faults).toEqual([]);
      await page.context().close();
    },
  );

  test("draws nothing where nothing is kept, and stops at what is", async () => {
    const { page, faults } = await opened("#/study/few%20arrays/hyperparameters?tensor=l2.0.W");
    const path = page.locator(".chart", { hasText: "l2.0.W over the outer steps" });
    await path.locator("summary").click();
    const rows = await path.locator("tbody tr").allInnerTexts();
    expect(rows).toHaveLength(6);
    expect(rows.map((row) => row.includes("–"))).toEqual([false, true, true, false, true, false]);
    for (const [key, step] of [
      ["ArrowLeft", 3],
      ["ArrowLeft", 0],
      ["ArrowRight", 3],
    ] as const) {
      // prettier-ignore
      await page.keyboard.press(key);
      await page.getByText(`l2.0.W: value at outer step ${step}`).waitFor();
    }
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test("says of a fork from what it goes on, and leads there", async () => {
    const { page } = await opened("#/study/forked/log");
    await page.locator(".origin").getByText("outer steps").waitFor();
    expect(await page.locator(".origin").innerText()).toMatch(/at outer step 5, with outer steps 5 → 6$/);
    await page.locator(".origin a").click();
    await page.getByRole("heading", { name: "few arrays" }).waitFor();
    await page.context().close();
  });

  test("compares in words what differs, and folds the rest", async () => {
    const { page } = await opened("#/compare?study=few%20arrays&study=forked");
    await page.getByText("Settings that differ").waitFor();
    const shown = await page.getByRole("region", { name: "Settings that differ" }).locator("tbody th").allInnerTexts();
    expect(shown).toContain("outer steps");
    expect(shown.filter((name) => /[A-Z.]/.test(name))).toEqual([]);
    expect(await page.getByText("SHA-256 of the file").isVisible()).toBe(false);
    await page.getByText("All other settings").click();
    expect(await page.getByText("SHA-256 of the file").isVisible()).toBe(true);
    // One more outer step made its loss lower.
    const best = page.getByRole("region", { name: "Results" }).locator("tbody tr", { hasText: "forked" });
    expect(await best.locator("td.best").first().innerText()).toContain("the best");
    await page.context().close();
  });

  test("keeps the token, and out of the address", async () => {
    const { page } = await opened("#/");
    // As the command prints it; a change of the fragment alone would load nothing.
    await page.goto("about:blank");
    await page.goto(`${served.origin}/#token=${TOKEN}`);
    await page.getByRole("heading", { name: "Runs" }).waitFor();
    expect(page.url()).toBe(`${served.origin}/#/`);
    await page.goto(`${served.origin}/#/study/everything/overview`);
    await page.getByRole("button", { name: "Edit" }).click();
    await page.getByLabel("Notes", { exact: true }).fill("seen");
    await page.getByLabel("Tags, with commas between them").fill("one, two");
    await page.getByRole("button", { name: "Save" }).click();
    await page.locator(".notes .tag", { hasText: "two" }).waitFor();
    const { tags, notes } = await store.get("everything");
    expect([tags, notes]).toEqual([["one", "two"], "seen"]);
    await page.context().close();
  });

  test("only looks on without the token", async () => {
    const { page } = await opened("#/");
    await page.evaluate(() => sessionStorage.clear());
    await page.goto(`${served.origin}/#/study/everything/overview`);
    await page.getByText("Loss after training").waitFor();
    expect(await page.getByRole("button", { name: "Edit" }).count()).toBe(0);
    await page.context().close();
  });

  test("is used with the keyboard alone", async () => {
    const { page, faults } = await opened("#/study/everything/hyperparameters?tensor=l2.0.W");
    await page.getByText("l2.0.W: value at outer step 6").waitFor();
    await page.keyboard.press("ArrowLeft");
    await page.getByText("l2.0.W: value at outer step 5").waitFor();
    await page.keyboard.press("Home");
    await page.getByText("l2.0.W: value at outer step 0").waitFor();
    await page.keyboard.press("End");
    await page.locator(".map canvas").first().focus();
    for (const key of ["ArrowDown", "ArrowDown", "ArrowRight"]) await page.keyboard.press(key);
    await page.getByText("pixel row 1, column 1").waitFor();
    // The slider stayed where it was.
    await page.getByText("l2.0.W: value at outer step 6").waitFor();
    await page.keyboard.press("?");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.keyboard.press("4");
    await page.getByText("Norm of the hypergradient").waitFor();
    await page.keyboard.press("r");
    await page.getByRole("heading", { name: "Runs" }).waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("straight");
    await page.waitForFunction(() => document.querySelectorAll("tbody tr").length === 1);
    // Whatever has the focus shows it.
    for (let i = 0; i < 12; i++) {
      await page.keyboard.press("Tab");
      const seen = await page.evaluate(() => {
        const { activeElement: element } = document;
        return element === null || element === document.body || getComputedStyle(element).outlineStyle !== "none";
      });
      expect(seen).toBe(true);
    }
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test("picks a step by its small picture, with a click and with the keyboard", async () => {
    const { page, faults } = await opened("#/study/everything/hyperparameters?tensor=l2.0.W");
    const pictures = page.locator(".strip-row button");
    await pictures.nth(6).waitFor();
    expect(await pictures.count()).toBe(7);
    await page.getByText("All in one scale: logarithmic colours from").waitFor();
    await pictures.nth(2).click();
    await page.getByText("l2.0.W: value at outer step 2").waitFor();
    expect(await pictures.nth(2).getAttribute("aria-pressed")).toBe("true");
    await page.keyboard.press("ArrowRight");
    await page.getByText("l2.0.W: value at outer step 3").waitFor();
    expect(await page.evaluate(() => document.activeElement?.getAttribute("aria-label"))).toMatch(/^outer step 3/);
    await page.keyboard.press("Home");
    await page.getByText("l2.0.W: value at outer step 0").waitFor();
    // Untuned, all pixels have one penalty; later they differ.
    const colours = (n: number): Promise<number> =>
      pictures.nth(n).locator("canvas").evaluate((canvas: HTMLCanvasElement) => {
        const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
        return new Set(new Uint32Array(data.buffer)).size;
      }); // prettier-ignore
    expect([await colours(0), await colours(6)]).toEqual([1, expect.any(Number)]);
    expect(await colours(6)).toBeGreaterThan(20);
    await page.getByRole("button", { name: "Hypergradient" }).click();
    await page.getByText("colours logarithmic on both sides of zero").waitFor();
    expect(await pictures.count()).toBe(6);
    await shot(page, "strip-of-hypergradients");
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test("says so where an older drmad drew no small pictures", async () => {
    const place = join(folder, "older.db");
    const older = await open(place);
    await (await keep(older, "older", [startEvent, stepEvent(0), stepEvent(1)])).over();
    const { db } = await sqliteBackend(place);
    await db.updateTable("tensors").set({ thumbnail: null }).where("step", "=", 0).execute();
    const other = await serveStore(older);
    const hash = "#/study/older/hyperparameters?tensor=big";
    const some = await opened(hash, {}, other.origin);
    await some.page.getByText("An older drmad kept 1 of them without a picture.").waitFor();
    expect(await some.page.locator(".strip-none").count()).toBe(1);
    await shot(some.page, "strip-of-some");
    await some.page.context().close();
    await db.updateTable("tensors").set({ thumbnail: null }).execute();
    const none = await opened(hash, {}, other.origin);
    await none.page.getByText("These steps have no small pictures").waitFor();
    expect([...some.faults, ...none.faults]).toEqual([]);
    await none.page.context().close();
    await other.close();
    await db.destroy();
    await older.close();
  });

  test("follows a study while it runs, and says when the server is away and back", async () => {
    await store.create({ name: "live", experiment: "pictures.ts" });
    const { page } = await opened("#/study/live/hyperparameters?tensor=big");
    await page.getByText("The study has not begun.").waitFor();
    const claim = await store.claim("live");
    await claim.append([startEvent, stepEvent(0)]);
    await page.getByText("big: value at outer step 0").waitFor();
    await claim.append([stepEvent(1)]);
    await page.getByText("big: value at outer step 1").waitFor();
    const port = Number(new URL(served.origin).port);
    await served.close();
    await page.getByText("does not answer").first().waitFor();
    await shot(page, "away");
    served = await serveStore(store, port);
    await page.locator(".connection.live").waitFor({ timeout: 20_000 });
    await claim.append([stepEvent(2)]);
    await page.getByText("big: value at outer step 2").waitFor();
    await claim.release("done");
    await page.context().close();
  });

  test("asks a running study to stop, after a second click", async () => {
    await store.create({ name: "to stop", experiment: "pictures.ts" });
    const claim = await store.claim("to stop");
    await claim.append([startEvent, stepEvent(0)]);
    const { page } = await opened("#/study/to%20stop/overview");
    await page.getByRole("button", { name: "Stop …" }).click();
    expect(await claim.beat()).toBe(false);
    await page.getByRole("button", { name: "Stop the study" }).click();
    await page.getByText("Asked to stop").waitFor();
    expect(await claim.beat()).toBe(true);
    await claim.release("stopped");
    await page.context().close();
  });

  test("says what to do where there is nothing", async () => {
    const empty = await open(join(folder, "empty.db"));
    const other = await serveStore(empty);
    const { page, faults } = await opened("#/", {}, other.origin);
    await page.getByText("There are no studies here yet.").waitFor();
    await page.getByText("--study first-try").waitFor();
    await shot(page, "empty");
    expect(faults).toEqual([]);
    await page.context().close();
    await other.close();
    await empty.close();
  });
});

describe("texts that would do harm", () => {
  needs(() => missing);

  test("are shown as texts", { timeout: 180_000 }, async () => {
    expect(HOSTILE.length).toBeGreaterThanOrEqual(50);
    const hostile = await open(join(folder, "hostile.db"));
    const names: string[] = [];
    for (const text of HOSTILE) {
      const name = text.replaceAll(/[\p{Cc}\p{Cs}]/gu, "?").slice(0, 200);
      if (name.trim() === "" || names.includes(name)) continue;
      names.push(name);
      const study = await keep(hostile, name, [startEvent, stepEvent(0), { type: "warning", message: text }]);
      await study.over();
      await hostile.annotate(name, { notes: text, tags: [text.replaceAll(",", "").trim() || "x"] });
    }
    const other = await serveStore(hostile);
    const { page, faults } = await opened("#/", {}, other.origin);
    await page.waitForFunction((n) => document.querySelectorAll("tbody tr").length === n, names.length);
    await shot(page, "hostile");
    for (const [i, name] of names.entries()) {
      await page.evaluate((hash) => void (location.hash = hash), studyAddress(name, i % 3 === 2 ? "log" : "overview"));
      await page.waitForFunction(
        (title) => document.title === title.replaceAll(/[\t\n\f\r ]+/g, " ").replaceAll(/^ | $/g, ""),
        `${name} · drmad`,
      );
      await page
        .getByText(i % 3 === 2 ? "events, the latest first" : "Loss after training")
        .first()
        .waitFor();
      // Nothing of a text became an element of the page or a way out of it.
      expect(await page.locator("iframe, object, embed, base, link[href*='evil'], main img, main script").count()).toBe(
        0,
      );
      expect(await page.locator("a[href^='javascript:'], a[href^='data:'], a[href*='//']").count()).toBe(0);
      expect(await page.evaluate(() => "harm" in globalThis)).toBe(false);
    }
    expect(faults).toEqual([]);
    await page.context().close();
    await other.close();
    await hostile.close();
  });
});
