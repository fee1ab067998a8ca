import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { visible } from "../data/numbers.ts";
import type { Drawing } from "./chart-options.ts";

const MOST_ROWS = 400;
const MOST_COLUMNS = 24;

/** The numbers behind a chart, to be read or taken away. */
export function ChartTable({ title, drawing }: { readonly title: string; readonly drawing: Drawing }): JSX.Element {
  const [open, setOpen] = useState(false);
  const { x, lines, xLabel, format } = drawing;
  return (
    <details class="numbers" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Numbers</summary>
      {open && (
        <>
          <button type="button" onClick={() => save(title, drawing)}>
            Save as CSV
          </button>
          <div class="scroll" tabIndex={0} role="region" aria-label={`Numbers of ${title}`}>
            <table>
              <thead>
                <tr>
                  <th scope="col">{xLabel}</th>
                  {lines.slice(0, MOST_COLUMNS).map(({ name }) => (
                    <th scope="col" key={name}>
                      {visible(name)}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {x.slice(0, MOST_ROWS).map((at, i) => (
                  <tr key={i}>
                    <th scope="row">{Number(at.toPrecision(6))}</th>
                    {lines.slice(0, MOST_COLUMNS).map(({ name, y }) => (
                      <td key={name}>{y[i] === null || y[i] === undefined ? "–" : format(y[i])}</td>
                    ))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {(x.length > MOST_ROWS || lines.length > MOST_COLUMNS) && <p class="note">The file has all of them.</p>}
        </>
      )}
    </details>
  );
}

/** A field of CSV; a leading sign that spreadsheets take for a formula is kept from them. */
const field = (text: string): string => `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;

function save(title: string, { x, lines, xLabel }: Drawing): void {
  const rows = [
    [xLabel, ...lines.map(({ name }) => name)].map(field),
    ...x.map((at, i) => [
      String(at),
      ...lines.map(({ y }) => (y[i] === null || y[i] === undefined ? "" : String(y[i]))),
    ]),
  ];
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([`${rows.map((row) => row.join(",")).join("\n")}\n`], { type: "text/csv" }));
  link.download = `${
    title
      .replaceAll(/[^\p{L}\p{N}]+/gu, "-")
      .replaceAll(/^-|-$/g, "")
      .slice(0, 80) || "numbers"
  }.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
