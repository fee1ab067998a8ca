import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { LAYERS, NEVER } from "./architecture/law.ts";
import { layerOf, RULES, type Project } from "./architecture/rules.ts";
import { parse, type TextFile } from "./architecture/source.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** All text files of the project: what is neither ignored by .gitignore nor git's own, and holds no zero byte. */
function projectFiles(): TextFile[] {
  const ignored = readFileSync(join(ROOT, ".gitignore"), "utf8").split("\n");
  const left = new Set([".git", ...ignored.map((line) => line.replace(/\/$/, ""))]);
  const list = (folder: string): string[] =>
    readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (left.has(entry.name)) return [];
      return entry.isDirectory() ? list(path) : entry.isFile() ? [path] : [];
    });
  return list("")
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), "utf8") }))
    .filter(({ text }) => !text.includes("\0"));
}

const projectOf = (files: readonly TextFile[]): Project => ({
  files,
  sources: files.filter(({ path }) => /\.(?:[cm]?[jt]s|tsx)$/.test(path)).map(parse),
});

const inside = (layer: string, folder: string): boolean => layer === folder || layer.startsWith(`${folder}/`);

describe("the project", () => {
  const project = projectOf(projectFiles());
  test("is found whole", () => {
    for (const path of ["src/index.ts", "package.json", ".ci/run", "test/architecture.test.ts"])
      expect(project.files.map((file) => file.path)).toContain(path);
    expect(layerOf("src/engine/onnx/write.ts")).toBe("engine/onnx");
  });
  test.each(Object.entries(RULES))("keeps the rule %s", (_, rule) => {
    expect(rule(project)).toEqual([]);
  });
  test("keeps a law that is not widened to what the design rules out", () => {
    for (const [from, to] of NEVER) {
      const rows = Object.entries(LAYERS).filter(([layer]) => inside(layer, from));
      expect(rows.length).toBeGreaterThan(0);
      for (const [, list] of rows) expect(list.filter((layer) => inside(layer, to))).toEqual([]);
    }
  });
});

type Planted = readonly [rule: string, files: Readonly<Record<string, string>>];
const lines = (n: number): string => "const x = 1;\n".repeat(n);
const imports = (path: string, target: string): Readonly<Record<string, string>> => ({
  [path]: `import { a } from "${target}";\n`,
});

