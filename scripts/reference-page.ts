import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { format, resolveConfig } from "prettier";
import ts from "typescript";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
export const REFERENCE = join(ROOT, "docs/reference.md");

const HEAD = `# Reference

Every public name with its signature and the first sentence of what its docstring says; an editor shows the rest. The example of
each kind of hyperparameter is in [hyperparameters](hyperparameters.md), what methods cost in [methods](methods.md). Written by
\`npm run reference\` from the source: do not edit it here.
`;

/** What a docstring begins with, as far as its first sentence goes, in one line. */
function firstSentence(symbol: ts.Symbol, checker: ts.TypeChecker): string {
  const [paragraph = ""] = ts.displayPartsToString(symbol.getDocumentationComment(checker)).split(/\n\s*\n/);
  const line = paragraph.replaceAll(/\s+/g, " ").trim();
  const sentence = /^.*?[^.\s](?<!et al)\.(?=\s[\p{Lu}`0-9]|$)/u.exec(line)?.[0] ?? line;
  return sentence.replace(/[:;]$/, ".");
}

/** Without the path of the file that a type stands in, and in one line. */
const plain = (text: string): string => text.replaceAll(/import\("[^"]*"\)\./g, "").replaceAll(/\s+/g, " ");

const code = (text: string): string => (text.includes("`") ? `\`\` ${text} \`\`` : `\`${text}\``);

const sorted = (symbols: readonly ts.Symbol[]): readonly ts.Symbol[] =>
  symbols.toSorted((a, b) => (a.name < b.name ? -1 : 1));

/** The whole page, made of the compiler's knowledge of src/index.ts. */
export async function referencePage(): Promise<string> {
  const { config } = ts.readConfigFile(join(ROOT, "tsconfig.json"), (path) => readFileSync(path, "utf8"));
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  const index = join(ROOT, "src/index.ts");
  const program = ts.createProgram([index], options);
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(index)!;
  const resolved = (symbol: ts.Symbol): ts.Symbol =>
    symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const flags = ts.TypeFormatFlags.NoTruncation | ts.TypeFormatFlags.UseAliasDefinedOutsideCurrentScope;

  const entry = (name: string, told: ts.Symbol): readonly string[] => {
    const symbol = resolved(told);
    const text = firstSentence(symbol, checker) || firstSentence(told, checker);
    const line = (signature: string): string => `- ${code(signature)}${text === "" ? "" : `: ${text}`}`;
    if (!(symbol.flags & ts.SymbolFlags.Value)) return [line(`type ${name}`)];
    if (symbol.flags & ts.SymbolFlags.Class) return [line(`class ${name}`)];
    const type = checker.getTypeOfSymbolAtLocation(symbol, source);
    const signatures = type.getCallSignatures();
    if (signatures.length === 0) return [line(`${name}: ${plain(checker.typeToString(type, source, flags))}`)];
    return signatures.map((each) => line(`${name}${plain(checker.signatureToString(each, source, flags))}`));
  };
  /** The members of a namespace, or of a record of functions such as `hyper`; undefined for anything else. */
  const membersOf = (symbol: ts.Symbol): readonly ts.Symbol[] | undefined => {
    if (symbol.flags & ts.SymbolFlags.ValueModule) return checker.getExportsOfModule(symbol);
    if (!(symbol.flags & ts.SymbolFlags.Variable)) return undefined;
    const type = checker.getTypeOfSymbolAtLocation(symbol, source);
    return type.getCallSignatures().length > 0 ? undefined : type.getProperties();
  };

  const all = sorted(checker.getExportsOfModule(checker.getSymbolAtLocation(source)!));
  const single = all.filter((symbol) => membersOf(resolved(symbol)) === undefined);
  const isValue = (symbol: ts.Symbol): boolean => (resolved(symbol).flags & ts.SymbolFlags.Value) !== 0;
  const parts = [
    HEAD,
    "## Functions\n",
    ...single.filter(isValue).flatMap((symbol) => entry(symbol.name, symbol)),
    ...all.flatMap((symbol) => {
      const members = membersOf(resolved(symbol));
      if (members === undefined) return [];
      const about = firstSentence(resolved(symbol), checker);
      const lines = sorted(members).flatMap((member) => entry(`${symbol.name}.${member.name}`, member));
      return [`\n## ${symbol.name}\n`, ...(about === "" ? [] : [`${about}\n`]), ...lines];
    }),
    "\n## Types\n",
    ...single.filter((symbol) => !isValue(symbol)).flatMap((symbol) => entry(symbol.name, symbol)),
  ];
  const style = (await resolveConfig(REFERENCE)) ?? {};
  return format(`${parts.join("\n")}\n`, { ...style, filepath: REFERENCE });
}
