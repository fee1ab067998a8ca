/** What was made lately, by what it was made of. */
export interface Cache {
  /** Made once, however many ask at a time; what fails is made again. */
  of<T>(key: string, make: () => Promise<T>, bytesOf: (made: T) => number): Promise<T>;
  /** Of all that it holds. */
  bytes(): number;
}

/** A cache that lets go of what was asked for least lately where all together would take more bytes. */
export function createCache(mostBytes: number): Cache {
  const entries = new Map<string, { readonly made: Promise<unknown>; bytes: number }>();
  let total = 0;
  const drop = (key: string): void => {
    total -= entries.get(key)?.bytes ?? 0;
    entries.delete(key);
  };
  return {
    bytes: () => total,
    of<T>(key: string, make: () => Promise<T>, bytesOf: (made: T) => number): Promise<T> {
      const found = entries.get(key);
      if (found !== undefined) {
        entries.delete(key);
        entries.set(key, found);
        return found.made as Promise<T>;
      }
      const made = make();
      const entry = { made, bytes: 0 };
      entries.set(key, entry);
      made.then(
        (value) => {
          if (entries.get(key) !== entry) return;
          entry.bytes = bytesOf(value);
          total += entry.bytes;
          for (const oldest of entries.keys()) {
            if (total <= mostBytes) break;
            drop(oldest);
          }
        },
        () => entries.get(key) === entry && drop(key),
      );
      return made;
    },
  };
}
