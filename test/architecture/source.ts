import ts from "typescript";
import { posix } from "node:path";

/** A text file of the project, by its path from the root. */
export interface TextFile {
  readonly path: string;
  readonly text: string;
}

/** One import of a module, an export from one, a dynamic import, or the type of one. */
export interface Import {
  /** The path from the root for a relative import, else the specifier as written. */
  readonly target: string;
  readonly relative: boolean;
  /** Whether nothing of it is left when the program runs: `import { type A }` stays as `import {}`. */
  readonly typeOnly: boolean;
  readonly reExport: boolean;
}

export interface Source extends TextFile {
  readonly tree: ts.SourceFile;
  readonly imports: readonly Import[];
}

export function parse({ path, text }: TextFile): Source {
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const imports: Import[] = [];
  const add = (specifier: ts.Node | undefined, typeOnly: boolean, reExport = false): void => {
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return;
    const relative = specifier.text.startsWith(".");
    const target = relative ? posix.join(posix.dirname(path), specifier.text) : specifier.text;
    imports.push({ target, relative, typeOnly, reExport });
  };
  walk(tree, (node) => {
    if (ts.isImportDeclaration(node))
      add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly, true);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, true);
    else if (ts.isCallExpression(node) && isImportCall(node)) add(node.arguments[0], false);
  });
  return { path, text, tree, imports };
}

export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

const isImportCall = (node: ts.CallExpression): boolean =>
  node.expression.kind === ts.SyntaxKind.ImportKeyword ||
  (ts.isIdentifier(node.expression) && node.expression.text === "require");

/** The names that a module exports, `default` among them; what it passes on with `export *` has no names here. */
export function exportedNames({ tree }: Source): string[] {
  const names: string[] = [];
  for (const node of tree.statements) {
    if (ts.isExportAssignment(node)) names.push("default");
    else if (ts.isExportDeclaration(node) && node.exportClause !== undefined) {
      if (ts.isNamespaceExport(node.exportClause)) names.push(node.exportClause.name.text);
      else names.push(...node.exportClause.elements.map(({ name }) => name.text));
    } else if (ts.canHaveModifiers(node) && hasModifier(node, ts.SyntaxKind.ExportKeyword)) {
      if (hasModifier(node, ts.SyntaxKind.DefaultKeyword)) names.push("default");
      else if (ts.isVariableStatement(node)) names.push(...node.declarationList.declarations.flatMap(boundNames));
      else if (isNamedDeclaration(node) && node.name !== undefined) names.push(node.name.text);
    }
  }
  return names;
}

const isNamedDeclaration = (
  node: ts.Node,
): node is
  | ts.FunctionDeclaration
  | ts.ClassDeclaration
  | ts.InterfaceDeclaration
  | ts.TypeAliasDeclaration
  | ts.EnumDeclaration
  | ts.ModuleDeclaration =>
  ts.isFunctionDeclaration(node) ||
  ts.isClassDeclaration(node) ||
  ts.isInterfaceDeclaration(node) ||
  ts.isTypeAliasDeclaration(node) ||
  ts.isEnumDeclaration(node) ||
  ts.isModuleDeclaration(node);

const hasModifier = (node: ts.HasModifiers, kind: ts.SyntaxKind): boolean =>
  node.modifiers?.some((modifier) => modifier.kind === kind) ?? false;

const boundNames = ({ name }: ts.VariableDeclaration | ts.BindingElement): string[] =>
  ts.isIdentifier(name)
    ? [name.text]
    : name.elements.flatMap((element) => (ts.isBindingElement(element) ? boundNames(element) : []));
