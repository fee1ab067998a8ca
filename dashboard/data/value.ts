import { useEffect, useState } from "preact/hooks";

/** A value that parts of the page look at. */
export interface Value<T> {
  get(): T;
  set(next: T): void;
  /** @returns what ends it */
  watch(listener: () => void): () => void;
}

export function value<T>(first: T): Value<T> {
  let now = first;
  const listeners = new Set<() => void>();
  return {
    get: () => now,
    set(next) {
      now = next;
      for (const listener of listeners) listener();
    },
    watch(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}

/** A part of a value; whoever uses it is drawn again when that part is another. */
export function useValue<T, P>(source: Value<T>, part: (now: T) => P): P {
  const [found, set] = useState(() => part(source.get()));
  useEffect(() => {
    const look = (): void => set(() => part(source.get()));
    look();
    return source.watch(look);
    // `part` is written anew at every drawing and reads the same thing each time.
  }, [source]);
  return found;
}
