import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { open } from "../../src/store/open.ts";
import { leaveOut } from "../optional.ts";
import { buildFirst, runCli, temporaryFolder } from "./run-cli.ts";

buildFirst();
const cwd = temporaryFolder();
const scripts: Record<string, string> = {};
const COMMAND_LINE = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

beforeAll(async () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    const { code, stdout } = await runCli(["completion", shell], { cwd });
    expect(code).toBe(0);
    scripts[shell] = stdout;
    writeFileSync(join(cwd, `drmad.${shell}`), stdout);
  }
  mkdirSync(join(cwd, "bin"));
  writeFileSync(join(cwd, "bin/drmad"), `#!/bin/sh\nexec '${process.execPath}' '${COMMAND_LINE}' "$@"\n`);
  chmodSync(join(cwd, "bin/drmad"), 0o755);
  writeFileSync(join(cwd, "mine.ts"), "");
  for (const [place, names] of [
    ["runs/drmad.db", ["first", "first try", "it's $HOME"]],
    ["other.db", ["theirs"]],
  ] as const) {
    const store = await open(join(cwd, place));
    for (const name of names) await store.create({ name, experiment: "e" });
    await store.close();
  }
});

const run = (shell: string, args: readonly string[]): string => {
  const env = { ...process.env, PATH: `${join(cwd, "bin")}:${process.env["PATH"]}`, HOME: cwd };
  const { stdout, stderr } = spawnSync(shell, args, { cwd, env, encoding: "utf8" });
  expect(stderr).toBe("");
  return stdout;
};

/** What bash would offer after a line, as its own completion machinery is asked. */
const inBash = (line: string): string[] =>
  run("bash", ["--norc", "-c", 'source ./drmad.bash; COMP_LINE="$1"; COMP_POINT=${#1}; _drmad; printf "%s\\n" "${COMPREPLY[@]}"', "-", line]) // prettier-ignore
    .split("\n")
    .filter((word) => word !== "");
const inFish = (line: string): string[] =>
  run("fish", ["--no-config", "-c", 'source ./drmad.fish; complete -C "$argv[1]"', line])
    .split("\n")
    .map((each) => each.split("\t")[0]!)
    .filter((word) => word !== "");

const has = (shell: string): boolean => spawnSync(shell, ["-c", "true"]).status === 0;

describe.each([
  ["bash", inBash],
  ["fish", inFish],
] as const)("in %s", (shell, complete) => {
  const offered = (context: Parameters<typeof leaveOut>[0], line: string): string[] => {
    if (!has(shell)) leaveOut(context, shell);
    return complete(line);
  };

  test("commands and options are those of the program", (context) => {
    const commands = offered(context, "drmad ");
    for (const name of ["tune", "resume", "runs", "export", "import", "completion", "doctor"])
      expect(commands).toContain(name);
    expect(offered(context, "drmad ex")).toEqual(["export"]);
    expect(offered(context, "drmad export --fo")).toEqual(expect.arrayContaining(["--format", "--force", "--for"]));
    expect(offered(context, "drmad show --fo")).toEqual([]);
    expect(offered(context, "drmad export x --format s").sort()).toEqual(["safetensors", "study", "svg"]);
    expect(offered(context, "drmad tune --on-chaos ")).toEqual(expect.arrayContaining(["continue", "stop"]));
    expect(offered(context, "drmad completion ").sort()).toEqual(["bash", "fish", "zsh"]);
  });

  test("experiments are built-in names and files; other paths are files", (context) => {
    expect(offered(context, "drmad tune ")).toEqual(expect.arrayContaining(["digits-l2", "mnist-l2", "mine.ts"]));
    expect(offered(context, "drmad tune dig")).toEqual(["digits-l2"]);
    expect(offered(context, "drmad import mi")).toEqual(["mine.ts"]);
  });

  test("studies are those of the store, quoted", (context) => {
    const names = offered(context, "drmad resume ");
    expect(names).toHaveLength(3);
    expect(names[0]!.length + names[1]!.length + names[2]!.length).toBeGreaterThan(20);
    expect(offered(context, "drmad show fir")).toHaveLength(2);
    expect(offered(context, "drmad show --store other.db th")).toEqual(["theirs"]);
    expect(offered(context, "drmad show --store none.db th")).toEqual([]);
  });
});

test("bash goes on after a colon, which ends a word for it", () => {
  expect(inBash("drmad tune digits-l2 --method drmad:T")).toEqual(["T/10"]);
  expect(inBash("drmad tune --method implicit:c")).toContain("cg");
});

test("zsh takes the script, and its completion system knows the command", (context) => {
  if (!has("zsh")) leaveOut(context, "zsh");
  const program = "autoload -Uz compinit && compinit -u -D; source ./drmad.zsh; print ${_comps[drmad]}";
  expect(run("zsh", ["-f", "-c", program])).toBe("_drmad\n");
  const offered = (line: string, current: number): string =>
    run("zsh", ["-f", "-c", `compdef() { : }; source ./drmad.zsh; compadd() { shift; print -l -- "$@" }; _files() { print FILES }; _describe() { print -l -- \${(P)2} }; words=(${line}); CURRENT=${current}; PREFIX=\${words[CURRENT]:-}; _drmad`]); // prettier-ignore
  expect(offered("drmad ''", 2)).toContain("export:write a kept study");
  expect(offered("drmad tune ''", 3)).toMatch(/digits-l2\n[^]*FILES/);
  expect(offered("drmad tune --on-chaos ''", 4)).toBe("continue\nstop\n");
  expect(offered("drmad tune --on", 3)).toContain("--on-chaos:");
  expect(offered("drmad show ''", 3).split("\n")).toEqual(expect.arrayContaining(["first", "first try", "it's $HOME"]));
});

test("each command has help with an example of it", async () => {
  const { stdout } = await runCli(["--help"], { cwd });
  const commands = [...stdout.matchAll(/^ {2}([a-z]+) (?:\[|<)/gm)].map(([, name]) => name!);
  expect(commands.length).toBeGreaterThanOrEqual(11);
  for (const command of commands.filter((name) => name !== "help")) {
    const help = await runCli([command, "--help"], { cwd });
    expect(help.stdout).toMatch(new RegExp(`Examples:\\n[^]*drmad ${command}`));
  }
});
