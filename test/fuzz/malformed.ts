import { substream, type Uniform } from "../../src/data/random.ts";

export interface Input {
  /** How it came about, for the report of a failure. */
  readonly what: string;
  readonly bytes: Uint8Array;
}

/** What files claim to be, none of which is another. */
const MAGICS: readonly (readonly number[])[] = [
  [0x1f, 0x8b, 8], // gzip
  [0x50, 0x4b, 3, 4], // zip
  [0x50, 0x4b, 5, 6],
  [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0], // npy
  [0, 0, 8, 3], // IDX
  [0x89, 0x48, 0x44, 0x46], // HDF5
  [0x80, 0x04, 0x95], // pickle
  [0xef, 0xbb, 0xbf], // a byte order mark
  [0xff, 0xfe],
  [0xfe, 0xff],
  [0, 0, 0, 0, 0, 0, 0, 0],
  [0x7b, 0x22],
];
const LIES = [0n, 1n, -1n, 2n ** 15n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n, 2n ** 63n - 1n, 0x7ff8000000000000n]; // prettier-ignore
const NUMBERS = ["0", "-1", "-0", "4294967296", "2147483648", "65536", "9007199254740993", "NaN", "Infinity", "1e999", "1e3", "1.0", "007", "0x10", "null", "true", "True", "", "9".repeat(400)]; // prettier-ignore
const WORDS = ["__proto__", "constructor", "prototype", "toString", "__metadata__", "descr", "shape", "dtype", "|O", ">f8", "<f4", "F64", "I64", "../x", "/x", "\0", "\ud800", "\x1b[2J", "a".repeat(3000)]; // prettier-ignore
const DEEP = ["[", "{", "(", '"', "'", '{"a":', "((((", ",", "\\", "\n", '""'];

/** Bytes of text, of lone surrogates too: these come out as what UTF-8 does not have. */
const bytesOf = (text: string): Uint8Array =>
  text === "\ud800" ? Uint8Array.of(0xed, 0xa0, 0x80) : new TextEncoder().encode(text);

const below = (next: Uniform, n: number): number => Math.floor(next() * n);
const oneOf = <T>(next: Uniform, list: readonly T[]): T => list[below(next, list.length)]!;

/** A place in the bytes; more often near the ends, where headers and directories are. */
function place(next: Uniform, length: number): number {
  const kind = next();
  if (kind < 0.5) return below(next, Math.min(length, 160));
  if (kind < 0.7) return Math.max(0, length - 1 - below(next, Math.min(length, 160)));
  return below(next, length);
}

function replaced(bytes: Uint8Array, from: number, to: number, by: Uint8Array): Uint8Array {
  const out = new Uint8Array(bytes.length - (to - from) + by.length);
  out.set(bytes.subarray(0, from));
  out.set(by, from);
  out.set(bytes.subarray(to), from + by.length);
  return out;
}

/** A stretch of bytes around a place that a pattern of ASCII takes in; undefined where there is none. */
function token(bytes: Uint8Array, next: Uniform, pattern: RegExp): readonly [number, number] | undefined {
  const from = Math.max(0, place(next, bytes.length) - 50);
  const text = String.fromCharCode(...bytes.subarray(from, from + 400));
  const found = pattern.exec(text);
  return found === null ? undefined : [from + found.index, from + found.index + found[0].length];
}

type Mutation = (bytes: Uint8Array, next: Uniform, others: readonly Uint8Array[]) => Uint8Array;

