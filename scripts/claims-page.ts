import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { format, resolveConfig } from "prettier";
import type { Claim, Paper, Verdict } from "../papers/claims/claim.ts";
import { tableOf } from "../papers/claims/claim.ts";
import { PAPERS } from "../papers/claims/index.ts";
import { cells } from "../src/cli/reproduce-report.ts";
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
    const { verdict, figures } = evidence.judge(readFileSync(join(ROOT, "docs", evidence.page), "utf8"));
    return { claim, state: verdict, figures };
  }
  const recorded = recordedOf(evidence.id);
  if (recorded === undefined) return { claim, state: "not run", figures: "No full run has been recorded." };
  const { verdict, figures } = evidence.judge(recorded);
  return { claim, state: verdict, figures, recorded };
}

const escaped = (text: string): string => text.replaceAll("|", "\\|").replaceAll("*", "\\*").replaceAll("_", "\\_");

const line = (row: readonly string[]): string => `| ${row.map(escaped).join(" | ")} |`;

function markdown(table: Table): string {
  const [heading, ...body] = cells(table) as [readonly string[], ...(readonly string[])[]];
  return [`${table.title}:`, "", line(heading), "| --- | --- | --- |", ...body.map(line)].join("\n");
}

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
  if (recorded === undefined) return [`${figures} ${evidence.rule}`, `${run}.`];
  const failed = recorded.expectations.filter(({ holds }) => !holds);
  const unlike = [...recorded.conclusions.filter((line) => line.startsWith("Unlike")), evidence.unlike ?? ""].filter(
    (line) => line !== "",
  );
  return [
    escaped(figures),
    evidence.rule,
    ...evidence.tables.map((title) => markdown(tableOf(recorded, title))),
    ...failed.map(({ what, found }) => `**Not as expected:** ${escaped(`${what} (${found})`)}.`),
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
  const page = `[${evidence.page === "methods.md" ? "Methods" : "Performance"}](${evidence.page})`;
  return [
    ...head,
    escaped(figures),
    evidence.rule,
    ...(evidence.unlike === undefined ? [] : [evidence.unlike]),
    `From ${page}; run it: \`${evidence.command}\`.`,
  ].join("\n\n");
}

/** As GitHub makes a link of a heading. */
const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
    .replaceAll(" ", "-");

const INTRODUCTION = `# Claims

What the papers behind drmad claim, and what came out when it was done again. This page is made of the recorded runs
(\`papers/*/*/results.json\`) by \`npm run claims\`, and a test holds it to them: verdicts follow from figures by the rule that
stands beside each, and none is written by hand.

Figures are means ± standard errors over seeds, with the range in brackets. Two ways are compared seed by seed; a
difference counts as clear from two paired standard errors on. Controls, in brackets in tables, need no gradient through
training or hardly any: a claim that something helps is judged against them, and not only against the untuned start.
The sizes are the papers' own where that was feasible; where not, the text says how they differ. "Not run" means that no
full run has been recorded yet.`;

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
