import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import * as fc from "fast-check";
import { numpyMissing, PYTHON } from "../../test/numpy.ts";
import { optionalTest } from "../../test/optional.ts";
import { anyArray, bitsOf } from "../../test/any-array.ts";
import { thrown } from "../../test/thrown.ts";
import type { NdArray } from "./dataset.ts";
import { encodeNpy, parseNpy } from "./npy.ts";

/** A file from its header's text and its bytes, written from the format's description and not by the writer. */
function file(header: string, elements: Uint8Array | readonly number[] = [], major = 1): Uint8Array {
  const text = new TextEncoder().encode(header);
  const first = major === 1 ? 10 : 12;
  const bytes = new Uint8Array(first + text.length + elements.length);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, major, 0]);
  const view = new DataView(bytes.buffer);
  if (major === 1) view.setUint16(8, text.length, true);
  else view.setUint32(8, text.length, true);
  bytes.set(text, first);
  bytes.set(elements, first + text.length);
  return bytes;
}

const header = (descr: string, shape: string, fortran = "False"): string =>
  `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }\n`;

/** What `write(type, value)` puts into an element of so many bytes. */
const element = (size: number, write: (view: DataView) => void): Uint8Array => {
  const bytes = new Uint8Array(size);
  write(new DataView(bytes.buffer));
  return bytes;
};

