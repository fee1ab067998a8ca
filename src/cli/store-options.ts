import { Option } from "commander";
import * as v from "valibot";
import { open } from "../store/open.ts";
import type { Keep } from "../store/retention.ts";
import type { Store } from "../store/store.ts";
import { DEFAULT_STORE } from "./default-store.ts";
import { checked } from "./options.ts";
import type { Rule } from "./rule.ts";

export const filled: v.GenericSchema<string, string> = v.pipe(v.string(), v.trim(), v.nonEmpty());
export const studyName: Rule<string> = { schema: filled, allowed: "a name of one line" };
export const keepRule: Rule<Keep> = {
  schema: v.pipe(
    v.string(),
    v.regex(/^(?:all|(?:every|last):[1-9]\d{0,8})$/),
    v.transform((text) => text as Keep),
  ),
  allowed: "all, every:N or last:N",
};
export const anyText: Rule<string> = { schema: v.string(), allowed: "any text" };
export const tagList: Rule<readonly string[]> = {
  schema: v.pipe(
    filled,
    v.transform((text) => text.split(",").map((tag) => tag.trim())),
    v.check((tags) => tags.every((tag) => tag !== "")),
  ),
  allowed: "words with commas between them",
};

export interface StoreFlags {
  readonly store?: string;
}

export const storeOption = (): Option =>
  checked(
    "--store <place>",
    `the store of studies: a file, or postgres://USER@HOST/DATABASE (default: ${DEFAULT_STORE})`,
    {
      schema: filled,
      allowed: "the path of a file, or a URL that begins with postgres://",
    },
  );

/** Does something with the store that the options name, and closes it. */
export async function withStore<T>(
  { store: path = DEFAULT_STORE }: StoreFlags,
  create: boolean,
  use: (store: Store) => Promise<T>,
): Promise<T> {
  const store = await open(path, { create });
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}
