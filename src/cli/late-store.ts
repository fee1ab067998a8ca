import { DrmadError } from "../errors.ts";
import type { Store } from "../store/store.ts";

/**
 * A store that may not be there yet: it has no studies until it is, and is not made by looking. What `open` throws besides
 * is thrown.
 */
export function lateStore(place: string, open: () => Promise<Store>): Store {
  let opening: Promise<Store> | undefined;
  const found = (): Promise<Store> => {
    opening ??= open().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  };
  const orElse = <T>(use: (store: Store) => Promise<T>, without: T): Promise<T> =>
    found().then(use, (error: unknown) => {
      if (error instanceof DrmadError && error.code === "file-not-found") return without;
      throw error;
    });
  return {
    place,
    list: () => orElse((store) => store.list(), []),
    revision: () => orElse((store) => store.revision(), "none"),
    create: async (study) => (await found()).create(study),
    get: async (name) => (await found()).get(name),
    events: async (name, from) => (await found()).events(name, from),
    event: async (name, sequence) => (await found()).event(name, sequence),
    free: () => undefined,
    clean: async (options) => (await found()).clean(options),
    remove: async (name, options) => (await found()).remove(name, options),
    tensors: async (name, sequence) => (await found()).tensors(name, sequence),
    thumbnails: async (name, path, limit) => (await found()).thumbnails(name, path, limit),
    state: async (name) => (await found()).state(name),
    claim: async (name) => (await found()).claim(name),
    requestStop: async (name) => (await found()).requestStop(name),
    annotate: async (name, annotation) => (await found()).annotate(name, annotation),
    exportStudy: async (name) => (await found()).exportStudy(name),
    exportStudyTo: async (name, sink) => (await found()).exportStudyTo(name, sink),
    importStudy: async (bytes, options) => (await found()).importStudy(bytes, options),
    close: async () => (await opening)?.close(),
  };
}