const PLANTED: readonly Planted[] = [
  ...NEVER.map(([from, to]): Planted => [
    "layers",
    imports(`src/${from}/a.ts`.replace("index/a", "index"), `../${to}/b.ts`),
  ]),
  ["layers", imports("src/errors.ts", "./data/dataset.ts")],
  ["layers", { "src/data/a.ts": 'import type { Tensor } from "../tensor/tensor.ts";' }],
  ["layers", { "src/data/a.ts": 'type T = import("../tensor/tensor.ts").Tensor;' }],
  ["layers", { "src/rollout/a.ts": 'export * from "../study/tune.ts";' }],
  ["layers", { "src/rollout/a.ts": 'const later = await import("../study/tune.ts");' }],
  ["layers", imports("src/engine/reference/a.ts", "../onnx/session.ts")],
  ["layers", imports("src/unheard/a.ts", "../errors.ts")],
  ["layers", imports("src/nn/a.ts", "../../test/optional.ts")],
  ["layers", imports("src/nn/a.ts", "./b.test.ts")],
  ["deadLaw", imports("src/nn/a.ts", "../errors.ts")],
  ["platform", imports("src/data/idx.ts", "node:fs")],
  ["platform", imports("src/study/a.ts", "node:path")],
  ["platform", imports("src/engine/onnx/lower.ts", "onnxruntime-node")],
  ["platform", imports("src/study/a.ts", "jiti/register")],
  ["platform", imports("src/cli/a.ts", "left-pad")],
  ["platform", imports("src/cli/a.ts", "fs")],
  ["processes", { "src/study/a.ts": "process.exit(1);" }],
  ["processes", { "src/store/a.ts": 'if (process.env["HOME"]) x();' }],
  ["processes", { "src/tensor/a.ts": "const { env } = process;" }],
  ["processes", { "src/tensor/a.ts": "f(process.platform);" }],
  [
    "publicOnly",
    { "src/index.ts": 'export { a } from "./nn/nn.ts";', ...imports("src/experiments/e.ts", "../nn/b.ts") },
  ],
  ["examples", imports("examples/a.ts", "../src/index.ts")],
  ["dashboard", imports("dashboard/a.tsx", "../src/server/api.ts")],
  ["dashboard", { "dashboard/pages/a.tsx": 'import type { Store } from "../../src/store/store.ts";' }],
  ["dashboard", imports("dashboard/a.ts", "node:fs")],
  ["dashboard", imports("dashboard/a.ts", "hono")],
  ["fileCycles", { ...imports("dashboard/a.tsx", "./b.tsx"), ...imports("dashboard/b.tsx", "./a.tsx") }],
  ["fileCycles", { ...imports("src/nn/a.ts", "./b.ts"), ...imports("src/nn/b.ts", "./a.ts") }],
  ["fileCycles", { ...imports("src/nn/a.ts", "./b.ts"), "src/nn/b.ts": 'void import("./a.ts");' }],
  [
    "folderCycles",
    { ...imports("src/nn/a.ts", "../data/b.ts"), "src/data/c.ts": 'import type { a } from "../nn/d.ts";' },
  ],
  ["lineBudget", { "src/nn/a.ts": lines(351) }],
  ["lineBudget", { "test/a.test.ts": lines(351) }],
  ["lineBudget", { "src/hypergradient/a.ts": lines(121) }],
  [
    "publicList",
    { "src/index.ts": `export { ${Array.from({ length: 41 }, (_, i) => `a${i}`).join(", ")} } from "./a.ts";` },
  ],
  ["publicList", { "src/index.ts": "export const a = 1;" }],
  ["publicList", { "src/index.ts": 'export * from "./a.ts";' }],
  ["noAny", { "bench/a.ts": "const a = b as any;" }],
  ["noAny", { "src/nn/a.ts": "const f = (x: readonly any[]): void => {};" }],
  ["defaultExports", { "src/nn/a.ts": "export default 1;" }],
  ["defaultExports", { "src/nn/a.ts": "export default function f() {}" }],
  ["defaultExports", { "src/nn/a.ts": "const a = 1; export { a as default };" }],
  ["emptyNames", { "src/nn/a.ts": "export class RunManager {}" }],
  ["emptyNames", { "src/nn/a.ts": "const baseTensor = 1; export { baseTensor };" }],
  ["emptyNames", { "src/nn/utils.ts": "" }],
  ["emptyNames", { "src/nn/a.ts": "export const { tensorHelpers } = a;" }],
  ["unfinished", { "docs/a.md": `Then ${"TO"}${"DO"}: more.` }],
  ["unfinished", { "src/nn/a.ts": `// ${"FIX"}${"ME"} later` }],
  ["silentTests", { "test/a.test.ts": `test.${"only"}("a", f);` }],
  ["silentTests", { "test/a.test.ts": `describe.${"skipIf"}(slow)("a", f);` }],
  ["places", { "docs/a.md": `see /${"work"}/main` }],
  ["places", { "package-lock.json": `"resolved": "https://registry.${"npmjs"}.org/a"` }],
];

describe("the rules", () => {
  test.each(PLANTED)("%s finds what is planted in %j", (name, files) => {
    const found = RULES[name]!(projectOf(Object.entries(files).map(([path, text]) => ({ path, text }))));
    expect(found).not.toEqual([]);
  });
  test("are each seen to find something", () => {
    expect(new Set(PLANTED.map(([name]) => name))).toEqual(new Set(Object.keys(RULES)));
  });
  test("leave alone what only looks like it", () => {
    const { deadLaw: _, ...all } = RULES;
    const sound = projectOf(
      Object.entries({
        "src/nn/a.ts":
          '// any of it\nexport const company = "any"; const o = { process: 1 }; f(o.process); export { basis };',
        "src/nn/b.ts": 'import type { c } from "./c.ts";\nexport const database = 1;',
        "src/nn/c.ts": 'import { database } from "./b.ts";',
        "src/cli/a.ts": 'import "node:fs"; process.exit(process.env["A"] ? 1 : 0);',
        "src/store/a.ts": "f(process.platform);",
        "src/hypergradient/check.ts": lines(200),
        "src/data/digits-bytes.ts": lines(400),
        "src/nn/a.test.ts":
          'import { x } from "node:fs"; import { y } from "../cli/a.ts"; test("a", () => process.exit());',
      }).map(([path, text]) => ({ path, text })),
    );
    for (const rule of Object.values(all)) expect(rule(sound)).toEqual([]);
  });
});
