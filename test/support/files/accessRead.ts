import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { atLeast } from "../../../postgres/versions.js";
import type { HbaServer } from "../hbaServer.js";
import { isRefusedByPgsiteAlone, type Verdict, verdictsOf } from "./hbaVerdict.js";
import { bytesOf, readText } from "./texts.js";

/** What depends on the host and not on the file: the build, the resolver. */
const notOfTheFile = /not supported by this build|could not translate/;

interface Row {
  readonly line: number;
  readonly error: string | null;
  readonly type: string | null;
  readonly database: readonly string[] | null;
  readonly user: readonly string[] | null;
  readonly address: string | null;
  readonly method: string | null;
  readonly options: readonly string[] | null;
}

/** Files of rules that pgsite reads otherwise than the server does (pg_hba_file_rules), each with both readings. */
export async function accessReadOtherwise(server: HbaServer, texts: readonly string[]): Promise<readonly string[]> {
  const { directory, major } = server;
  await mkdir(join(directory, "more.d"), { recursive: true });
  await writeFile(join(directory, "more"), "");
  const own = atLeast(major, "16") ? "where file_name like '%/pg_hba.conf'" : "";
  const found: string[] = [];
  for (const text of texts) {
    const mine = verdictsOf(major, readText(text));
    if (text.includes("\0")) {
      // From 14 on the server joins such a line with the next one, and counts them as one: pgsite reads none of it.
      const refused = [...mine.values()].some(({ errors }) => errors.some((message) => /NUL/.test(message)));
      if (!refused) found.push(`${JSON.stringify(text)}\n  pgsite does not say that there is a NUL character in it`);
      continue;
    }
    await writeFile(join(directory, "pg_hba.conf"), bytesOf(text));
    const rows = (await server.query(
      `select line_number as line, error, type, database, user_name as user, address, auth_method as method, options
         from pg_hba_file_rules ${own}`,
    )) as unknown as readonly Row[];
    const byLine = new Map(rows.map((row) => [row.line, row]));
    for (const line of [...new Set([...mine.keys(), ...byLine.keys()])].sort((left, right) => left - right)) {
      const difference = compare(mine.get(line), byLine.get(line));
      if (difference !== undefined) found.push(`${JSON.stringify(text)} line ${line}\n${difference}`);
    }
  }
  return found;
}

function compare(mine: Verdict | undefined, row: Row | undefined): string | undefined {
  if (notOfTheFile.test(row?.error ?? "") || /could not open/.test(row?.error ?? "")) return undefined;
  // Of a rule that cannot match the server remarks so, and takes it.
  const taken = row?.type != null;
  const errors = mine?.errors ?? [];
  if (mine === undefined || row === undefined || (errors.length === 0) !== taken) {
    if ((taken || row === undefined) && isRefusedByPgsiteAlone(errors)) return undefined;
    const said = mine === undefined ? "no record" : errors.join("; ") || "takes it";
    return `  pgsite: ${said}\n  server: ${row === undefined ? "no record" : (row.error ?? "takes it")}`;
  }
  if (!taken || mine.rule === undefined) return undefined;
  const { type, databases, users, address, method, options } = mine.rule;
  const texts = (names: typeof databases) => names.map(({ text }) => text);
  const isFile = [...databases, ...users].some(({ text, literal }) => !literal && text.startsWith("@"));
  // On local lines ident is another name of peer.
  const known = type === "local" && method === "ident" ? "peer" : method;
  const network = address?.split("/")[0] ?? null;
  const named = options.filter(({ name }) => name === "map").map(({ name, value }) => `${name}=${value}`);
  const reads = [type, isFile ? "@" : texts(databases), isFile ? "@" : texts(users), network, known, named];
  const server = [
    row.type,
    isFile ? "@" : row.database,
    isFile ? "@" : row.user,
    row.address,
    row.method,
    (row.options ?? []).filter((one) => one.startsWith("map=")),
  ];
  return JSON.stringify(reads) === JSON.stringify(server)
    ? undefined
    : `  pgsite reads: ${JSON.stringify(reads)}\n  server reads: ${JSON.stringify(server)}`;
}
