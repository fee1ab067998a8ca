import { DrmadError, requireOptions } from "../errors.ts";
import type { NdArray } from "./dataset.ts";
import { MAX_BYTES, quoted } from "./limits.ts";
import { encodeNpy, parseNpy } from "./npy.ts";
import { encodeZip, nameProblem, parseZip, type ZipOptions } from "./zip.ts";

/**
 * The bytes of an npz file, which numpy.load opens: a zip archive of one npy file a name, in the order given. The arrays are
 * stored and not deflated: weights hardly shrink, and an array of zeros would shrink more than a reader can trust.
 *
 * Errors: `invalid-argument` when a shape does not fit its data, or a name is empty, absolute, leaves its folder or is not
 * well-formed text; 2 GiB in all are too many.
 */
export function encodeNpz(arrays: Readonly<Record<string, NdArray>>): Uint8Array {
  const files = Object.entries(arrays).map(([name, array]) => {
    const lone = /\p{Surrogate}/u.test(name) ? "holds half of a character" : undefined;
    const problem = name === "" ? "is empty" : (lone ?? nameProblem(`${name}.npy`));
    if (problem !== undefined) {
      throw new DrmadError("invalid-argument", `The name ${quoted(name)} ${problem}.`, {
        hint: "Name arrays by letters, digits, dots, - and _.",
      });
    }
    return [`${name}.npy`, encodeNpy(array)] as const;
  });
  return encodeZip(files);
}

/**
 * The arrays in an npz file by name, in the order of the file, as numpy.savez and numpy.savez_compressed write them. The record
 * has no prototype, so any name is just a name.
 *
 * Errors: those of `parseZip` and `parseNpy`, naming the array; `malformed-file` when something else than npy files is in it.
 */
export function parseNpz(bytes: Uint8Array, options: ZipOptions = {}): Readonly<Record<string, NdArray>> {
  requireOptions("parseNpz", options, { name: "text?", maxBytes: "number?", maxRatio: "number?" });
  const { name = "npz", maxBytes = MAX_BYTES } = options;
  const arrays: Record<string, NdArray> = Object.create(null) as Record<string, NdArray>;
  let left = maxBytes;
  for (const [entry, read] of parseZip(bytes, { ...options, name })) {
    if (!entry.endsWith(".npy") || entry === ".npy") {
      throw new DrmadError("malformed-file", `${name} holds ${quoted(entry)}, which is no npy file.`, {
        hint: "An npz file holds one npy file for each array; write it with numpy.savez.",
      });
    }
    const array = parseNpy(read(), { name: `${name}: ${quoted(entry)}`, maxBytes: left });
    left -= array.data.byteLength;
    arrays[entry.slice(0, -4)] = array;
  }
  return arrays;
}
