import { stripVTControlCharacters } from "node:util";

/** Where text for people goes, and what can be shown there. */
export interface Terminal {
  /** Whether a block of lines can be redrawn in place. */
  readonly live: boolean;
  readonly colour: boolean;
  /** Whether characters beyond ASCII can be trusted to show. */
  readonly unicode: boolean;
  /** Columns of the window now; unlimited where it is no window. */
  columns(): number;
  write(text: string): void;
}

type Environment = Readonly<Record<string, string | undefined>>;

const set = (value: string | undefined): boolean => value !== undefined && value !== "";

/** By the locale, as C programs do; Windows' own new terminal says so by WT_SESSION. */
const isUtf8 = (env: Environment): boolean =>
  process.platform === "win32"
    ? set(env["WT_SESSION"])
    : /utf-?8/i.test([env["LC_ALL"], env["LC_CTYPE"], env["LANG"]].find(set) ?? "");

export function terminalOf(stream: NodeJS.WriteStream, env: Environment = process.env): Terminal {
  // Of a stream that is no terminal it is undefined, whatever its type says.
  const live = Boolean(stream.isTTY) && env["TERM"] !== "dumb";
  return {
    live,
    colour: live && !set(env["NO_COLOR"]),
    unicode: isUtf8(env),
    // Some terminals say 0 where they do not know.
    columns: () => (stream.isTTY ? stream.columns || 80 : Infinity),
    write: (text) => void stream.write(text),
  };
}

export type Style = "bold" | "dim" | "green" | "yellow" | "red" | "cyan";

const CODES: Record<Style, readonly [number, number]> = {
  bold: [1, 22],
  dim: [2, 22],
  green: [32, 39],
  yellow: [33, 39],
  red: [31, 39],
  cyan: [36, 39],
};

export const paint = ({ colour }: Terminal, style: Style, text: string): string =>
  colour ? `\x1b[${CODES[style][0]}m${text}\x1b[${CODES[style][1]}m` : text;

const ESCAPE = "\x1b[";

/** Characters that take a column; all that we write are one wide. */
export const widthOf = (text: string): number => [...stripVTControlCharacters(text)].length;

/** As much of a line as fits, its colours closed. */
export function cut(text: string, columns: number): string {
  let room = Math.max(0, columns);
  const [plain = "", ...coloured] = text.split(ESCAPE);
  const take = (piece: string): string => {
    const kept = [...piece].slice(0, room);
    room -= kept.length;
    return kept.join("");
  };
  return coloured.reduce((result, piece) => {
    const end = piece.indexOf("m") + 1;
    return result + ESCAPE + piece.slice(0, end) + take(piece.slice(end));
  }, take(plain));
}

/** A paragraph in lines of at most `columns`, broken at spaces; a longer word stays whole. */
export function fill(text: string, columns: number): string {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= columns) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.join("\n");
}
