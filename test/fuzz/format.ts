import { isDeepStrictEqual } from "node:util";
import type { Input } from "./malformed.ts";

export interface Format {
  readonly samples: readonly Uint8Array[];
  /** Damage that chance would not find. */
  readonly given: readonly Input[];
  /** Reads the bytes, and throws what is no DrmadError when what it got is not what the bytes say. */
  readonly read: (bytes: Uint8Array) => void;
  /** Whether every `malformed-file` says at which byte; zlib does not tell it of gzip files. */
  readonly offsets: boolean;
}

export const same = (what: string, found: unknown, wanted: unknown): void => {
  if (!isDeepStrictEqual(found, wanted)) throw new Error(`${what} is not what the bytes say`);
};
export const given = (what: string, bytes: Uint8Array): Input => ({ what, bytes });
export const text = (content: string): Uint8Array => new TextEncoder().encode(content);
