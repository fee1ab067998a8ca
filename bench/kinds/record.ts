import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Recorded, table, withTable } from "./table.ts";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const RESULTS = `${ROOT}/bench/kinds/results.json`;

export const recorded = (): readonly Recorded[] => JSON.parse(readFileSync(RESULTS, "utf8")) as readonly Recorded[];

export const PAGES: readonly string[] = ["docs", "docs/hyperparameters"].flatMap((folder) =>
  readdirSync(`${ROOT}/${folder}`).flatMap((name) => (name.endsWith(".md") ? [`${ROOT}/${folder}/${name}`] : [])),
);

const rounded = (_: string, value: unknown): unknown =>
  typeof value === "number" ? Number(value.toPrecision(6)) : value;

/** Keeps what was measured beside what is kept of other examples, and writes it into the tables of the pages. */
export function record(measured: readonly Recorded[]): void {
  const kept = new Map(recorded().map((each) => [each.example, each]));
  for (const each of measured) {
    kept.set(each.example, each);
    process.stdout.write(`${each.example}\n${table(each)}\n\n`);
  }
  const all = [...kept.values()].sort((a, b) => (a.example < b.example ? -1 : 1));
  writeFileSync(RESULTS, `${JSON.stringify(all, rounded, 1)}\n`);
  for (const page of PAGES) {
    const text = readFileSync(page, "utf8");
    const written = all.reduce((so, each) => withTable(so, each) ?? so, text);
    if (written !== text) writeFileSync(page, written);
  }
}