const MUTATIONS: Readonly<Record<string, Mutation>> = {
  flip: (bytes, next) => {
    const out = bytes.slice();
    out[place(next, out.length)]! ^= 1 << below(next, 8);
    return out;
  },
  cut: (bytes, next) => bytes.slice(0, place(next, bytes.length)),
  lie: (bytes, next) => {
    const out = bytes.slice();
    const size = oneOf(next, [1, 2, 4, 8]);
    const at = Math.min(place(next, out.length), out.length - size);
    if (at < 0) return out;
    const view = new DataView(new ArrayBuffer(8));
    view.setBigUint64(0, BigInt.asUintN(64, oneOf(next, LIES)), true);
    const lie = new Uint8Array(view.buffer, 0, size);
    out.set(next() < 0.5 ? lie : lie.toReversed(), at);
    return out;
  },
  turn: (bytes, next) => {
    const size = oneOf(next, [2, 4, 8]);
    const at = place(next, bytes.length);
    return replaced(bytes, at, Math.min(at + size, bytes.length), bytes.slice(at, at + size).reverse());
  },
  magic: (bytes, next) => {
    const magic = Uint8Array.from(oneOf(next, MAGICS));
    return replaced(bytes, 0, next() < 0.5 ? Math.min(magic.length, bytes.length) : 0, magic);
  },
  drop: (bytes, next) => {
    const at = place(next, bytes.length);
    return replaced(bytes, at, Math.min(bytes.length, at + 1 + below(next, 40)), new Uint8Array(0));
  },
  double: (bytes, next) => {
    const from = place(next, bytes.length);
    const stretch = bytes.slice(from, from + 1 + below(next, 80));
    const at = next() < 0.5 ? from : place(next, bytes.length);
    return replaced(bytes, at, at, stretch);
  },
  noise: (bytes, next) => {
    const at = place(next, bytes.length + 1);
    return replaced(
      bytes,
      at,
      at,
      Uint8Array.from({ length: 1 + below(next, 12) }, () => below(next, 256)),
    );
  },
  number: (bytes, next) => {
    const at = token(bytes, next, /-?[0-9]+(?:\.[0-9]+)?/);
    return at === undefined ? bytes : replaced(bytes, ...at, bytesOf(oneOf(next, NUMBERS)));
  },
  word: (bytes, next) => {
    const at = token(bytes, next, /[|<>]?[A-Za-z_][A-Za-z0-9_]*/);
    return at === undefined ? bytes : replaced(bytes, ...at, bytesOf(oneOf(next, WORDS)));
  },
  deep: (bytes, next) => {
    const at = place(next, bytes.length + 1);
    return replaced(bytes, at, at, bytesOf(oneOf(next, DEEP).repeat(oneOf(next, [1, 1, 2, 100, 10_000]))));
  },
  splice: (bytes, next, others) => {
    const other = oneOf(next, others);
    const at = place(next, bytes.length);
    return replaced(bytes, at, bytes.length, other.slice(place(next, Math.max(1, other.length))));
  },
};

/** Truncations of one sample that are all tried, before chance takes over. */
const MOST_CUTS = 300;

/**
 * So many damaged files: first those given, then each sample cut at every byte (or at 300 of them), then samples under one to
 * three random damages. The same for the same seed.
 */
export function* malformed(
  seed: string,
  samples: readonly Uint8Array[],
  given: readonly Input[],
  count: number,
): Generator<Input> {
  let made = 0;
  for (const input of given) {
    made++;
    yield input;
  }
  for (const [i, sample] of samples.entries()) {
    const step = Math.max(1, sample.length / MOST_CUTS);
    for (let end = 0; end < sample.length; end += step, made++) {
      yield { what: `sample ${i} cut to ${Math.floor(end)} bytes`, bytes: sample.slice(0, Math.floor(end)) };
    }
  }
  for (let n = 0; made < count; n++, made++) {
    const next = substream("malformed", seed, n);
    const sample = below(next, samples.length);
    const names = Array.from({ length: oneOf(next, [1, 1, 1, 2, 3]) }, () => oneOf(next, Object.keys(MUTATIONS)));
    const bytes = names.reduce<Uint8Array>(
      (damaged, name) => (damaged.length === 0 ? damaged : MUTATIONS[name]!(damaged, next, samples)),
      samples[sample]!,
    );
    yield { what: `${seed} ${n}: sample ${sample}, ${names.join(", ")}`, bytes };
  }
}
