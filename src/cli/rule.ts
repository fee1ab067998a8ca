import type * as v from "valibot";

/** How the text of an option becomes a value, and in words what it may be. */
export interface Rule<T> {
  readonly schema: v.GenericSchema<string, T>;
  readonly allowed: string;
  /** Texts that it may be, where they can be listed: a shell completes them. */
  readonly choices?: readonly string[];
  /** What a text that is none of them probably meant. */
  meant?(text: string): string | undefined;
}
