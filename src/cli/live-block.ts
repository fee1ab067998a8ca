import { cut, widthOf, type Terminal } from "./terminal.ts";

/** Lines at the bottom of the terminal that are redrawn in place, below text that stays. */
export interface LiveBlock {
  draw(lines: readonly string[]): void;
  /** Text that stays, above the block. */
  print(text: string): void;
  /** Takes the block away and gives the cursor back. */
  close(): void;
}

const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";

const text = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join("");

export function liveBlock(terminal: Terminal): LiveBlock {
  let shown: readonly string[] = [];
  let hidden = false;

  const show = (): void => {
    if (hidden) terminal.write(SHOW_CURSOR);
    hidden = false;
  };
  // However the process ends, but for a kill, the cursor comes back.
  process.on("exit", show);

  /** A window made narrower since has broken the lines of the block into several. */
  const erase = (): string => {
    const columns = terminal.columns();
    const rows = shown.reduce((sum, line) => sum + Math.max(1, Math.ceil(widthOf(line) / columns)), 0);
    return rows === 0 ? "" : `\r\x1b[${rows}A\x1b[J`;
  };
  return {
    draw(lines) {
      // The last column stays free: some terminals break a line that fills it.
      const next = lines.map((line) => cut(line, terminal.columns() - 1));
      terminal.write(`${hidden ? "" : HIDE_CURSOR}${erase()}${text(next)}`);
      hidden = true;
      shown = next;
    },
    print(lines) {
      terminal.write(`${erase()}${lines}\n${text(shown)}`);
    },
    close() {
      terminal.write(erase());
      shown = [];
      show();
      process.off("exit", show);
    },
  };
}