describe("encodeNpy and parseNpy", () => {
  test("give back every bit of any array", () => {
    fc.assert(
      fc.property(anyArray, (array) => {
        expect(bitsOf(parseNpy(encodeNpy(array)))).toBe(bitsOf(array));
      }),
      { numRuns: 500 },
    );
  });

  test("give back NaN payloads, −0, no elements and a single number", () => {
    const words = Uint32Array.of(0x7fc00001, 0x7f800001, 0xffffffff, 0x80000000, 1);
    const cases: readonly NdArray[] = [
      { data: new Float32Array(words.buffer), shape: [5] },
      { data: new Float64Array(Uint32Array.of(1, 0x7ff00000, 5, 0xfff80000, 0, 0x80000000).buffer), shape: [3, 1] },
      { data: new Float64Array(0), shape: [0] },
      { data: new Int32Array(0), shape: [3, 0, 2] },
      { data: Float64Array.of(-0), shape: [] },
    ];
    for (const array of cases) expect(bitsOf(parseNpy(encodeNpy(array)))).toBe(bitsOf(array));
  });

  test("write the bytes that the format's description asks for", () => {
    const bytes = encodeNpy({ data: Int32Array.of(1, -2), shape: [2] });
    const text = "{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }";
    expect(bytes).toEqual(file(`${text.padEnd(117)}\n`, [1, 0, 0, 0, 254, 255, 255, 255]));
    expect(encodeNpy({ data: new Float64Array(1), shape: [1, 1, 1, 1, 1, 1, 1, 1] }).length % 64).toBe(8);
  });

  test.each([
    ["a shape that does not fit", { data: new Float32Array(3), shape: [2] }],
    ["a negative size", { data: new Float32Array(4), shape: [-2, -2] }],
    ["nine dimensions", { data: new Float32Array(1), shape: [1, 1, 1, 1, 1, 1, 1, 1, 1] }],
  ])("refuse to write %s", (_, array) => {
    expect(() => encodeNpy(array)).toThrowError(thrown("invalid-argument", /shape \[/));
  });
});

describe("parseNpy", () => {
  test.each([
    ["i1", 1, (v: DataView) => v.setInt8(0, -7), Int32Array.of(-7)],
    ["u1", 1, (v: DataView) => v.setUint8(0, 200), Uint8Array.of(200)],
    ["i2", 2, (v: DataView) => v.setInt16(0, -300), Int32Array.of(-300)],
    ["u2", 2, (v: DataView) => v.setUint16(0, 60000), Int32Array.of(60000)],
    ["i4", 4, (v: DataView) => v.setInt32(0, -70000), Int32Array.of(-70000)],
    ["u4", 4, (v: DataView) => v.setUint32(0, 70000), Int32Array.of(70000)],
    ["i8", 8, (v: DataView) => v.setBigInt64(0, -70000n), Int32Array.of(-70000)],
    ["f4", 4, (v: DataView) => v.setFloat32(0, 1.5), Float32Array.of(1.5)],
    ["f8", 8, (v: DataView) => v.setFloat64(0, 0.1), Float64Array.of(0.1)],
    ["f2", 2, (v: DataView) => v.setUint16(0, 0xc100), Float32Array.of(-2.5)],
  ])("reads %s of either byte order", (kind, size, write, value) => {
    const big = element(size, write);
    const one = (order: string, bytes: Uint8Array): NdArray => parseNpy(file(header(order + kind, "(1,)"), bytes));
    const want = { data: value, shape: [1] };
    if (size === 1) expect(one("|", big)).toEqual(want);
    else {
      expect(one(">", big)).toEqual(want);
      expect(one("<", big.slice().reverse())).toEqual(want);
    }
  });

  test("widens every float16 to the float32 of the same value", () => {
    const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const { data } = parseNpy(file(header("<f2", "(65536,)"), new Uint8Array(bits.buffer)));
    bits.forEach((half, i) => {
      const [exponent, fraction] = [(half >> 10) & 31, half & 1023];
      const size =
        exponent === 31
          ? fraction === 0
            ? Infinity
            : NaN
          : exponent === 0
            ? fraction * 2 ** -24
            : (1 + fraction / 1024) * 2 ** (exponent - 15);
      if (!Object.is(data[i], half >> 15 ? -size : size)) throw new Error(`${half}: ${data[i]}`);
    });
  });

  test("reads column-major arrays of any shape and byte order", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        (shape, big) => {
          const elements = shape.reduce((a, b) => a * b, 1);
          const view = new DataView(new ArrayBuffer(4 * elements));
          // The row-major number of each element, at the place where column-major order has it.
          for (let i = 0; i < elements; i++) {
            let [rest, stride, at] = [i, elements, 0];
            const index = shape.map((size) => {
              stride /= size;
              const here = Math.floor(rest / stride);
              rest -= here * stride;
              return here;
            });
            for (let axis = shape.length - 1; axis >= 0; axis--) at = at * shape[axis]! + index[axis]!;
            view.setFloat32(4 * at, i, !big);
          }
          const text = header(big ? ">f4" : "<f4", `(${shape.join(",")},)`, "True");
          const { data } = parseNpy(file(text, new Uint8Array(view.buffer)));
          expect(data).toEqual(Float32Array.from({ length: elements }, (_, i) => i));
        },
      ),
      { numRuns: 200 },
    );
  });

  test("takes the headers of versions 2 and 3, of Python 2, and other spaces, quotes and orders", () => {
    const want = { data: Uint8Array.of(1, 0), shape: [2] };
    for (const major of [1, 2, 3]) expect(parseNpy(file(header("|b1", "(2,)"), [1, 0], major))).toEqual(want);
    const odd = `  {"shape" :( 2L , ),"descr":\n"|b1" , 'fortran_order':True}   `;
    expect(parseNpy(file(odd, [1, 0]))).toEqual(want);
  });

  test("gives arrays of their own, wherever the bytes lie", () => {
    const bytes = encodeNpy({ data: Float64Array.of(7), shape: [1] });
    const shifted = new Uint8Array(bytes.length + 3).subarray(3);
    shifted.set(bytes);
    const read = parseNpy(shifted);
    shifted.fill(0);
    expect(read.data).toEqual(Float64Array.of(7));
  });

  const H = header("|u1", "(2,)").length;
  test.each([
    ["nothing", new Uint8Array(0), 0],
    ["another magic", Uint8Array.of(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x5a), 5],
    ["version 4", file(header("|u1", "(2,)"), [1, 2], 4), 6],
    ["half a length", file("{}").subarray(0, 9), 9],
    ["a header beyond the end", file(header("|u1", "(2,)")).subarray(0, 20), 20],
    ["a header above 1 MiB", file("{}".padEnd(2 ** 20 + 1), [], 2), 8],
    ["a size too few", file(header("|u1", "(2,)"), [1]), 10 + H + 1],
    ["an element too many", file(header("|u1", "(2,)"), [1, 2, 3]), 10 + H + 2],
    ["a key twice", file("{'descr': '|u1', 'descr': '|u1'}"), 10 + 17],
    ["an unknown key", file("{'__proto__': 1}"), 11],
    ["a missing key", file("{'descr': '|u1', 'shape': ()}", [1]), 10],
    ["a bare number as shape", file(header("|u1", "(2)"), [1, 2]), 10 + header("|u1", "(2)").indexOf("(") + 2],
    ["a negative size", file(header("|u1", "(-2,)")), 10 + header("|u1", "").indexOf("'shape': ") + 10],
    ["an unknown type", file(header("<q9", "()"), [1]), 10 + 10],
    ["bytes with an order", file(header("<b1", "()"), [1]), 20],
    ["more than 2^31 elements", file(header("|u1", "(65536, 65536)")), 10 + header("|u1", "").indexOf("'shape'") + 9],
    ["a boolean of 2", file(header("|b1", "(2,)"), [0, 2]), 10 + H + 1],
    ["something after the header", file("{'descr': '|u1', 'fortran_order': False, 'shape': ()} x", [1]), 64],
  ])("refuses %s and says where", (_, bytes, at) => {
    expect(() => parseNpy(bytes, { name: "some.npy" })).toThrowError(
      thrown("malformed-file", new RegExp(`^some.npy: .*, at byte ${at}\\.$`)),
    );
  });

  test.each([
    ["|O", "Python objects"],
    ["<U3", "<U3"],
    ["<c16", "<c16"],
    ["<M8", "<M8"],
    ["<f16", "<f16"],
    ["<u8", "<u8"],
  ])("does not take %s", (descr, what) => {
    expect(() => parseNpy(file(header(descr, "()"), [0]))).toThrowError(thrown("unsupported", RegExp(what)));
  });

  test("does not take fields, nor integers above 32 bits", () => {
    const fields = "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}";
    expect(() => parseNpy(file(fields, [0, 0, 0, 0]))).toThrowError(thrown("unsupported", /fields/));
    const wide = element(8, (view) => view.setBigInt64(0, 2n ** 31n));
    expect(() => parseNpy(file(header(">i8", "(1,)"), wide))).toThrowError(thrown("unsupported", /2147483648/));
    const lowest = element(8, (view) => view.setBigInt64(0, -(2n ** 31n)));
    expect(parseNpy(file(header(">i8", "(1,)"), lowest)).data).toEqual(Int32Array.of(-(2 ** 31)));
    const unsigned = element(4, (view) => view.setUint32(0, 2 ** 31));
    expect(() => parseNpy(file(header(">u4", "()"), unsigned))).toThrowError(thrown("unsupported", /2147483648/));
  });

  test("keeps to the memory that it is given", () => {
    const bytes = file(header("|i1", "(4,)"), [1, 2, 3, 4]);
    expect(parseNpy(bytes, { maxBytes: 16 }).data.length).toBe(4);
    expect(() => parseNpy(bytes, { maxBytes: 15 })).toThrowError(thrown("malformed-file", /16 bytes in memory/));
  });
});

