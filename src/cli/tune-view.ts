import type { TuneEvent } from "../study/events.ts";
import { chosenText } from "./chosen.ts";
import { fidelityLine } from "./fidelity-report.ts";
import { forecastText, forkText, resumedText } from "./study-text.ts";
import { liveBlock } from "./live-block.ts";
import { throttled } from "./progress.ts";
import { fill, paint, type Terminal } from "./terminal.ts";
import { blockLines, type Progress } from "./tune-block.ts";
import { heading, stepTable, type StepTable } from "./tune-table.ts";

/** Shows a study while it runs. */
export interface View {
  event(event: TuneEvent): void;
  /** What happens to it now. */
  note(text: string): void;
  /** A line of its own that stays. */
  line(text: string): void;
  close(): void;
}

export const silentView: View = {
  event: () => undefined,
  note: () => undefined,
  line: () => undefined,
  close: () => undefined,
};

const aboutText = (event: Extract<TuneEvent, { readonly type: "fork" | "forecast" | "resumed" }>): string => {
  if (event.type === "resumed") return resumedText(event);
  return event.type === "fork" ? forkText(event) : forecastText(event);
};

/** Lines that stay, one for every outer step. */
export function plainView(terminal: Terminal): View {
  let table: StepTable | undefined;
  const line = (text: string): void => terminal.write(`${text}\n`);
  return {
    event(event) {
      if (event.type === "start") heading(event).forEach(line);
      else if (event.type === "chosen") line(fill(chosenText(event, event.outerStep), terminal.columns()));
      else if (event.type === "warning") line(`warning: ${event.message}`);
      else if (event.type === "fork" || event.type === "forecast" || event.type === "resumed")
        line(fill(aboutText(event), terminal.columns()));
      else if (event.type === "fidelity") line(fidelityLine(event));
      else if (event.type === "step") {
        if (table === undefined) line((table = stepTable(event, terminal.columns())).header);
        line(table.row(event, event.best));
      }
    },
    note: line,
    line,
    close: () => undefined,
  };
}

/** The same lines above a block that shows what runs now. */
export function liveView(terminal: Terminal, name: string, limit?: number): View {
  const block = liveBlock(terminal);
  const begin = performance.now();
  let table: StepTable | undefined;
  let tableColumns = 0;
  let stepBegin = begin;
  let stopping: string | undefined;
  let progress: Omit<Progress, "elapsed" | "sinceStep" | "limit"> = {
    name,
    info: undefined,
    now: undefined,
    steps: [],
    best: 0,
  };

  const draw = (): void => {
    const now = performance.now();
    const state: Progress = { ...progress, elapsed: (now - begin) / 1000, sinceStep: (now - stepBegin) / 1000, limit };
    const lines = blockLines(terminal, state);
    block.draw(stopping === undefined ? lines : [...lines, paint(terminal, "yellow", stopping)]);
  };
  const soon = throttled(draw);
  const clockTick = setInterval(draw, 1000);
  clockTick.unref();
  process.stderr.on("resize", draw);
  draw();

  return {
    event(event) {
      if (event.type === "start") {
        // Of several starts, each has a past of its own.
        const { before: _, ...rest } = progress;
        progress = { ...rest, info: event, now: undefined, steps: [], best: 0 };
        const [first, ...others] = heading(event).map((line) => fill(line, terminal.columns() - 1));
        block.print([paint(terminal, "bold", first!), ...others.map((o) => paint(terminal, "dim", o))].join("\n"));
      } else if (event.type === "progress") progress = { ...progress, now: event };
      else if (event.type === "chosen") {
        block.print(paint(terminal, "dim", fill(chosenText(event, event.outerStep), terminal.columns() - 1)));
      } else if (event.type === "warning") {
        block.print(paint(terminal, "yellow", fill(`warning: ${event.message}`, terminal.columns() - 1)));
      } else if (event.type === "fork" || event.type === "forecast" || event.type === "resumed") {
        if (event.type === "resumed") progress = { ...progress, before: event };
        block.print(paint(terminal, "dim", fill(aboutText(event), terminal.columns() - 1)));
      } else if (event.type === "fidelity") {
        block.print(paint(terminal, "dim", fill(fidelityLine(event), terminal.columns() - 1)));
      } else if (event.type === "step") {
        // A window of another width has room for other columns.
        const columns = terminal.columns();
        if (table === undefined || columns !== tableColumns) {
          table = stepTable(event, columns - 1);
          tableColumns = columns;
          block.print(paint(terminal, "dim", table.header));
        }
        block.print(table.row(event, event.best).replace(/\*$/, paint(terminal, "green", "*")));
        const steps = [...progress.steps, event];
        progress = { ...progress, now: undefined, steps, best: event.best ? steps.length - 1 : progress.best };
        stepBegin = performance.now();
      }
      soon();
    },
    note(text) {
      stopping = text;
      draw();
    },
    line: (text) => block.print(fill(text, terminal.columns() - 1)),
    close() {
      clearInterval(clockTick);
      soon.cancel();
      process.stderr.off("resize", draw);
      block.close();
    },
  };
}
