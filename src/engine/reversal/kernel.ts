import { DECAY_DENOMINATOR, type Precision } from "../engine.ts";
import { assign, local, pair, repeat, whole, writeModule, type Code, type FunctionCode } from "./assembler.ts";

/**
 * Weights are whole multiples of 2⁻⁴⁰, velocities of 2⁻⁴⁴, decays of 2⁻¹⁶. A step puts digits below d in place of others, so
 * velocities are good to d·2⁻⁴⁴ = 2⁻²⁸; that is why theirs are the finer.
 */
export const WEIGHT_RADIX: number = 2 ** 40;
export const VELOCITY_RADIX: number = 2 ** 44;

/** Integers stay below this, so that every step of the arithmetic is exact in double precision. */
export const LARGEST: number = 2 ** 52;

/** Addresses of a tensor's arrays; each holds an even number of elements. */
interface Places {
  /** Bytes of an array of doubles. */
  readonly bytes: number;
  readonly weights: number;
  readonly velocity: number;
  readonly accumulators: number;
  /** Weights in the engine's precision. */
  readonly real: number;
  /** In the engine's precision. */
  readonly gradient: number;
  /** Numerators n of the decay, and the rate between the two units: doubles, one a weight, or one pair for all. */
  readonly decay: number;
  readonly rate: number;
  /** Bytes from one pair to the next: 16, or 0 where one serves all. */
  readonly decayStride: number;
  readonly rateStride: number;
}

type Name = keyof Places;

/** The arithmetic of exact momentum on arrays in one memory. */
export interface Kernel {
  /** The first half of a step: velocities and accumulators. False where a velocity left the range or is no number. */
  turn(places: Places): boolean;
  /** The second half: weights, with the new velocities. False where a weight left the range or is no number. */
  move(places: Places): boolean;
  /** Each half taken back; the second comes first. */
  undoMove(places: Places): void;
  undoTurn(places: Places): void;
  /** Velocities in the engine's precision, to another place. */
  readVelocity(places: Places, real: number): void;
}

export type { Places };

interface LoopParts {
  readonly at: (array: Name) => Code;
  readonly small: (array: Name) => Code;
  readonly setting: (array: "decay" | "rate") => Code;
  readonly variable: (index: number) => { readonly value: Code; readonly set: (value: Code) => Code };
  readonly result: (value: Code) => Code;
}

/** A function that goes over arrays pair by pair, and says whether a condition held for all of them. */
function overPairs(
  name: string,
  parameters: readonly Name[],
  precision: Precision,
  variables: number,
  body: (parts: LoopParts) => Code,
): FunctionCode {
  const index = (parameter: Name): number => parameters.indexOf(parameter);
  const held = parameters.length;
  const offset = held + variables + 1;
  const at = (array: Name): Code => whole.add(local(index(array)), local(offset));
  const settings = (["decay", "rate"] as const).filter((setting) => index(setting) >= 0);
  const loop = body({
    at,
    small: (array) => (precision === "float64" ? at(array) : whole.add(local(index(array)), whole.half(local(offset)))),
    setting: (array) => pair.load(local(index(array))),
    variable: (i) => ({ value: local(held + 1 + i), set: (value) => assign(held + 1 + i, value) }),
    result: (value) => assign(held, pair.and(local(held), value)),
  });
  const next = settings.flatMap((setting) => {
    const stride = index(`${setting}Stride`);
    return assign(index(setting), whole.add(local(index(setting)), local(stride)));
  });
  return {
    name,
    parameters: parameters.length,
    pairs: variables + 1,
    wholes: 1,
    body: [
      ...assign(held, pair.less(pair.constant(0), pair.constant(1))),
      ...repeat(
        [...loop, ...next, ...assign(offset, whole.add(local(offset), whole.constant(16)))],
        whole.less(local(offset), local(index("bytes"))),
      ),
      ...pair.allTrue(local(held)),
    ],
  };
}

const { add, sub, mul, div, floor, round, abs, constant } = pair;
const d = constant(DECAY_DENOMINATOR);

const storeReal = (precision: Precision, address: Code, integers: Code, radix: number): Code => {
  const value = mul(integers, constant(1 / radix));
  return precision === "float64" ? pair.store(address, value) : pair.storeSingle(address, value);
};

/** (1 − n/d) g as a whole multiple of velocities' unit. */
const increment = (precision: Precision, gradient: Code, n: Code): Code =>
  round(
    mul(
      precision === "float64" ? pair.load(gradient) : pair.loadSingle(gradient),
      mul(sub(d, n), constant(VELOCITY_RADIX / DECAY_DENOMINATOR)),
    ),
  );

