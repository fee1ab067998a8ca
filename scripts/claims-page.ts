import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { format, resolveConfig } from "prettier";
import type { Claim, Page, Paper, Verdict } from "../papers/claims/claim.ts";
import { tablesOf } from "../papers/claims/claim.ts";
import { PAPERS } from "../papers/claims/index.ts";
import { cells, seedCells } from "../src/cli/reproduce-report.ts";
import type { Recorded, Table } from "../src/cli/reproduction.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
export const PAGE = join(ROOT, "docs/claims.md");

export type State = Verdict | "not run" | "not measured";

interface Judged {
  readonly claim: Claim;
  readonly state: State;
  readonly figures: string;
  readonly recorded?: Recorded;
}

/** @param recordedOf a full run as it is kept; undefined where there is none */
export function judged(claim: Claim, recordedOf: (id: string) => Recorded | undefined): Judged {
  const { evidence } = claim;
  if (evidence.kind === "none") return { claim, state: "not measured", figures: evidence.why };
  if (evidence.kind === "page") {
    const { verdict, figures } = evidence.judge(textOf(evidence.page));
    return { claim, state: verdict, figures };
  }
  const recorded = recordedOf(evidence.id);
  if (recorded === undefined) return { claim, state: "not run", figures: "No full run has been recorded." };
  const { verdict, figures } = evidence.judge(recorded);
  return { claim, state: verdict, figures, recorded };
}

const escaped = (text: string): string => text.replaceAll("|", "\\|").replaceAll("*", "\\*").replaceAll("_", "\\_");

const line = (row: readonly string[]): string => `| ${row.map(escaped).join(" | ")} |`;

const grid = ([heading, ...body]: readonly (readonly string[])[]): string =>
  [line(heading!), line(heading!.map(() => "---")), ...body.map(line)].join("\n");

function markdown(table: Table, recorded: Recorded): string {
  const bySeed = seedCells(table, recorded);
  const folded = bySeed.length === 0 ? [] : ["<details>", "<summary>By seed</summary>", grid(bySeed), "</details>"];
  return [`_${escaped(table.title)}_`, grid(cells(table)), ...folded].join("\n\n");
}

const textOf = (page: Page): string => readFileSync(join(ROOT, "docs", page), "utf8");
const linkTo = (page: Page): string => `[${page === "methods.md" ? "Methods" : "Performance"}](${page})`;
const fromPage = (page: Page, tell: (text: string) => string): string => `${tell(textOf(page))} (${linkTo(page)})`;

/** The picture to show, and links to the others, of what lies beside a reproduction. */
function pictures(id: string, shown: string | undefined): readonly string[] {
  const folder = join(ROOT, "papers", id);
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".png")) : [];
  const path = (name: string): string => `../papers/${id}/${name}`;
  const first = names.find((name) => name === `${shown}.png`);
  const others = names.filter((name) => name !== first).sort();
  return [
    ...(first === undefined ? [] : [`![${id}: ${shown}](${path(first)})`]),
    ...(shown === undefined || others.length === 0
      ? []
      : [`More pictures: ${others.map((name) => `[${name.replace(".png", "")}](${path(name)})`).join(", ")}.`]),
  ];
}

const clock = (seconds: number): string =>
  seconds < 90 ? `${seconds} seconds` : `${Math.round(seconds / 60)} minutes`;

function ofRun(
  evidence: Extract<Claim["evidence"], { readonly kind: "run" }>,
  { recorded, figures }: Judged,
): readonly string[] {
  const run = `Run it: \`drmad reproduce ${evidence.id}\``;
  const besides = evidence.besides === undefined ? [] : [fromPage(evidence.besides.page, evidence.besides.tell)];
  if (recorded === undefined) return [figures, evidence.rule, ...besides, `${run}.`];
  const failed = recorded.expectations.filter(({ holds }) => !holds);
  const told = recorded.conclusions.filter((line) => line.startsWith("Unlike"));
  const unlike = evidence.unlike === undefined ? told : [...told, evidence.unlike];
  return [
    escaped(figures),
    evidence.rule,
    ...evidence.tables.flatMap((title) => tablesOf(recorded, title).map((table) => markdown(table, recorded))),
    ...failed.map(({ what, found }) => `**Not as expected:** ${escaped(`${what} (${found})`)}.`),
    ...besides,
    // Told once, beside the tables.
    ...(evidence.tables.length === 0 ? [] : unlike.map(escaped)),
    `${run} (${clock(recorded.seconds)} with drmad ${recorded.drmad} on ${recorded.processor}).`,
    ...pictures(evidence.id, evidence.picture),
  ];
}

function section(one: Judged): string {
  const { claim, state, figures } = one;
  const { evidence } = claim;
  const head = [`### ${claim.says}`, `${claim.where}. **${state[0]!.toUpperCase()}${state.slice(1)}.**`];
  if (evidence.kind === "none") return [...head, figures].join("\n\n");
  if (evidence.kind === "run") return [...head, ...ofRun(evidence, one)].join("\n\n");
  return [
    ...head,
    escaped(figures),
    evidence.rule,
    ...(evidence.unlike === undefined ? [] : [evidence.unlike]),
    `From ${linkTo(evidence.page)}; run it: \`${evidence.command}\`.`,
  ].join("\n\n");
}

/** As GitHub makes a link of a heading. */
const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");

const INTRODUCTION = `# Claims

What the papers behind drmad claim, and drmad itself at the end, and what came out when it was done again. This page is made
of the recorded runs (\`papers/*/*/results.json\`) by \`npm run claims\`, and a test holds it to them: verdicts follow from
figures by the rule that stands below each, and none is written by hand.

- Figures are means ± standard errors over seeds, with the range in brackets. Two ways are compared seed by seed; a
  difference is clear from two paired standard errors on.
- Controls, in brackets in the tables, need no gradient through training, or tune one or a few numbers by the same gradient.
  A claim that something helps is judged against them as well as against the untuned start, which is stricter than the
  papers are.
- What is not clear is _not decided_: there two standard errors to either side of the figure reach across the bound of the
  rule. _Does not hold_ is said only where they lie beyond it. Figures without a spread (counts, a single seed, medians of
  processes) are judged as they are, and their entries say what they are.
- How long a run took is told of a machine that others used as well, at times heavily: one of your own may be much faster.
- A verdict is of the runs here, with their sizes and seeds, and of nothing more general. Sizes are the papers' own where
  that was feasible; each entry says what differs.
- _Not run_ means that no full run has been recorded, _not measured_ that there is nothing to run. Figures of the DrMAD
  paper are those of its abstract and of result files in its authors' repository.`;

/** The page of claims, as it has to be. */
export async function claimsPage(
  recordedOf: (id: string) => Recorded | undefined,
  papers: readonly Paper[] = PAPERS,
): Promise<string> {
  const all = papers.map(({ title, claims }) => ({ title, claims: claims.map((claim) => judged(claim, recordedOf)) }));
  const rows = all.flatMap(({ title, claims }) =>
    claims.map(
      ({ claim, state }, i) =>
        `| ${i === 0 ? escaped(title.split(":")[0]!) : ""} | [${escaped(claim.says)}](#${anchor(claim.says)}) | ${state} |`,
    ),
  );
  const text = [
    INTRODUCTION,
    ["| paper | claim | verdict |", "| --- | --- | --- |", ...rows].join("\n"),
    ...all.flatMap(({ title, claims }) => [`## ${title}`, ...claims.map(section)]),
  ].join("\n\n");
  return format(text, { ...(await resolveConfig(PAGE)), parser: "markdown" });
}
