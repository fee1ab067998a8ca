import { escapeText } from "../../picture/svg.ts";

/** Text as HTML, where an apostrophe may end an attribute too. */
export const escapeHtml = (text: string): string => escapeText(text).replaceAll("'", "&#39;");

export const tag = (name: string, content: string, attributes = ""): string =>
  `<${name}${attributes === "" ? "" : ` ${attributes}`}>${content}</${name}>`;

/** Cells that are numbers stand to the right. */
export const htmlTable = (header: readonly string[], rows: readonly (readonly string[])[], numbersFrom = 1): string => {
  const cell = (name: string, text: string, i: number): string =>
    tag(name, escapeHtml(text), i >= numbersFrom ? 'class="n"' : "");
  const row = (name: string, cells: readonly string[]): string =>
    tag("tr", cells.map((text, i) => cell(name, text, i)).join(""));
  return tag(
    "div",
    tag("table", tag("thead", row("th", header)) + tag("tbody", rows.map((cells) => row("td", cells)).join("\n"))),
    'class="wide"',
  );
};

/** Ink and paper of the pictures, for a dark page: the inks of src/picture/svg.ts by their names there. */
const DARK_INKS = `
  svg [fill="#fff"] { fill: var(--card) } svg [stroke="#fff"] { stroke: var(--card) }
  svg [fill="#1b1b1b"], svg [fill="#000000"] { fill: #ececec } svg [fill="#595959"] { fill: #b4b4b4 }
  svg [stroke="#8c8c8c"] { stroke: #8a8a8a } svg [stroke="#e4e4e4"] { stroke: #3a3d42 }
  svg [stroke="#000000"] { stroke: #ececec }
  svg [fill="#0072b2"] { fill: #56b4e9 } svg [stroke="#0072b2"] { stroke: #56b4e9 }
`;

const STYLE = `
:root { color-scheme: light dark; --paper: #f6f6f4; --card: #fff; --ink: #1b1b1b; --muted: #595959; --line: #dcdcd8; --warn: #8a4b00; --warned: #fff4e0 }
@media (prefers-color-scheme: dark) {
  :root { --paper: #16181b; --card: #1f2226; --ink: #ececec; --muted: #b4b4b4; --line: #3a3d42; --warn: #ffcf8a; --warned: #332814 }
${DARK_INKS}}
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif }
main { max-width: 860px; margin: 0 auto; padding: 28px 20px 60px }
h1 { font-size: 27px; line-height: 1.25; margin: 0 0 4px; overflow-wrap: anywhere } h2 { font-size: 20px; margin: 38px 0 10px }
p { margin: 8px 0 } .muted { color: var(--muted) }
figure { margin: 14px 0; padding: 4px; background: var(--card); border: 1px solid var(--line); border-radius: 8px; overflow-x: auto }
svg { display: block; max-width: 100%; height: auto; margin: 0 auto }
figure > svg[width="760"] { min-width: 560px }
.wide { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 8px; margin: 12px 0 }
table { border-collapse: collapse; width: 100%; font-size: 14.5px; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: 6px 12px; border-bottom: 1px solid var(--line); vertical-align: top } tr:last-child td { border-bottom: 0 }
th { color: var(--muted); font-weight: 600 } .n { text-align: right; white-space: nowrap }
.warning { background: var(--warned); color: var(--warn); border-radius: 8px; padding: 8px 12px; margin: 8px 0; overflow-wrap: anywhere }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px; overflow-x: auto; font: 13.5px/1.5 ui-monospace, "DejaVu Sans Mono", monospace }
code { font: 0.92em ui-monospace, "DejaVu Sans Mono", monospace } summary { cursor: pointer; margin: 12px 0; color: var(--muted) }
@media print { body { background: #fff } details { display: none } figure, table { break-inside: avoid } }
`;

/** Nothing is fetched and nothing is run: the policy says so to the browser too. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'";

export const page = (title: string, body: readonly string[]): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${body.join("\n")}
</main>
</body>
</html>
`;
