import type { Contestant } from "../study/compare.ts";
import { clock, count, counted } from "./format.ts";
import { writeJson } from "./json.ts";
import { liveBlock } from "./live-block.ts";
import { progressBar, throttled } from "./progress.ts";
import { paint, terminalOf, type Terminal } from "./terminal.ts";

type What = "time" | "memory";

/** What a comparison shows while it runs. */
export interface CompareView {
  start(experiment: string, steps: number, entered: readonly Contestant[], rounds: number, memoryRounds: number): void;
  /** Before every run; round 0 warms up. */
  turn(what: What, round: number, rounds: number, name: string): void;
  progress(phase: string, done: number, total: number): void;
  note(text: string): void;
  close(): void;
}

export function compareView(json: boolean): CompareView {
  if (json) return jsonView;
  const terminal = terminalOf(process.stderr);
  return terminal.live ? liveView(terminal) : plainView(terminal);
}

const jsonView: CompareView = {
  start: (experiment, innerSteps, entered, rounds, memoryRounds) =>
    writeJson({ type: "start", experiment, innerSteps, contestants: entered.map(({ name }) => name), rounds, memoryRounds }), // prettier-ignore
  turn: (what, round, rounds, name) => writeJson({ type: "turn", what, round, rounds, name }),
  progress: (phase, done, total) => writeJson({ type: "progress", phase, done, total }),
  note: () => undefined,
  close: () => undefined,
};

function startText(
  experiment: string,
  steps: number,
  entered: readonly Contestant[],
  rounds: number,
  memoryRounds: number,
): string {
  const controls = entered.filter(({ control }) => control === true).length;
  const memory = memoryRounds === 0 ? "" : `, then ${counted(memoryRounds, "round")} of processes for memory`;
  return (
    `comparing ${experiment}: ${counted(entered.length - controls, "method")} and ${counted(controls, "control")} on ` +
    `${counted(steps, "training step")}, 1 round to compile and ${count(rounds)} timed${memory}`
  );
}

const roundText = (what: What, round: number, rounds: number): string =>
  round === 0
    ? what === "time"
      ? "compiling"
      : "memory: warming up"
    : `${what}: round ${count(round)} of ${count(rounds)}`;

function plainView(terminal: Terminal): CompareView {
  const line = (text: string): void => terminal.write(`${text}\n`);
  let last = "";
  return {
    start: (...plan) => line(startText(...plan)),
    turn(what, round, rounds) {
      const text = roundText(what, round, rounds);
      if (text !== last) line(text);
      last = text;
    },
    progress: () => undefined,
    note: line,
    close: () => undefined,
  };
}

function liveView(terminal: Terminal): CompareView {
  const block = liveBlock(terminal);
  const begin = performance.now();
  let now = "loading the experiment";
  /** Of a run; other processes do not tell how far they are. */
  let share: number | undefined;
  let stopping: string | undefined;
  const draw = (): void =>
    block.draw([
      share === undefined ? now : `${now}  ${paint(terminal, "cyan", progressBar(share, 20, terminal.unicode))}`,
      `${clock((performance.now() - begin) / 1000)} elapsed`,
      ...(stopping === undefined ? [] : [paint(terminal, "yellow", stopping)]),
    ]);
  const soon = throttled(draw);
  draw();
  return {
    start: (...plan) => block.print(paint(terminal, "bold", startText(...plan))),
    turn(what, round, rounds, name) {
      now = `${roundText(what, round, rounds)}: ${name}`;
      share = what === "time" ? 0 : undefined;
      soon();
    },
    progress(phase, done, total) {
      if (phase === "compile") return;
      share = done / total;
      soon();
    },
    note(text) {
      stopping = text;
      draw();
    },
    close() {
      soon.cancel();
      block.close();
    },
  };
}
