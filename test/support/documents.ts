import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

/** Where documents and what they name are looked for: paths relative to a checkout. */
export interface Tree {
  /** The text of each Markdown file. */
  readonly documents: ReadonlyMap<string, string>;
  /** Whether a file is there; a path that ends with a slash is a folder's. */
  has(path: string): boolean;
}

const generatedFolders = new Set(["node_modules", "dist", ".git", ".cache"]);

/** Files of a checkout, by the ends of their names; what is generated is left out. */
export function filesOf(checkout: string, ends: RegExp, folder = ""): readonly string[] {
  return readdirSync(join(checkout, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return generatedFolders.has(entry.name) ? [] : filesOf(checkout, ends, path);
    return ends.test(entry.name) ? [path] : [];
  });
}

export function treeOf(checkout: string): Tree {
  const paths = filesOf(checkout, /\.md$/);
  return {
    documents: new Map(paths.map((path) => [path, readFileSync(join(checkout, path), "utf8")])),
    has: (path) =>
      path.endsWith("/")
        ? statSync(join(checkout, path), { throwIfNoEntry: false })?.isDirectory() === true
        : existsSync(join(checkout, path)),
  };
}

/** Links of a document that lead nowhere in the tree: no such file, or no such heading in it. */
export function brokenLinks(tree: Tree, document: string): readonly string[] {
  const text = withoutCode(tree.documents.get(document) ?? "");
  const inline = [...text.matchAll(/\]\(\s*<?([^)\s>]+)/g)];
  const references = [...text.matchAll(/^\[[^\]]+\]:\s*(\S+)/gm)];
  return [...inline, ...references].flatMap(([, target = ""]) => {
    if (/^[a-z]+:/.test(target)) return [];
    const [path = "", anchor] = target.split("#");
    const file = path === "" ? document : normalize(join(dirname(document), path));
    if (path !== "" && !tree.has(file)) return [`${document}: ${target}: there is no ${file}`];
    if (anchor === undefined || !file.endsWith(".md")) return [];
    const known = anchorsOf(tree.documents.get(file) ?? "");
    return known.has(anchor) ? [] : [`${document}: ${target}: ${file} has no heading #${anchor}`];
  });
}

/** What GitHub calls the headings of a document. */
export function anchorsOf(text: string): ReadonlySet<string> {
  const counts = new Map<string, number>();
  const headings = [...withoutFences(text).matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)].map(([, heading = ""]) => heading);
  return new Set(
    headings.map((heading) => {
      const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1");
      const name = plain
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, "")
        .replace(/\s/g, "-");
      const before = counts.get(name) ?? 0;
      counts.set(name, before + 1);
      return before === 0 ? name : `${name}-${before}`;
    }),
  );
}

/**
 * The commands that a document gives below a heading, without their comments: lines of its blocks of shell.
 * @throws if there are none: whoever runs them would prove nothing
 */
export function commandsBelow(text: string, heading: string): readonly string[] {
  const lines = text.split("\n");
  const commands: string[] = [];
  let fence: string | undefined;
  const from = lines.indexOf(heading) + 1;
  for (const line of from === 0 ? [] : lines.slice(from)) {
    if (line.startsWith("```")) fence = fence === undefined ? line : undefined;
    else if (fence === undefined && /^#{1,6} /.test(line)) break;
    else if (fence === "```sh") commands.push(line.replace(/(^|\s+)#.*$/, "").trim());
  }
  const found = commands.filter((command) => command !== "");
  if (found.length === 0) throw new Error(`there is no command below "${heading}"`);
  return found;
}

/**
 * The lines for visudo of docs/hosts.md, for a login: to the servers' OS user alone, and to root too.
 * @throws where it has none: whoever goes by them would prove nothing
 */
export function sudoersLines(hosts: string, login: string): { readonly osUser: string; readonly root: string } {
  const [, given = "", users = ""] = /`(admin ALL=(\([^)]*\)) NOPASSWD: [^`]+)`/.exec(hosts) ?? [];
  const [, more = ""] = /With `(\([^`]*\broot\b[^`]*\))` pgsite also/.exec(hosts) ?? [];
  if (given === "" || more === "") throw new Error("docs/hosts.md gives no lines for visudo");
  const osUser = given.replace("admin", login);
  return { osUser, root: osUser.replace(users, more) };
}

/** What stands for a name, or for a place on somebody's host. */
const placeholder = /NAME|STACK|DATADIRECTORY|TIME|UID|COMMAND|ARCHIVE/;
const source = /\.(?:ts|mts|mjs|cjs|go|sh|awk|md)$/;

/**
 * Paths of the project in backticks that are not there. A path is what begins with a folder of the tree, ends with a slash, or
 * ends as our sources do; it may be relative to a folder that its section names before it. `*(new)*` behind one says that it is
 * still to be made.
 */
export function missingPaths(tree: Tree, document: string): readonly string[] {
  const text = withoutFences(tree.documents.get(document) ?? "");
  return text.split(/^(?=#{1,6} )/m).flatMap((section) => {
    const folders = ["", `${dirname(document)}/`];
    return [...section.matchAll(/`([^`\n]+)`( \*\(new\)\*)?/g)].flatMap(([, path = "", isNew]) => {
      if (isNew !== undefined || !isPath(tree, path)) return [];
      const found = folders.map((folder) => normalize(join(folder, path))).find((one) => tree.has(one));
      if (found === undefined) return [`${document}: there is no ${path}`];
      folders.push(found.endsWith("/") ? found : `${dirname(found)}/`);
      return [];
    });
  });
}

function isPath(tree: Tree, text: string): boolean {
  if (/[\s*$=:()|<>…,@]/.test(text) || /^[/~.-]/.test(text) || placeholder.test(text)) return false;
  const [top = "", ...rest] = text.split("/");
  if (generatedFolders.has(top)) return false;
  return (rest.length > 0 && tree.has(`${top}/`)) || text.endsWith("/") || source.test(text);
}

/** Without fenced blocks: what stands there is an example, or a terminal's. */
function withoutFences(text: string): string {
  return text.replace(/^```[\s\S]*?^```/gm, "");
}

function withoutCode(text: string): string {
  return withoutFences(text).replace(/`[^`\n]*`/g, "");
}
