// Reads what the files of a tree import: by the compiler's own parser, so types count as values do.
import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import ts from "typescript";

const isCode = (path) => /\.[cm]?[jt]sx?$/.test(path);

/** The part of the path that can be a room: a top-level file's name, or a top-level folder's with its slash. */
export function topOf(path) {
  const slash = path.indexOf("/");
  return slash < 0 ? path : path.slice(0, slash + 1);
}

/** The tree of a folder: each file's path in it → its text, for code; what else there is → "". Leaves `outside` and hidden names out. */
export function treeOf(folder, outside) {
  const tree = new Map();
  const visit = (path) => {
    for (const entry of readdirSync(join(folder, path), { withFileTypes: true })) {
      const inside = posix.join(path, entry.name);
      if (entry.name.startsWith(".") || outside.includes(topOf(entry.isDirectory() ? `${inside}/` : inside))) continue;
      if (entry.isDirectory()) visit(inside);
      else if (entry.isFile()) tree.set(inside, isCode(inside) ? readFileSync(join(folder, inside), "utf8") : "");
    }
  };
  visit("");
  return tree;
}

/** The code files of a tree, sorted. */
export function codeOf(tree) {
  return [...tree.keys()].filter(isCode).sort();
}

/**
 * All imports of a tree's code that name a file of ours: `{ from, line, text, path, to }`. `text` is the import as a
 * message shows it, `path` what it names, `to` the file that this is. `to` is undefined if there is none in the tree,
 * `path` too if only the running program knows what it imports.
 */
export function importsOf(tree) {
  return codeOf(tree).flatMap((from) =>
    importsIn(from, tree.get(from))
      .filter(({ specifier }) => specifier === undefined || /^[./#]/.test(specifier))
      .map(({ specifier, ...where }) => ({ from, ...where, ...resolve(from, specifier, tree) })),
  );
}

/** Every import of one file, those of packages too: `{ line, text, specifier }`. */
function importsIn(path, code) {
  const file = ts.createSourceFile(path, code, ts.ScriptTarget.Latest, false);
  const found = [];
  const visit = (node) => {
    const [words, name] = importIn(node) ?? [];
    if (words !== undefined) {
      const specifier = name !== undefined && ts.isStringLiteralLike(name) ? name.text : undefined;
      const line = file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1;
      found.push({ line, text: words(specifier === undefined ? "…" : `"${specifier}"`), specifier });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

/** If a node of the syntax tree is an import: how it is said, and the node that names the imported file. */
function importIn(node) {
  if (ts.isImportDeclaration(node)) {
    const type = node.importClause?.isTypeOnly ? " type" : "";
    return [(name) => `import${type} … from ${name}`, node.moduleSpecifier];
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier !== undefined) {
    return [(name) => `export${node.isTypeOnly ? " type" : ""} … from ${name}`, node.moduleSpecifier];
  }
  if (ts.isImportTypeNode(node)) {
    return [
      (name) => `the type import(${name})`,
      ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined,
    ];
  }
  if (ts.isExternalModuleReference(node)) return [(name) => `require(${name})`, node.expression];
  if (ts.isModuleDeclaration(node) && ts.isStringLiteral(node.name))
    return [(name) => `declare module ${name}`, node.name];
  if (!ts.isCallExpression(node)) return undefined;
  if (node.expression.kind === ts.SyntaxKind.ImportKeyword) return [(name) => `import(${name})`, node.arguments[0]];
  if (ts.isIdentifier(node.expression) && node.expression.text === "require") {
    return [(name) => `require(${name})`, node.arguments[0]];
  }
  return undefined;
}

/** The file that a specifier leads to, as the compiler and the bundler find it. */
function resolve(from, specifier, tree) {
  if (specifier === undefined) return { path: undefined, to: undefined };
  const path = posix.join(posix.dirname(from), specifier);
  const candidates = [
    path.replace(/\.([cm]?)js$/, ".$1ts"),
    path.replace(/\.js$/, ".tsx"),
    path,
    `${path}.ts`,
    `${path}/index.ts`,
  ];
  return { path, to: candidates.find((candidate) => tree.has(candidate)) };
}
