import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { DrmadError } from "../errors.ts";
import { writeFileAtomic } from "./write.ts";

/** The calls of write.ts to the disk, in order; call number `failAt` (from 1) fails. */
const disk = vi.hoisted(() => ({
  calls: [] as string[],
  failAt: Infinity,
  mostAtOnce: Infinity,
  step(call: string): void {
    this.calls.push(call);
    if (this.calls.length === this.failAt) throw Object.assign(new Error(`ENOSPC: ${call}`), { code: "ENOSPC" });
  },
}));

vi.mock("node:fs", async (importOriginal) => {
  const fs = await importOriginal<typeof import("node:fs")>();
  return {
    ...fs,
    openSync: (path: string, flags: string) => {
      disk.step(`open ${flags}`);
      return fs.openSync(path, flags);
    },
    writeSync: (file: number, bytes: Uint8Array, at: number) => {
      disk.step("write");
      return fs.writeSync(file, bytes, at, Math.min(disk.mostAtOnce, bytes.length - at));
    },
    fsyncSync: (file: number) => {
      disk.step("fsync");
      fs.fsyncSync(file);
    },
    renameSync: (from: string, to: string) => {
      disk.step("rename");
      fs.renameSync(from, to);
    },
  };
});

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "drmad-write-"));
  Object.assign(disk, { calls: [], failAt: Infinity, mostAtOnce: Infinity });
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const old = Uint8Array.of(1, 2, 3);
const fresh = Uint8Array.from({ length: 1000 }, (_, i) => i);

describe("writeFileAtomic", () => {
  test("writes a new file, replaces an old one, and leaves nothing beside it", () => {
    const path = join(folder, "file");
    writeFileAtomic(path, old);
    expect(new Uint8Array(readFileSync(path))).toEqual(old);
    writeFileAtomic(path, fresh);
    expect(new Uint8Array(readFileSync(path))).toEqual(fresh);
    writeFileAtomic(path, new Uint8Array(0));
    expect(readFileSync(path).length).toBe(0);
    expect(readdirSync(folder)).toEqual(["file"]);
  });

  test("makes the bytes durable before the name, and the name before it returns", () => {
    writeFileAtomic(join(folder, "file"), fresh);
    expect(disk.calls).toEqual(["open wx", "write", "fsync", "rename", "open r", "fsync"]);
  });

  test("goes on after a short write", () => {
    disk.mostAtOnce = 300;
    writeFileAtomic(join(folder, "file"), fresh);
    expect(new Uint8Array(readFileSync(join(folder, "file")))).toEqual(fresh);
    expect(disk.calls.filter((call) => call === "write").length).toBe(4);
  });

  test("whichever call to the disk fails, reports it, keeps a whole file and leaves nothing beside it", () => {
    const path = join(folder, "file");
    for (let failAt = 1; failAt <= 7; failAt++) {
      writeFileSync(path, old);
      Object.assign(disk, { calls: [], failAt });
      let error: unknown;
      try {
        writeFileAtomic(path, fresh);
      } catch (thrown) {
        error = thrown;
      }
      expect(readdirSync(folder)).toEqual(["file"]);
      const found = new Uint8Array(readFileSync(path));
      // From the fifth call on the new file has its name; only the folder was not made durable.
      expect(found).toEqual(failAt <= 4 ? old : fresh);
      if (failAt === 7) expect(error).toBeUndefined();
      else {
        expect(error).toBeInstanceOf(DrmadError);
        expect(error).toMatchObject({ code: "write-failed", message: expect.stringContaining("ENOSPC") as string });
      }
    }
  });

  test.each(["missing/file", "", "file/under"])("names %j when it cannot be written", (name) => {
    writeFileSync(join(folder, "file"), old);
    const path = join(folder, name);
    expect(() => writeFileAtomic(path, fresh)).toThrowError(
      expect.objectContaining({ code: "write-failed", message: expect.stringContaining(path) as string }) as Error,
    );
    expect(readdirSync(folder)).toEqual(["file"]);
  });

  test("does not replace a folder", () => {
    mkdirSync(join(folder, "sub"));
    expect(() => writeFileAtomic(join(folder, "sub"), fresh)).toThrowError(DrmadError);
    expect(readdirSync(folder)).toEqual(["sub"]);
  });

  test("leaves a whole file when the process is killed at any moment", { timeout: 60_000 }, async () => {
    const path = join(folder, "file");
    writeFileAtomic(path, new Uint8Array(200_000).fill(65));
    const module = fileURLToPath(new URL("write.ts", import.meta.url));
    const program = `
      import { createJiti } from "jiti";
      const { writeFileAtomic } = await createJiti(process.cwd()).import(${JSON.stringify(module)});
      console.log("ready");
      for (let i = 0; ; i++) writeFileAtomic(${JSON.stringify(path)}, new Uint8Array(200_000).fill(65 + (i % 26)));
    `;
    const seen = new Set<number>();
    for (let kill = 0; kill < 8; kill++) {
      const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      await new Promise<void>((resolve) => child.stdout.once("data", () => resolve()));
      await new Promise((resolve) => setTimeout(resolve, 10 + 7.3 * kill));
      await new Promise((resolve) => {
        child.once("exit", resolve);
        child.kill("SIGKILL");
      });
      const found = readFileSync(path);
      expect(found.length).toBe(200_000);
      expect(found.every((byte) => byte === found[0])).toBe(true);
      seen.add(found[0]!);
    }
    // Had the child written nothing, nothing would have been tested.
    expect(seen.size).toBeGreaterThan(1);
  });
});
