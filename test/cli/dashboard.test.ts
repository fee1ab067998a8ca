import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Examples, StudyList, StudyView } from "../../src/server/api.ts";
import { buildFirst, runCli, temporaryFolder, writeExperiment, type Event } from "./run-cli.ts";

buildFirst();
const cwd = temporaryFolder();

/** Runs a command, and asks its dashboard as soon as it says where it is, until what it answers will do. */
async function withDashboard<T>(
  args: readonly string[],
  path: string,
  enough: (answer: T) => boolean,
  then?: (url: URL) => Promise<void>,
): Promise<{ readonly code: number | null; readonly events: readonly Event[]; readonly answer: T; readonly url: URL }> {
  let found: ((url: URL) => void) | undefined;
  const url = new Promise<URL>((resolve) => (found = resolve));
  let child: { kill(signal: NodeJS.Signals): boolean } | undefined;
  const running = runCli(args, {
    cwd,
    started: (process) => (child = process),
    watch: (stdout) => {
      const line = stdout.split("\n").find((text) => text.includes('"type":"dashboard"') && text.endsWith("}"));
      if (line !== undefined) found!(new URL((JSON.parse(line) as { url: string }).url));
    },
  });
  const at = await url;
  let answer: T | undefined;
  while (answer === undefined || !enough(answer)) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    answer = (await (await fetch(new URL(path, at))).json()) as T;
  }
  await then?.(at);
  child!.kill("SIGINT");
  return { ...(await running), answer, url: at };
}

test("a study is seen while it runs, stopped from its page, and seen again later", async () => {
  writeExperiment(cwd, "mine.ts", {
    hyper: 'weight: hyper.array(nn.constant([60, 1], 0.5)), l2: hyper.perInput(1e-3, { transform: "log", biases: 0 })',
    train: "ops.add(ops.crossEntropy(nn.forward(w, x), y), ops.mul(nn.l2(w, h.l2), ops.sum(ops.mul(h.weight, h.weight))))", // prettier-ignore
  });
  const args = ["tune", "mine.ts", "--study", "seen", "--outer-steps", "10000", "--patience", "10000", "--json"];
  const path = "/api/study?study=seen";
  const tuned = await withDashboard<StudyView>(
    [...args, "--dashboard"],
    path,
    ({ steps }) => (steps?.length ?? 0) > 2,
    async (url) => {
      const token = url.hash.replace("#token=", "");
      const order = { method: "POST", body: '{"study":"seen"}' };
      const headers = { "content-type": "application/json", "x-drmad-token": token };
      expect((await fetch(new URL("/api/stop", url), { ...order, headers })).status).toBe(204);
    },
  );
  expect(tuned.code).toBe(130);
  expect(tuned.answer.tensors).toContainEqual({ name: "weight", shape: [60, 1], perStep: false, transform: "identity", perExample: true }); // prettier-ignore
  expect(tuned.answer.tensors).toContainEqual({ name: "l2.0.W", shape: [64, 1], perStep: false, transform: "log", image: { height: 8, width: 8, whole: true }, perExample: false }); // prettier-ignore
  expect(tuned.answer.trouble).toEqual([]);

  const later = await withDashboard<Examples>(
    ["dashboard", "--json"],
    "/api/examples?study=seen&step=1&tensor=weight",
    () => true,
  );
  expect(later.code).toBe(130);
  expect(later.events.at(-1)).toMatchObject({ type: "result", store: join(cwd, "runs/drmad.db") });
  expect(later.answer.sorted).toHaveLength(60);
  expect(later.answer.worst[0]!.picture).toMatchObject({ height: 8, width: 8 });
  expect(later.answer.worst[0]!.label).toBeTypeOf("number");
});

test("a store that is not there yet is empty, and is not made by looking", async () => {
  const { answer, code } = await withDashboard<StudyList>(
    ["dashboard", "--json", "--port", "0", "--store", "later.db"],
    "/api/studies",
    () => true,
  );
  expect(answer).toMatchObject({ store: join(cwd, "later.db"), studies: [] });
  expect([code, existsSync(join(cwd, "later.db"))]).toEqual([130, false]);
});

test("what is wrong has a code, and exit code 2", async () => {
  writeFileSync(join(cwd, "text.db"), "no database ".repeat(100));
  for (const [code, ...args] of [
    ["malformed-file", "dashboard", "--store", "text.db"],
    ["invalid-argument", "dashboard", "--port", "70000"],
    ["invalid-argument", "dashboard", "--host", "203.0.113.5"],
    ["invalid-argument", "dashboard", "--host", "a b"],
    ["invalid-argument", "tune", "mine.ts", "--dashboard"],
  ] as const) {
    const outcome = await runCli([...args, "--json"], { cwd });
    expect([args, outcome.code, outcome.events.at(-1)!["code"]]).toEqual([args, 2, code]);
  }
});

test("tune tells of no page where it is refused", async () => {
  const args = ["tune", "none.ts", "--study", "never", "--store", "never.db"];
  for (const more of [[], ["--dashboard"]]) {
    const { code, stderr } = await runCli([...args, ...more], { cwd });
    expect([code, stderr.includes("In a browser"), stderr.includes("The dashboard ended")]).toEqual([2, false, false]);
  }
});

test("tune says how its study can be seen", async () => {
  const { stderr } = await runCli(["tune", "mine.ts", "--outer-steps", "1", "--study", "told", "--store", "a b.db"], { cwd }); // prettier-ignore
  expect(stderr).toContain("In a browser: drmad dashboard --store 'a b.db'\n");
});
