/** JSON of a value; numbers that are not finite, which JSON does not have, become "NaN", "Infinity" and "-Infinity". */
export const toJson = (value: unknown, indent?: number): string =>
  JSON.stringify(
    value,
    (_, part: unknown) => (typeof part === "number" && !Number.isFinite(part) ? String(part) : part),
    indent,
  );

/** One line of `--json` output. */
export const writeJson = (event: object): void => void process.stdout.write(`${toJson(event)}\n`);