const TURN = ["bytes", "velocity", "accumulators", "gradient", "decay", "decayStride"] as const;
const MOVE = ["bytes", "weights", "velocity", "real", "rate", "rateStride"] as const;
const READ_VELOCITY = ["bytes", "velocity", "real"] as const;

const inRange = (value: Code): Code => pair.less(abs(value), constant(LARGEST));

/**
 *     v = q d + r,  B d + r = p n + a        0 ≤ r < d,  0 ≤ a < n
 *     v ← q n + a − round((1 − n/d) g),  B ← p
 */
function turn({ at, small, setting, variable, result }: LoopParts, precision: Precision): Code {
  const [n, v, q, b, p] = [0, 1, 2, 3, 4].map(variable) as [V, V, V, V, V];
  return [
    ...n.set(setting("decay")),
    ...v.set(pair.load(at("velocity"))),
    ...q.set(floor(mul(v.value, constant(1 / DECAY_DENOMINATOR)))),
    ...b.set(add(mul(pair.load(at("accumulators")), d), sub(v.value, mul(q.value, d)))),
    // Exact: with b below 2⁵³ the rounded quotient never reaches the next whole number.
    ...p.set(floor(div(b.value, n.value))),
    ...pair.store(at("accumulators"), p.value),
    ...v.set(
      sub(
        add(mul(q.value, n.value), sub(b.value, mul(p.value, n.value))),
        increment(precision, small("gradient"), n.value),
      ),
    ),
    ...pair.store(at("velocity"), v.value),
    ...result(inRange(v.value)),
  ];
}

/** w ← w + round(α v), or back. */
const moveBy =
  (direction: typeof add) =>
  ({ at, small, setting, variable, result }: LoopParts, precision: Precision): Code => {
    const w = variable(0);
    return [
      ...w.set(direction(pair.load(at("weights")), round(mul(setting("rate"), pair.load(at("velocity")))))),
      ...pair.store(at("weights"), w.value),
      ...storeReal(precision, small("real"), w.value, WEIGHT_RADIX),
      ...result(inRange(w.value)),
    ];
  };

type V = ReturnType<LoopParts["variable"]>;

/** The same digits the other way round: a pushed onto B and r popped from it. */
function undoTurn({ at, small, setting, variable }: LoopParts, precision: Precision): Code {
  const [n, u, q, b, p] = [0, 1, 2, 3, 4].map(variable) as [V, V, V, V, V];
  return [
    ...n.set(setting("decay")),
    ...u.set(add(pair.load(at("velocity")), increment(precision, small("gradient"), n.value))),
    ...q.set(floor(div(u.value, n.value))),
    ...b.set(add(mul(pair.load(at("accumulators")), n.value), sub(u.value, mul(q.value, n.value)))),
    ...p.set(floor(mul(b.value, constant(1 / DECAY_DENOMINATOR)))),
    ...pair.store(at("accumulators"), p.value),
    ...pair.store(at("velocity"), add(mul(q.value, d), sub(b.value, mul(p.value, d)))),
  ];
}

function code(precision: Precision): Uint8Array<ArrayBuffer> {
  return writeModule([
    overPairs("turn", TURN, precision, 5, (parts) => turn(parts, precision)),
    overPairs("move", MOVE, precision, 1, (parts) => moveBy(add)(parts, precision)),
    overPairs("undoMove", MOVE, precision, 1, (parts) => moveBy(sub)(parts, precision)),
    overPairs("undoTurn", TURN, precision, 5, (parts) => undoTurn(parts, precision)),
    overPairs("readVelocity", READ_VELOCITY, precision, 1, ({ at, small }) =>
      storeReal(precision, small("real"), pair.load(at("velocity")), VELOCITY_RADIX),
    ),
  ]);
}

/** What of WebAssembly is used here; the library's types name no platform. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> };
  Memory: new (limits: { readonly initial: number; readonly maximum: number }) => { readonly buffer: ArrayBuffer };
};

const PAGE = 65536;

/** Memory of a fixed size, and the kernel that works in it. */
export function createKernel(precision: Precision, bytes: number): { readonly kernel: Kernel; memory: ArrayBuffer } {
  const pages = Math.ceil(bytes / PAGE);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code(precision)), { host: { memory } });
  const call = (name: string, parameters: readonly Name[], places: Partial<Places>): boolean =>
    (exports[name] as (...values: number[]) => number)(...parameters.map((parameter) => places[parameter]!)) !== 0;
  return {
    memory: memory.buffer,
    kernel: {
      turn: (places) => call("turn", TURN, places),
      move: (places) => call("move", MOVE, places),
      undoMove: (places) => void call("undoMove", MOVE, places),
      undoTurn: (places) => void call("undoTurn", TURN, places),
      readVelocity: (places, real) => void call("readVelocity", READ_VELOCITY, { ...places, real }),
    },
  };
}
