import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createJiti } from "jiti";
import { describe, expect, test } from "vitest";
import { recorded } from "../bench/kinds/record.ts";
import { markerOf, withTable } from "../bench/kinds/table.ts";
import { isExperiment } from "../src/problem/experiment.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const pages = [
  "README.md",
  ...["docs", "docs/hyperparameters"].flatMap((folder) =>
    readdirSync(join(ROOT, folder)).flatMap((name) => (name.endsWith(".md") ? [`${folder}/${name}`] : [])),
  ),
];

interface Block {
  readonly page: string;
  /** What the comment before the block says it is: `experiment`, `library`, or `file PATH`. */
  readonly kind: string;
  readonly code: string;
}

const blocks: readonly Block[] = pages.flatMap((page) => {
  const text = readFileSync(join(ROOT, page), "utf8");
  return [...text.matchAll(/(?:<!-- example: ([^\n]+?) -->\s+)?```ts\n([\s\S]*?)```/g)].map(([, kind = "", code]) => ({
    page,
    kind,
    code: code!,
  }));
});

/** Runs code as a file of a user's would run, with `drmad` standing for our source. */
async function execute(code: string): Promise<unknown> {
  mkdirSync(join(ROOT, "node_modules/.cache"), { recursive: true });
  const folder = mkdtempSync(join(ROOT, "node_modules/.cache/docs-"));
  try {
    const file = join(folder, "example.ts");
    writeFileSync(file, code);
    const jiti = createJiti(import.meta.url, { alias: { drmad: join(ROOT, "src/index.ts") }, fsCache: false });
    return (await jiti.import<{ default?: unknown }>(file)).default;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const withoutComments = (code: string): string => code.replaceAll(/^\/\/.*\n/gm, "").trim();

describe("code in the documentation", () => {
  test("says what each block is", () => {
    expect(blocks.length).toBeGreaterThan(2);
    expect(blocks.filter((block) => !/^(experiment|library|file \S+)$/.test(block.kind))).toEqual([]);
  });

  test("has a figure wherever one was to be filled in", () => {
    const left = pages.filter((page) => /\bTIME\(/.test(readFileSync(join(ROOT, page), "utf8")));
    expect(left).toEqual([]);
  });

  test.each(blocks.filter((block) => block.kind === "library"))(
    "runs: $page $kind",
    { timeout: 60_000 },
    async ({ code }) => {
      const lines: unknown[][] = [];
      const { log } = console;
      console.log = (...line: unknown[]) => void lines.push(line);
      try {
        await execute(code);
      } finally {
        console.log = log;
      }
      expect(lines.length).toBeGreaterThan(0);
      for (const value of lines.flat()) {
        if (typeof value === "number") expect(Number.isFinite(value)).toBe(true);
      }
    },
  );

  test.each(blocks.filter((block) => block.kind === "experiment"))(
    "is an experiment: $page",
    { timeout: 60_000 },
    async ({ code }) => {
      expect(isExperiment(await execute(code))).toBe(true);
      const [, file] = /\/\/ (\S+\.ts)/.exec(code) ?? [];
      if (file !== undefined)
        expect(withoutComments(code)).toBe(withoutComments(readFileSync(join(ROOT, file), "utf8")));
    },
  );

  test.each(blocks.filter((block) => block.kind.startsWith("file ")))(
    "is the file it names: $page $kind",
    ({ kind, code }) => {
      expect(withoutComments(code)).toBe(withoutComments(readFileSync(join(ROOT, kind.slice(5)), "utf8")));
    },
  );
});

const prose = (page: string): string => readFileSync(join(ROOT, page), "utf8").replaceAll(/```[\s\S]*?```/g, "");

/** Places on a page that a link can name: its headings, spelt as GitHub does. */
const anchors = (page: string): readonly string[] =>
  [...prose(page).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );

describe("links in the documentation", () => {
  const links = [...pages, "CHANGELOG.md"].flatMap((page) =>
    [...prose(page).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link]) =>
      /^[a-z]+:/.test(link!) ? [] : [[page, link!] as const],
    ),
  );

  test.each(links)("%s: %s is there", (page, link) => {
    const [path = "", anchor] = link.split("#");
    const target = path === "" ? page : join(dirname(page), path);
    expect(existsSync(join(ROOT, target))).toBe(true);
    if (anchor !== undefined) expect(anchors(target)).toContain(anchor);
  });
});

describe("pages of kinds", () => {
  const text = (page: string): string => readFileSync(join(ROOT, page), "utf8");
  const ofKinds = pages.filter((page) => page.startsWith("docs/hyperparameters/"));
  const files = readdirSync(join(ROOT, "examples")).map((name) => name.slice(0, -3));

  test.each(ofKinds)("%s says when it pays, shows a file, a picture and figures", (page) => {
    expect(text(page)).toMatch(/\bpays?\b/);
    expect(text(page)).toMatch(/<!-- example: file /);
    expect(text(page)).toMatch(/!\[[^\]]+\]\([^)]+\.png\)/);
    expect(text(page)).toMatch(/<!-- figures: /);
  });

  test("their tables are what bench/kinds recorded", () => {
    const marked = pages.flatMap((page) =>
      [...text(page).matchAll(/<!-- figures: ([a-z0-9-]+) -->/g)].map(([, of]) => of!),
    );
    expect(marked.toSorted()).toEqual(
      recorded()
        .map(({ example }) => example)
        .toSorted(),
    );
    for (const each of recorded()) {
      const page = pages.find((one) => text(one).includes(markerOf(each.example)))!;
      expect(withTable(text(page), each), each.example).toBe(text(page));
    }
  });

  test("the list of kinds has every example", () => {
    const list = text("docs/hyperparameters.md");
    expect(files.filter((name) => !list.includes(`(../examples/${name}.ts)`))).toEqual([]);
  });

  test("every picture stands on a page", () => {
    const shown = pages.map(text).join("\n");
    expect(readdirSync(join(ROOT, "docs/images")).filter((name) => !shown.includes(`images/${name}`))).toEqual([]);
  });
});

describe("examples", () => {
  // test/oracle/kinds.test.ts trains and differentiates every one of them; a process for each would take a minute.
  test.each(["digits-l2.ts", "example-weights.ts", "ridge.ts"])(
    "%s is tuned by the command line",
    { timeout: 120_000 },
    (name) => {
      const folder = mkdtempSync(join(ROOT, "node_modules/.cache/example-"));
      try {
        const result = spawnSync(
          process.execPath,
          [
            join(ROOT, "node_modules/jiti/lib/jiti-cli.mjs"),
            join(ROOT, "src/cli/main.ts"),
            "tune",
            join(ROOT, "examples", name),
            "--outer-steps",
            "1",
            "--inner-steps",
            "20",
            "--json",
          ],
          { cwd: folder, encoding: "utf8" },
        );
        expect(result.stderr).toBe("");
        expect(result.status).toBe(0);
        const last = JSON.parse(result.stdout.trim().split("\n").at(-1)!) as { type: string };
        expect(last.type).toBe("result");
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );
});
