import ts from "typescript";
import { BUDGET, DASHBOARD, DEFAULT_EXPORTS, LAYERS, PLATFORM } from "./law.ts";
import { exportedNames, walk, type Source, type TextFile } from "./source.ts";

export interface Project {
  /** Every text file. */
  readonly files: readonly TextFile[];
  /** Those of them that are TypeScript or JavaScript. */
  readonly sources: readonly Source[];
}

/** A rule finds what breaks it, one line each; each line names the file. */
export type Rule = (project: Project) => string[];

const isTest = (path: string): boolean => path.endsWith(".test.ts");
const within = (path: string, places: readonly string[]): boolean =>
  places.some((place) => (place.endsWith("/") ? path.startsWith(place) : path === place));
/** The program itself, without its tests. */
const program = ({ sources }: Project): Source[] =>
  sources.filter(({ path }) => path.startsWith("src/") && !isTest(path));

/** The row of the law that a path falls under: the longest that names one of its folders, or the file. */
export function layerOf(path: string): string | undefined {
  const inside = path.replace(/^src\//, "").replace(/\.[jt]s$/, "");
  return Object.keys(LAYERS)
    .filter((layer) => inside === layer || inside.startsWith(`${layer}/`))
    .sort((a, b) => b.length - a.length)[0];
}

const layers: Rule = (project) =>
  program(project).flatMap(({ path, imports }) => {
    const layer = layerOf(path);
    if (layer === undefined) return [`${path}: its folder has no row in test/architecture/law.ts`];
    return imports.flatMap(({ target, relative }) => {
      if (!relative) return [];
      const to = layerOf(target);
      if (!target.startsWith("src/") || isTest(target)) return [`${path} imports ${target}, which is not the program`];
      return to === layer || (to !== undefined && LAYERS[layer]!.includes(to))
        ? []
        : [`${path} imports ${target}: ${layer} may not import ${to ?? "that"}`];
    });
  });

/** Permissions of the law that nothing uses. */
const deadLaw: Rule = (project) => {
  const sources = program(project);
  const used = new Set(
    sources.flatMap(({ path, imports }) => imports.map(({ target }) => `${layerOf(path)} → ${layerOf(target)}`)),
  );
  const layerRows = Object.entries(LAYERS).flatMap(([from, list]) =>
    list.filter((to) => !used.has(`${from} → ${to}`)).map((to) => `${from} → ${to}`),
  );
  const platformRows = Object.entries(PLATFORM).flatMap(([name, places]) =>
    places
      .filter((place) => !sources.some((s) => within(s.path, [place]) && packagesOf(s).includes(name)))
      .map((place) => `${name} in ${place}`),
  );
  return [...layerRows, ...platformRows].map((row) => `test/architecture/law.ts allows ${row}, and nothing uses it`);
};

const packagesOf = ({ imports }: Source): string[] =>
  imports.filter(({ relative }) => !relative).map(({ target }) => packageOf(target));
const packageOf = (specifier: string): string =>
  specifier.startsWith("node:") ? "node:*" : specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");

const platform: Rule = (project) =>
  program(project).flatMap((source) =>
    packagesOf(source)
      .filter((name) => !within(source.path, PLATFORM[name] ?? []))
      .map((name) => `${source.path} may not import ${name}`),
  );

/** Ending the process, its environment and its streams belong to the command line; the object to what runs on Node. */
const processes: Rule = (project) =>
  program(project).flatMap(({ path, tree }) => {
    const found: string[] = [];
    walk(tree, (node) => {
      if (!ts.isIdentifier(node) || node.text !== "process") return;
      const { parent } = node;
      if (ts.isPropertyAccessExpression(parent) && parent.name === node) return;
      if (ts.isPropertyAssignment(parent) && parent.name === node) return;
      const what = ts.isPropertyAccessExpression(parent) ? parent.name.text : "itself";
      const allowed = ["platform", "pid"].includes(what) ? PLATFORM["node:*"]! : ["src/cli/"];
      if (!within(path, allowed)) found.push(`${path} uses process (${what})`);
    });
    return found;
  });

/** Experiments may use what their users may: the files that index.ts passes on, directly or through another. */
const publicOnly: Rule = ({ sources }) => {
  const bySource = new Map(sources.map((source) => [source.path, source]));
  const open = new Set<string>();
  const visit = (path: string): void => {
    for (const { target, reExport } of bySource.get(path)?.imports ?? []) {
      if (!reExport || open.has(target)) continue;
      open.add(target);
      visit(target);
    }
  };
  visit("src/index.ts");
  return sources
    .filter(({ path }) => path.startsWith("src/experiments/") && !isTest(path))
    .flatMap(({ path, imports }) =>
      imports
        .filter(({ target, relative }) => relative && !target.startsWith("src/experiments/") && !open.has(target))
        .map(({ target }) => `${path} imports ${target}, which is not public`),
    );
};

/** What shows users how to write something reaches it as they do. */
const examples: Rule = ({ sources }) =>
  sources
    .filter(({ path }) => within(path, ["examples/", "papers/"]))
    .flatMap(({ path, imports }) =>
      imports
        .filter(({ target, relative }) => relative && target.startsWith("src/"))
        // What the command that runs the papers asks of them; its types are gone when it does.
        .filter(
          ({ target, typeOnly }) => !(path.startsWith("papers/") && typeOnly && target === "src/cli/reproduction.ts"),
        )
        .map(({ target }) => `${path} imports ${target} instead of drmad`),
    );

/** The page runs in a browser: it knows the server by types alone, and nothing of Node. */
const dashboard: Rule = ({ sources }) =>
  sources
    .filter(({ path }) => path.startsWith("dashboard/") && path !== DASHBOARD.build)
    .flatMap((source) => [
      ...source.imports
        .filter(({ target, relative }) => relative && !target.startsWith("dashboard/"))
        .filter(({ target, typeOnly }) => !(typeOnly && within(target, DASHBOARD.types)))
        .map(({ target }) => `${source.path} imports ${target}, of which the page may not know`),
      ...packagesOf(source)
        .filter((name) => !within(name, DASHBOARD.packages))
        .map((name) => `${source.path} may not import ${name}`),
    ]);

/** What must not come round to itself: the program, and the dashboard's page. */
const acyclic = (project: Project): Source[] => [
  ...program(project),
  ...project.sources.filter(({ path }) => path.startsWith("dashboard/")),
];

const fileCycles: Rule = (project) =>
  cyclesOf(
    acyclic(project).map(({ path, imports }) => [
      path,
      imports.filter(({ relative, typeOnly }) => relative && !typeOnly).map(({ target }) => target),
    ]),
  ).map((cycle) => `files import each other: ${cycle}`);

const folder = (path: string): string => path.split("/").slice(0, 2).join("/");

const folderCycles: Rule = (project) => {
  const edges = new Map<string, string[]>();
  for (const { path, imports } of program(project)) {
    const targets = imports.filter(({ relative }) => relative).map(({ target }) => folder(target));
    edges.set(folder(path), [...(edges.get(folder(path)) ?? []), ...targets.filter((to) => to !== folder(path))]);
  }
  return cyclesOf([...edges]).map((cycle) => `folders import each other: ${cycle}`);
};

/** One cycle through each node that closes one, written as a path. */
function cyclesOf(graph: readonly (readonly [node: string, to: readonly string[]])[]): string[] {
  const edges = new Map(graph);
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (node: string, trail: readonly string[]): void => {
    if (trail.includes(node)) found.push([...trail.slice(trail.indexOf(node)), node].join(" → "));
    if (done.has(node)) return;
    done.add(node);
    for (const to of edges.get(node) ?? []) visit(to, [...trail, node]);
  };
  for (const [node] of graph) visit(node, []);
  return found;
}

const lineBudget: Rule = ({ sources }) =>
  sources.flatMap(({ path, text }) => {
    const method = /^src\/hypergradient\/[^/]+\.ts$/.test(path) && !isTest(path) && !within(path, BUDGET.notMethods);
    const most = within(path, BUDGET.unlimited) ? Infinity : method ? BUDGET.methodLines : BUDGET.lines;
    const lines = text.trimEnd().split("\n").length;
    return lines > most ? [`${path} has ${lines} lines, more than ${most}`] : [];
  });

/** The public list is a list and stays short. */
const publicList: Rule = ({ sources }) =>
  sources
    .filter(({ path }) => path === "src/index.ts")
    .flatMap((index) => {
      const names = exportedNames(index);
      const other = index.tree.statements.filter((node) => !(ts.isExportDeclaration(node) && node.moduleSpecifier));
      const stars = index.tree.statements.filter((node) => ts.isExportDeclaration(node) && !node.exportClause);
      return [
        ...(names.length > BUDGET.publicNames ? [`src/index.ts exports ${names.length} names`] : []),
        ...[...other, ...stars].map((node) => `src/index.ts does more than pass on names: ${node.getText(index.tree)}`),
      ];
    });

const noAny: Rule = ({ sources }) =>
  sources.flatMap(({ path, tree }) => {
    const found: string[] = [];
    walk(tree, (node) => {
      if (node.kind !== ts.SyntaxKind.AnyKeyword) return;
      found.push(`${path}:${tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1} says any`);
    });
    return found;
  });

const defaultExports: Rule = ({ sources }) =>
  sources
    .filter((source) => !within(source.path, DEFAULT_EXPORTS) && exportedNames(source).includes("default"))
    .map(({ path }) => `${path} has a default export`);

/** Words that say nothing of what a thing is. */
const EMPTY_WORD = /(?:^|[a-z0-9])(?:Manager|Helper|Util|Base)s?(?![a-z])|^(?:manager|helper|util|base)s?(?![a-z])/;

const emptyNames: Rule = ({ sources }) =>
  sources.flatMap((source) =>
    [...exportedNames(source), source.path.replace(/^.*\//, "").replace(/\.[^.]+$/, "")]
      .filter((name) => EMPTY_WORD.test(name))
      .map((name) => `${source.path}: ${name} says nothing of what it is`),
  );

const lineRule =
  (pattern: RegExp, of: (path: string) => boolean = () => true): Rule =>
  ({ files }) =>
    files
      .filter(({ path }) => of(path))
      .flatMap(({ path, text }) =>
        text
          .split("\n")
          .flatMap((line, i) => (pattern.test(line) ? [`${path}:${i + 1}: ${pattern.exec(line)![0]}`] : [])),
      );

// These patterns are written so that they do not match themselves.
const unfinished: Rule = lineRule(/\b(?:TO[D]O|FIX[M]E|XX[X]|HAC[K])\b/);
/** A test is left out only by `optionalTest`, which says why. */
const silentTests: Rule = lineRule(/\b(?:it|test|describe)\.(?:only|skip|todo|skipIf|fails)\b/, isTest);
const places: Rule = lineRule(
  /\/(?:wo|fa)r[km]\/|\/roo[t]\/|\bregistry\.[a-z.]+\.(?:org|com|io|dev)\b|\b(?:deb\.debian|pypi|files\.pythonhosted)\.org\b/,
);

export const RULES: Readonly<Record<string, Rule>> = {
  layers,
  deadLaw,
  platform,
  processes,
  publicOnly,
  dashboard,
  examples,
  fileCycles,
  folderCycles,
  lineBudget,
  publicList,
  noAny,
  defaultExports,
  emptyNames,
  unfinished,
  silentTests,
  places,
};
