import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { vi } from "vitest";
import type { Plant } from "./plant.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const RELATIVE = /(from\s+")(\.[^"]+)"/g;

/** The text of a file with a bug in it. It may lie anywhere: what it imports is named in full. */
export function sownText({ file, edits }: Pick<Plant, "file" | "edits">): string {
  const path = join(ROOT, file);
  let text = readFileSync(path, "utf8");
  for (const [from, to] of edits) {
    const parts = text.split(from);
    if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times: ${from}`);
    text = parts.join(to);
  }
  return text.replaceAll(RELATIVE, (_, before: string, to: string) => `${before}${resolve(dirname(path), to)}"`);
}

/** Everything imported in `use` is imported afresh, and with the bug if there is one. */
export async function withPlant<T>(plant: Plant | undefined, use: () => Promise<T>): Promise<T> {
  vi.resetModules();
  if (plant === undefined) return use();
  const folder = mkdtempSync(join(tmpdir(), "plant-"));
  const there = join(folder, basename(plant.file));
  const path = join(ROOT, plant.file);
  writeFileSync(there, sownText(plant));
  vi.doMock(path, () => import(/* @vite-ignore */ there));
  try {
    return await use();
  } finally {
    vi.doUnmock(path);
    rmSync(folder, { recursive: true });
  }
}
