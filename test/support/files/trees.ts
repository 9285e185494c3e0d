import { mkdir, rm, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { readSettings } from "../../../cli/import/includes.js";
import { hostOf } from "../../../hosts/index.js";
import { filedSettings } from "../../../postgres/files/facts.js";
import { includedNames } from "../../../servers/data/includedNames.js";
import type { HbaServer } from "../hbaServer.js";

/** Files by name below the folder `tree`. */
type Tree = Readonly<Record<string, string>>;

const names = [
  "root.conf",
  "a.conf",
  "b.conf",
  "d/10.conf",
  "d/9.conf",
  "d/.hidden.conf",
  "d/x.txt",
  "d/sub.conf/z.conf",
];
const target = fc.constantFrom(
  ...["a.conf", "b.conf", "d/10.conf", "d/x.txt", "none.conf", "../a.conf", "10.conf", "./a.conf", "root.conf", "'"],
);
const directive = fc.oneof(
  fc.tuple(fc.constantFrom("include", "include_if_exists", "INCLUDE", "include ="), target),
  fc.tuple(fc.constantFrom("include_dir", "Include_Dir"), fc.constantFrom("d", "d/", "./d", "nowhere", "d/sub.conf")),
);
const line = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom("a.x", "a.y", "A.X", "work_mem"), fc.nat(999))
      .map((parts) => parts.join(" = ")),
  },
  { weight: 2, arbitrary: directive.map(([word, path]) => `${word} '${path.replaceAll("'", "''")}'`) },
);
const content = fc.array(line, { maxLength: 4 }).map((lines) => lines.join("\n"));

/** Files that include each other, or folders, or what is not there. */
export const tree: fc.Arbitrary<Tree> = fc.record(Object.fromEntries(names.map((name) => [name, content])));

/** What pgsite reads otherwise of a tree than the server does: the value of each setting in the end, and whether all of it is read. */
export async function treeReadOtherwise(server: HbaServer, files: Tree): Promise<readonly string[]> {
  const folder = join(server.directory, "tree");
  await rm(folder, { recursive: true, force: true });
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  await writeFile(join(server.directory, "postgresql.conf"), "include 'tree/root.conf'\n");
  const rows = await server.query(
    "select lower(name) as name, setting from pg_file_settings where sourcefile is not null order by seqno",
  );
  const failed = rows.some(({ name }) => name === null);
  const theirs = new Map(rows.map(({ name, setting }) => [`${name}`, `${setting}`]));

  const host = hostOf({ name: "here", address: server.address, transport: "local", user: userInfo().username });
  const source = {
    read: async (path: string) =>
      (await host.stat(path))?.type === "file" ? (await host.readFile(path))?.toString("utf8") : undefined,
    list: (path: string) => includedNames(host, path),
  };
  const { settings, problems } = await readSettings(source, { dataDirectory: server.directory }, server.major);
  if (failed !== problems.length > 0) {
    return [`${JSON.stringify(files)}\n  pgsite: ${JSON.stringify(problems)}\n  server: ${JSON.stringify(rows)}`];
  }
  if (failed) return [];
  const mine = [...settings].map(([name, { value }]) => [name, value] as const);
  const texts = Object.fromEntries(Object.entries(files).map(([name, text]) => [`tree/${name}`, text]));
  const filed = filedSettings({ ...texts, "postgresql.conf": "include 'tree/root.conf'\n" });
  // Of a folder, or of a path that begins with dots, the comparison of files knows no names: it says so, as a setting of its own.
  const isWhole = [...filed.keys()].every((name) => !name.includes(" "));
  const compared = [...filed.values()].map(({ name, value }) => [name.toLowerCase(), value] as const);
  return [mine, ...(isWhole ? [compared] : [])].flatMap((one) => {
    const [left, right] = [one, [...theirs]].map((all) => JSON.stringify([...all].sort()));
    return left === right ? [] : [`${JSON.stringify(files)}\n  pgsite: ${left}\n  server: ${right}`];
  });
}
