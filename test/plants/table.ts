import { readFileSync } from "node:fs";
import type { LegName } from "./legs.ts";

/** A bug and a leg that catches it, as docs/correctness.md has it. */
export interface Row {
  readonly name: string;
  readonly file: string;
  readonly leg: LegName;
  readonly off: string;
  readonly tolerance: string;
}

/** The document's table. Of a bug that more than one leg catches the further rows leave name and file empty. */
export function rowsOfDocument(): readonly Row[] {
  const text = readFileSync(new URL("../../docs/correctness.md", import.meta.url), "utf8");
  const lines = text.slice(text.indexOf("| Bug ")).split("\n\n")[0]!.trim().split("\n").slice(2);
  const rows: Row[] = [];
  for (const line of lines) {
    const [name, file, leg, off, tolerance] = line
      .slice(1, -1)
      .split(" | ")
      .map((cell) => cell.trim());
    const before = rows.at(-1);
    rows.push({
      name: name || before!.name,
      file: file?.replaceAll("`", "") || before!.file,
      leg: leg as LegName,
      off: off!,
      tolerance: tolerance!,
    });
  }
  return rows;
}
