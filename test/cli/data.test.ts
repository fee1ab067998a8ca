import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { encodeNpy, encodeNpz } from "../../src/data/files.ts";
import { encodeSafetensors } from "../../src/store/safetensors.ts";
import { buildFirst, runCli, temporaryFolder } from "./run-cli.ts";

buildFirst();
const folder = temporaryFolder();
const write = (name: string, bytes: Uint8Array | string): string => {
  writeFileSync(join(folder, name), bytes);
  return name;
};

const labels = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 3, 4, 5, 4);
const x = { data: Float32Array.of(0.5, NaN, -1, 2), shape: [2, 2] };
// sha256sum of the 11 bytes of `labels`
const SHA = "c89c450ed2bb9b67e30095b2601230e769d24d6cdb81c70d4ed8877ee9676d2c";

describe("drmad data", () => {
  test("says what a file holds, compressed or not", async () => {
    const plain = await runCli(["data", write("labels", labels)], { cwd: folder });
    expect(plain).toMatchObject({ code: 0, stderr: "" });
    expect(plain.stdout).toMatch(/^labels: IDX, 11 bytes\nSHA-256 [0-9a-f]{64}\n\nuint8 \[3\], from 4 to 5\n {2}2 classes: 4: 2, 5: 1\n$/); // prettier-ignore
    const packed = await runCli(["data", write("labels.gz", gzipSync(labels))], { cwd: folder });
    expect(packed.stdout).toBe(plain.stdout.replace("labels:", "labels.gz:"));
    expect(plain.stdout).toContain(SHA);
  });

  test("says the same as JSON, the result last", async () => {
    const file = write("a.npz", encodeNpz({ x, y: { data: Int32Array.of(1, 0), shape: [2] } }));
    const { code, events } = await runCli(["data", file, "--json"], { cwd: folder });
    expect(code).toBe(0);
    expect(events).toEqual([
      { type: "array", name: "x", shape: [2, 2], dtype: "float32", min: -1, max: 2, notFinite: 1 },
      { type: "array", name: "y", shape: [2], dtype: "int32", min: 0, max: 1, notFinite: 0, classes: [[0, 1], [1, 1]] }, // prettier-ignore
      { type: "result", file, format: "npz", bytes: 528, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string, arrays: 2 }, // prettier-ignore
    ]);
  });

  test.each([
    ["npy", "x.npy", encodeNpy(x), /npy, 144 bytes[^]*float32 \[2, 2\], from -1 to 2, 1 not finite/],
    ["safetensors", "x.safetensors", encodeSafetensors({ "w.0": x }), /safetensors[^]*w\.0 {2}float32/],
    ["CSV", "t.csv", 'a,b\n1,"x\x1b[2J"\n2,y\n', /CSV[^]*x {2}float64 \[2, 1\][^]*2 classes: "x\S+": 1, "y": 1/],
    ["CIFAR-10", "batch.bin", new Uint8Array(3073), /CIFAR-10[^]*\[1, 3, 32, 32\]/],
    ["CIFAR-100", "train.bin", new Uint8Array(3074), /CIFAR-100[^]*coarse[^]*fine/],
  ])("tells %s by its bytes or its name", async (_, name, bytes, output) => {
    const more = name.endsWith(".csv") ? ["--label", "-1"] : [];
    const { code, stdout } = await runCli(["data", write(name, bytes), ...more], { cwd: folder });
    expect(stdout).toMatch(output);
    expect(code).toBe(0);
  });

  test.each([
    ["text", "a.md", "# Text", [], /is none of IDX, npy/],
    ["a damaged file", "b.npy", encodeNpy(x).subarray(0, 140), [], /at byte 140/],
    ["a label that is not there", "c.csv", "a,b\n1,2\n", ["--label", "c"], /has no column "c"/],
    ["a label of another file", "labels", labels, ["--label", "c"], /for CSV files/],
  ])("ends with 2 on %s", async (_, name, bytes, more, message) => {
    const { code, stdout, stderr } = await runCli(["data", write(name, bytes), ...more], { cwd: folder });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(message);
  });
});
