import { describe, expect, test } from "vitest";
import type { TuneEvent } from "../study/events.ts";
import { liveBlock } from "./live-block.ts";
import { liveView } from "./tune-view.ts";
import type { Terminal } from "./terminal.ts";

/** As much of a terminal as the block uses: lines, the cursor's row, and whether it shows. */
function screen(columns: number): Terminal & { rows(): string[]; cursor(): boolean; resize(to: number): void } {
  let rows = [""];
  let row = 0;
  let cursor = true;
  let width = columns;
  const put = (text: string): void => {
    for (const character of text) {
      if (character === "\n") {
        if (++row === rows.length) rows.push("");
      } else if (character === "\r") continue;
      else {
        if (rows[row]!.length === width) throw new Error(`the line ${JSON.stringify(rows[row])} is full`);
        rows[row] += character;
      }
    }
  };
  return {
    live: true,
    colour: true,
    unicode: true,
    columns: () => width,
    write(text) {
      const [first = "", ...rest] = text.split("\x1b[");
      put(first);
      for (const piece of rest) {
        const [, argument = "", code = "", after = ""] = /^([?\d]*)([A-Za-z])(.*)$/s.exec(piece)!;
        if (code === "A") row -= Number(argument);
        else if (code === "J") rows = [...rows.slice(0, row), ""];
        else if (argument === "?25") cursor = code === "h";
        else if (code !== "m") throw new Error(`the sequence ${piece}`);
        put(after);
      }
    },
    rows: () => rows,
    cursor: () => cursor,
    resize(to) {
      const at = rows.slice(0, row).flatMap((line) => broken(line, to)).length;
      rows = rows.flatMap((line) => broken(line, to));
      row = at;
      width = to;
    },
  };
}

const broken = (line: string, width: number): string[] =>
  Array.from({ length: Math.max(1, Math.ceil(line.length / width)) }, (_, i) => line.slice(i * width, (i + 1) * width));

describe("liveBlock", () => {
  test("is redrawn in place, below what was printed", () => {
    const terminal = screen(40);
    const block = liveBlock(terminal);
    block.print("first");
    block.draw(["a", "b"]);
    block.draw(["c", "d", "e"]);
    block.print("second");
    expect(terminal.rows()).toEqual(["first", "second", "c", "d", "e", ""]);
    expect(terminal.cursor()).toBe(false);
    block.draw(["f"]);
    expect(terminal.rows()).toEqual(["first", "second", "f", ""]);
    block.close();
    expect(terminal.rows()).toEqual(["first", "second", ""]);
    expect(terminal.cursor()).toBe(true);
  });

  test("cuts lines that have no room, and finds its place in a window made narrower", () => {
    const terminal = screen(20);
    const block = liveBlock(terminal);
    block.print("stays");
    block.draw(["x".repeat(50), "\x1b[32my\x1b[39m"]);
    expect(terminal.rows()).toEqual(["stays", "x".repeat(19), "y", ""]);
    terminal.resize(8);
    block.draw(["short"]);
    expect(terminal.rows()).toEqual(["stays", "short", ""]);
  });

  test("leaves no listener behind", () => {
    const before = process.listenerCount("exit");
    const block = liveBlock(screen(20));
    block.draw(["a"]);
    block.close();
    expect(process.listenerCount("exit")).toBe(before);
  });
});

/** The beginning of a study, for tests of what shows one. */
const tuneEvents: readonly TuneEvent[] = [
  {
    type: "start",
    experiment: "study",
    seed: 3,
    method: "reverse",
    optimizer: "adam(0.2)",
    engine: "onnxruntime 1 (cpu)",
    precision: "float32",
    threads: 2,
    weights: 5678,
    hyperparameters: 1234,
    groups: { l2: 1234 },
    innerSteps: 100,
    outerSteps: 10,
    rows: { train: 1000, valid: 500 },
  },
  { type: "progress", outerStep: 0, phase: "compile", done: 0, total: 1 },
  { type: "progress", outerStep: 0, phase: "train", done: 100, total: 100 },
  {
    type: "step",
    best: true,
    step: 0,
    train: { loss: 0.3, error: 0.02 },
    valid: { loss: 0.4, error: 0.05 },
    gradientNorm: 0.5,
    directNorm: 0,
    growth: 12345,
    seconds: 3,
  },
  { type: "warning", message: "the adjoint grew 1.2e+4-fold" },
  {
    type: "step",
    best: true,
    step: 1,
    train: { loss: 0.1, error: 0.01 },
    valid: { loss: 0.2, error: 0.025 },
    seconds: 2,
  },
  { type: "progress", outerStep: 2, phase: "backward", done: 50, total: 100 },
];

describe("liveView", () => {
  test.each([120, 80, 60, 40, 24])("shows a study in %i columns", (columns) => {
    const terminal = screen(columns);
    const view = liveView(terminal, "study");
    expect(terminal.rows()[0]).toMatch(/^loading s/);
    for (const event of tuneEvents) view.event(event);
    view.note("stopping");
    const rows = terminal.rows();
    expect(rows.every((row) => row.length < columns || !row.includes(" "))).toBe(true);
    expect(rows.join(" ")).toContain("outer ste");
    // A row for each of the two steps.
    expect(rows.filter((row) => /^ +[01]\b.*\*?$/.test(row)).length).toBe(2);
    expect(rows.at(-2)).toBe("stopping".slice(0, columns - 1));
    view.close();
    expect(terminal.cursor()).toBe(true);
    expect(terminal.rows().join("\n")).not.toContain("stopping");
  });

  test("says everything where there is room", () => {
    const terminal = screen(120);
    const view = liveView(terminal, "study");
    for (const event of tuneEvents) view.event(event);
    view.note("");
    const text = terminal.rows().join("\n");
    for (const part of [
      "study: 1,234 hyperparameters, 5,678 weights, 100 training steps on 1,000 rows, seed 3",
      "reverse with adam(0.2), 10 outer steps; onnxruntime 1 (cpu), float32, 2 threads",
      "step  train loss  train error  valid loss  valid error  |gradient|     growth  seconds  better",
      "   1      0.1000       1.00 %      0.2000       2.50 %           -          -     2.00       *",
      "warning: the adjoint grew",
      "outer step 2 of 10  differentiating  ███████████████░░░░░░░░░░░░░░░  50/100",
      "best so far: step 1, validation loss 0.2000, error 2.50 % (untuned loss 0.4000, error 5.00 %)",
      "about 0:18 left",
    ]) {
      expect(text).toContain(part);
    }
    view.close();
  });
});
