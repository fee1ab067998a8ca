import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as drmad from "../../src/index.ts";
import { needs } from "../optional.ts";
import { ask, installConsumer, installNode24, pack, readmeExample, ROOT, run, type Tarball } from "./install.ts";

/** What users get: the packed package, installed into an empty project, on the oldest Node that it supports and on 24. */
const home = mkdtempSync(join(tmpdir(), "drmad-package-"));
const project = join(home, "project");
const BIN = "node_modules/drmad/dist/cli/main.js";
const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { readonly version: string };

let tarball: Tarball;
let missing: string | undefined;
let node24: Awaited<ReturnType<typeof installNode24>>;

beforeAll(async () => {
  tarball = await pack(home);
  missing = await installConsumer(project, tarball);
  if (missing !== undefined) return;
  // The compiler and Node's types are lent: a user has them in some version.
  symlinkSync(join(ROOT, "node_modules/@types"), join(project, "node_modules/@types"));
}, 170_000);
afterAll(() => {
  rmSync(home, { recursive: true });
});

/** Compiles files of the project in a user's settings, strict and with the package's own types checked as well. */
function compile(files: readonly string[], options: object): Promise<string> {
  // prettier-ignore
  const compilerOptions = {
    target: "es2023", lib: ["es2023"], module: "nodenext", types: ["node"], outDir: "out",
    strict: true, skipLibCheck: false, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true,
    verbatimModuleSyntax: true, rewriteRelativeImportExtensions: true,
    ...options,
  };
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
  return ask(project, process.execPath, join(ROOT, "node_modules/typescript/bin/tsc"));
}

const RUNNABLE = ["hypergradient.ts", "exports.ts", "experiment.ts", "interfaces.ts"];

describe("the tarball", () => {
  test("holds the built program, its types, examples and notices, and nothing else", () => {
    const expected =
      /^(?:dist\/.+\.(?:js|d\.ts)|dist\/dashboard\/(?:index\.html|icon\.svg|assets\/[\w-]+\.(?:js|css))|examples\/[\w-]+\.ts|papers\/[\w/-]+\.(?:ts|json)|package\.json|README\.md|LICENSE|NOTICE|CHANGELOG\.md)$/;
    expect(tarball.files.filter((path) => !expected.test(path) || /\.(?:test|fixture)\./.test(path))).toEqual([]);
    for (const path of [
      "README.md",
      "LICENSE",
      "NOTICE",
      "dist/index.js",
      "dist/index.d.ts",
      "dist/cli/main.js",
      "dist/dashboard/index.html",
    ])
      expect(tarball.files).toContain(path);
    console.log(`drmad ${version}: ${tarball.files.length} files, ${Math.ceil(tarball.bytes / 1024)} KiB packed`);
    expect(tarball.bytes).toBeLessThan(1 << 20);
  });
});

describe("installed elsewhere", () => {
  needs(() => missing);

  test("type-checks strictly, with the package's own types", { timeout: 120_000 }, async () => {
    await compile(RUNNABLE, {});
    const browser = { types: [], lib: ["es2023", "dom"], noEmit: true, exactOptionalPropertyTypes: false };
    await compile(["bare.ts"], browser);
    await compile(["bare.ts"], { ...browser, module: "esnext", moduleResolution: "bundler" });
  });

  test("answers to npx and to its own name", { timeout: 180_000 }, async () => {
    expect((await ask(project, "npx", "--no-install", "drmad", "--version")).trim()).toBe(version);
    expect(existsSync(join(project, "node_modules/.bin/drmad"))).toBe(true);
  });

  describe.each(["this Node", "Node 24"])("on %s", (which) => {
    needs(() => (which === "Node 24" && "missing" in node24 ? node24.missing : undefined));
    beforeAll(async () => {
      node24 ??= await installNode24();
      if (missing === undefined && !existsSync(join(project, "out"))) await compile(RUNNABLE, {});
    }, 120_000);
    const node = (): string => (which === "Node 24" && "path" in node24 ? node24.path : process.execPath);
    const drmadCommand = (...args: readonly string[]): ReturnType<typeof run> => run(project, node(), BIN, ...args);

    test("is the Node that it should be", async () => {
      const found = await ask(project, node(), "--version");
      if (which === "Node 24") expect(found).toMatch(/^v24\./);
    });

    test("exports the public names and nothing past them", async () => {
      const { names, past } = JSON.parse(await ask(project, node(), "out/exports.js")) as Record<string, string[]>;
      expect(names!.sort()).toEqual(Object.keys(drmad).sort());
      expect(new Set(past)).toEqual(new Set(["ERR_PACKAGE_PATH_NOT_EXPORTED"]));
    });

    test("runs README's example", { timeout: 180_000 }, async () => {
      writeFileSync(join(project, "example.ts"), readmeExample("example: library"));
      await compile(["example.ts"], {});
      const { code, stdout, stderr } = await run(project, node(), "out/example.js");
      expect(stderr).toBe("");
      expect(code).toBe(0);
      expect(stdout).toMatch(/\d/);
      expect(stdout).not.toMatch(/NaN|undefined|Infinity/);
    });

    test("computes a hypergradient that a finite difference confirms", async () => {
      const found = JSON.parse(await ask(project, node(), "out/hypergradient.js")) as Record<string, number>;
      expect(Math.abs(found["difference"]!)).toBeGreaterThan(1e-4);
      expect(Math.abs(found["exact"]! / found["difference"]! - 1)).toBeLessThan(1e-6);
    });

    test("knows its version, and finds nothing wrong here", async () => {
      expect((await drmadCommand("--version")).stdout.trim()).toBe(version);
      const { code, stdout, stderr } = await drmadCommand("doctor");
      expect(code, stdout + stderr).toBe(0);
      expect(stdout).toContain("1.30");
    });

    test.each([
      ["a built-in experiment", "digits-l2", "4"],
      ["a user's own, in TypeScript", "./experiment.ts", "5"],
    ])("tunes %s", async (_, experiment, seed) => {
      const out = join(home, `${which} ${seed}`);
      const args = ["tune", experiment, "--outer-steps", "2", "--inner-steps", "20", "--seed", seed, "--out", out];
      const { code, stdout, stderr } = await drmadCommand(...args, "--json");
      expect(code, stderr).toBe(0);
      const last = JSON.parse(stdout.trim().split("\n").at(-1)!) as Record<string, unknown>;
      expect(last).toMatchObject({ type: "result", innerSteps: 20, outerSteps: 2, seed: Number(seed) });
      expect(existsSync(join(out, "result.json"))).toBe(true);
    });

    test("refuses wrong usage with code 2", async () => {
      expect((await drmadCommand("tune", "no-such-experiment")).code).toBe(2);
    });
  });
});
