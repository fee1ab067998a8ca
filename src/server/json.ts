import type { Json } from "./api.ts";

/** JSON of a value; numbers that are not finite, which JSON does not have, become "NaN", "Infinity" and "-Infinity". */
export const toJson = (value: unknown, indent?: number): string =>
  JSON.stringify(
    value,
    (_, part: unknown) => (typeof part === "number" && !Number.isFinite(part) ? String(part) : part),
    indent,
  );

/** A value by the type of what `toJson` will make of it. */
export const inJson = <T>(value: T): Json<T> => value as unknown as Json<T>;
