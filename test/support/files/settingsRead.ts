import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseConfiguration } from "../../../postgres/files/postgresqlConf.js";
import type { HbaServer } from "../hbaServer.js";
import { bytesOf, readText } from "./texts.js";

/** What pgsite does not take although a server does, with the reason. */
const unreadable: readonly (readonly [RegExp, string])[] = [
  [/bytes that are no UTF-8/, "a stack file is UTF-8: what these bytes mean, it cannot say"],
  [/a NUL character in its value/, "the server takes the value up to one byte before it"],
];

/** One setting of a file, as one of both reads it: line, name, value; a line that is refused has no name. */
type Reading = readonly (string | number | null)[];

/**
 * Files that pgsite reads otherwise than the server does (pg_file_settings), each with both readings. The view gives a file up at
 * its first syntax error, so what comes after is not compared.
 */
export async function settingsReadOtherwise(server: HbaServer, texts: readonly string[]): Promise<readonly string[]> {
  const folder = join(server.directory, "generated");
  await mkdir(folder, { recursive: true });
  await Promise.all(texts.map((text, index) => writeFile(join(folder, `${index}.conf`), bytesOf(text))));
  const includes = texts.map((_, index) => `include 'generated/${index}.conf'`);
  await writeFile(join(server.directory, "postgresql.conf"), `${includes.join("\n")}\n`);
  const rows = await server.query(
    `select substring(sourcefile from '([0-9]+)[.]conf$')::int as file, sourceline as line, name, setting, error
       from pg_file_settings where sourcefile like '%/generated/%' order by seqno`,
  );
  await rm(folder, { recursive: true });
  return texts.flatMap((text, index) => {
    const own = rows.filter(({ file }) => file === index);
    const read = parseConfiguration(readText(text));
    const last = readText(text).split("\n").length;
    const theirs = own.map(({ line, name, setting, error }): Reading => {
      // Of a value that is missing where a file ends within its last line, the server names the line before.
      const early = error === "syntax error" && Number(line) === last - 1 && isRefused(read, last) ? 1 : 0;
      return [Number(line) + early, `${name}`, `${setting}`];
    });
    const stop = theirs.find(([, name]) => name === "null")?.[0] ?? Number.POSITIVE_INFINITY;
    const passedOver = new Set(
      read.problems.flatMap(({ path, message }) =>
        unreadable.some(([pattern]) => pattern.test(message)) ? [lineOf(path)] : [],
      ),
    );
    const refused = read.problems.map(({ path }) => lineOf(path)).filter((line) => !passedOver.has(line));
    const mine: readonly Reading[] = [
      ...read.lines.map(({ line, name, value }): Reading => [line, name, value]),
      ...read.includes.map(({ line, directive, path }): Reading => [line, directive, path]),
      ...refused.slice(0, 1).map((line): Reading => [line, "null", "null"]),
    ];
    const end = Math.min(refused[0] ?? Number.POSITIVE_INFINITY, Number(stop));
    const compared = (one: readonly Reading[]) =>
      JSON.stringify(
        one
          .filter(([line]) => !passedOver.has(Number(line)) && Number(line) <= end)
          .sort(([left], [right]) => Number(left) - Number(right)),
      );
    const [left, right] = [compared(mine), compared(theirs)];
    return left === right ? [] : [`${JSON.stringify(text)}\n  pgsite: ${left}\n  server: ${right}`];
  });
}

function isRefused({ problems }: ReturnType<typeof parseConfiguration>, line: number): boolean {
  return problems.some(({ path }) => lineOf(path) === line) && !problems.some(({ path }) => lineOf(path) === line - 1);
}

function lineOf(path: string): number {
  return Number(path.replace("line ", ""));
}
