/**
 * Just enough of WebAssembly to write loops over pairs of real numbers: expressions are nested calls that give code.
 * Byte values are those of the WebAssembly specification 2.0, sections 5.3 to 5.5.
 */
export type Code = readonly number[];

const unsigned = (n: number): Code => (n < 128 ? [n] : [(n & 127) | 128, ...unsigned(n >>> 7)]);
const signed = (n: number): Code => (n >= -64 && n < 64 ? [n & 127] : [(n & 127) | 128, ...signed(n >> 7)]);
const list = (items: readonly Code[]): Code => [...unsigned(items.length), ...items.flat()];
const text = (s: string): Code => list([...s].map((c) => [c.charCodeAt(0)]));
const sized = (code: Code): Code => [...unsigned(code.length), ...code];

export const local = (index: number): Code => [0x20, ...unsigned(index)];
export const assign = (index: number, value: Code): Code => [...value, 0x21, ...unsigned(index)];

/** Whole numbers of 32 bits: addresses and counters. */
export const whole = {
  constant: (n: number): Code => [0x41, ...signed(n)],
  add: (a: Code, b: Code): Code => [...a, ...b, 0x6a],
  half: (a: Code): Code => [...a, 0x41, 1, 0x76],
  less: (a: Code, b: Code): Code => [...a, ...b, 0x48],
} as const;

/** The code again and again, as long as the condition after it holds. */
export const repeat = (body: Code, condition: Code): Code => [0x03, 0x40, ...body, ...condition, 0x0d, 0, 0x0b];

const vector = (opcode: number): Code => [0xfd, ...unsigned(opcode)];
type One = (a: Code) => Code;
type Two = (a: Code, b: Code) => Code;
const one =
  (opcode: number): One =>
  (a) => [...a, ...vector(opcode)];
const two =
  (opcode: number): Two =>
  (a, b) => [...a, ...b, ...vector(opcode)];
const doubleBytes = (value: number): Code => [...new Uint8Array(Float64Array.of(value).buffer)];

/** Two numbers of double precision, treated alike. */
export const pair: {
  constant(value: number): Code;
  load(address: Code): Code;
  store(address: Code, value: Code): Code;
  /** From and to two numbers of single precision. */
  loadSingle(address: Code): Code;
  storeSingle(address: Code, value: Code): Code;
  readonly add: Two;
  readonly sub: Two;
  readonly mul: Two;
  readonly div: Two;
  readonly abs: One;
  readonly floor: One;
  /** To the nearest whole number, ties to the even one. */
  readonly round: One;
  /** Truth values: all bits set, or none. */
  readonly less: Two;
  readonly and: Two;
  /** Whether both are true, as a whole number. */
  readonly allTrue: One;
} = {
  constant: (value) => [...vector(12), ...doubleBytes(value), ...doubleBytes(value)],
  load: (address) => [...address, ...vector(0), 3, 0],
  store: (address, value) => [...address, ...value, ...vector(11), 3, 0],
  loadSingle: (address) => [...address, ...vector(93), 2, 0, ...vector(95)],
  storeSingle: (address, value) => [...address, ...value, ...vector(94), ...vector(91), 2, 0, 0],
  add: two(240),
  sub: two(241),
  mul: two(242),
  div: two(243),
  abs: one(236),
  floor: one(117),
  round: one(148),
  less: two(73),
  and: two(78),
  allTrue: one(195),
};

export interface FunctionCode {
  readonly name: string;
  /** All of them whole numbers. */
  readonly parameters: number;
  /** Further variables, after the parameters: pairs, then whole numbers. */
  readonly pairs: number;
  readonly wholes: number;
  /** It leaves one whole number. */
  readonly body: Code;
}

const section = (id: number, items: readonly Code[]): Code => [id, ...sized(list(items))];
/** "\0asm", version 1. */
const MAGIC: Code = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const WHOLE: Code = [0x7f];
const PAIR: Code = [0x7b];

/** The bytes of a module that takes its memory from `host.memory` and exports the functions. */
export function writeModule(functions: readonly FunctionCode[]): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ parameters }) => [
    0x60,
    ...list(Array.from({ length: parameters }, () => WHOLE)),
    ...list([WHOLE]),
  ]);
  return Uint8Array.from([
    ...MAGIC,
    ...section(1, types),
    ...section(2, [[...text("host"), ...text("memory"), 2, 0, 1]]),
    ...section(
      3,
      functions.map((_, i) => unsigned(i)),
    ),
    ...section(
      7,
      functions.map(({ name }, i) => [...text(name), 0, ...unsigned(i)]),
    ),
    ...section(
      10,
      functions.map(({ pairs, wholes, body }) => {
        const locals = list([
          [...unsigned(pairs), ...PAIR],
          [...unsigned(wholes), ...WHOLE],
        ]);
        return sized([...locals, ...body, 0x0b]);
      }),
    ),
  ]);
}
