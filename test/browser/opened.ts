import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { TOKEN } from "./serve.ts";

export interface Opened {
  readonly page: Page;
  /** What went wrong in the page, and what it asked of others. */
  readonly faults: string[];
}

/** Opens a page as the command line says to, and notes all that it should not do. */
export async function openedIn(
  browser: Browser,
  origin: string,
  hash: string,
  options: BrowserContextOptions,
): Promise<Opened> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("dialog", (dialog) => (faults.push(`dialog ${dialog.message()}`), void dialog.dismiss()));
  page.on("console", (message) => {
    // A server that is away is told of by the browser too.
    if (message.type() === "error" && !message.text().includes("ERR_CONNECTION")) faults.push(message.text());
  });
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && !url.startsWith("blob:")) faults.push(`asked ${url}`);
  });
  await page.goto(`${origin}/#token=${TOKEN}`);
  await page.goto(`${origin}/${hash}`);
  return { page, faults };
}