const EVERY = `
import io, sys, json, base64, numpy as np
out = []
rng = np.random.default_rng(0)
for kind in ["?", "i1", "u1", "<i2", ">i2", "<u2", ">u2", "<i4", ">i4", "<u4", ">u4", "<i8", ">i8", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8"]:
    for shape in [(), (0,), (5,), (2, 3), (3, 0, 2), (2, 3, 4)]:
        for order in "CF":
            for version in [(1, 0), (2, 0), (3, 0)]:
                a = np.asarray(rng.integers(0, 100, size=shape).astype(kind), order=order)
                f = io.BytesIO()
                np.lib.format.write_array(f, a, version=version)
                out.append({"kind": kind, "shape": shape, "npy": base64.b64encode(f.getvalue()).decode(), "values": [float(x) for x in a.ravel(order="C")]})
print(json.dumps(out))
`;

describe("NumPy", () => {
  optionalTest("writes what parseNpy reads: every type, order and version", numpyMissing(), () => {
    const out = execFileSync(PYTHON, ["-c", EVERY], { encoding: "utf8", maxBuffer: 2 ** 28 });
    const cases = JSON.parse(out) as { kind: string; shape: number[]; npy: string; values: number[] }[];
    expect(cases.length).toBe(19 * 6 * 2 * 3);
    for (const { kind, shape, npy, values } of cases) {
      const read = parseNpy(Buffer.from(npy, "base64"), { name: `${kind} (${shape.join()})` });
      expect([kind, read.shape, [...read.data]]).toEqual([kind, shape, values]);
    }
  });

  optionalTest("reads every bit of what encodeNpy writes", numpyMissing(), () => {
    const arrays = fc.sample(anyArray, { numRuns: 100, seed: 1 });
    const script = `
import sys, json, io, base64, numpy as np
for line in sys.stdin:
    a = np.load(io.BytesIO(base64.b64decode(line)), allow_pickle=False)
    assert a.flags.c_contiguous
    print(json.dumps([a.dtype.str, list(a.shape), a.tobytes().hex()]))
`;
    const input = arrays.map((array) => Buffer.from(encodeNpy(array)).toString("base64")).join("\n");
    const lines = execFileSync(PYTHON, ["-c", script], { input, encoding: "utf8" }).trim().split("\n");
    const descr = { Float32Array: "<f4", Float64Array: "<f8", Uint8Array: "|u1", Int32Array: "<i4" };
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(
      arrays.map(({ data, shape }) => [
        descr[data.constructor.name as keyof typeof descr],
        shape,
        Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("hex"),
      ]),
    );
  });
});
