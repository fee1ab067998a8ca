import type { HeldArray } from "../engine.ts";

/** Smaller ones are left to the garbage collector: handing over costs some microseconds. */
const WORTH_BYTES = 2 ** 16;

// Nobody listens at its other end: what is handed over to it is dropped at once, and its memory with it.
const { port1: nowhere, port2 } = new MessageChannel();
port2.close();

/**
 * Gives the memory of an array that nothing else uses back at once; the array is empty afterwards. Such memory lies outside
 * the heap, where the garbage collector hardly sees it: it lets dead tables wait while new ones are made, and spends
 * milliseconds on each collection.
 */
export function release(data: HeldArray["data"]): void {
  if (isReleased(data)) nowhere.postMessage(undefined, [data.buffer as ArrayBuffer]);
}

/** Whether it is large enough to be released, and not left to the garbage collector. */
export const isReleased = ({ buffer }: HeldArray["data"]): boolean =>
  buffer instanceof ArrayBuffer && buffer.byteLength >= WORTH_BYTES;
