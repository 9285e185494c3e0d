import { join } from "node:path";
import type { Directories } from "../../config/controlDirectory.js";
import type { Host } from "../../hosts/host.js";
import { placeArguments } from "../../postgres/files/places.js";
import { bypassingLogin } from "../../postgres/settings/wayIn.js";
import { unloggedOptions } from "../../postgres/unlogged.js";
import type { Major } from "../../postgres/versions.js";
import { writing } from "../data/lock.js";
import type { Row } from "../sql/session.js";

/** A server whose data single-user mode works on. It does not run. */
export interface Resting extends Directories {
  readonly version: Major;
  readonly binDirectory: string;
}

/** `\t 1: rolname = "postgres"\t(typeid = 19, len = 64, typmod = -1, byval = f)` (printtup.c, printatt). */
const attribute =
  /^(?:backend> )?\t ?(\d+): (.+?) = "(.*)"\t\(typeid = \d+, len = -?\d+, typmod = -?\d+, byval = [tf]\)$/;

/** What single-user mode prints of the rows of one statement. A null is not printed. */
export function rowsIn(printed: string): readonly Row[] {
  const rows: Record<string, string>[] = [];
  let last = Number.POSITIVE_INFINITY;
  for (const line of printed.split("\n")) {
    const [, number, name, value] = attribute.exec(line) ?? [];
    if (number === undefined || name === undefined) {
      if (line.trimEnd() === "\t----") last = Number.POSITIVE_INFINITY;
      continue;
    }
    if (Number(number) <= last) rows.push({});
    last = Number(number);
    (rows.at(-1) as Record<string, string>)[name] = value ?? "";
  }
  return rows;
}

/**
 * Runs statements in the database `postgres` of a server that rests, as the superuser that initdb made: no rule, password or role
 * keeps anybody out there. What runs at login does not. Statements travel by standard input, so that no process list shows them.
 * @returns the rows of the last @throws where one fails
 */
export async function runSingleUser(
  host: Host,
  server: Resting,
  statements: readonly string[],
): Promise<readonly Row[]> {
  if (statements.some((one) => /[\r\n]/.test(one)))
    throw new Error("a statement for single-user mode has a line break");
  const settings = { lc_messages: "C", logging_collector: "off", log_destination: "stderr" };
  const all = { ...settings, ...bypassingLogin(server.version) };
  const argv = [
    join(server.binDirectory, "postgres"),
    "--single",
    "-D",
    server.dataDirectory,
    ...placeArguments(server),
    ...Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    ...unloggedOptions(server.version),
    "postgres",
  ];
  const { code, stdout, stderr } = await host.run(writing(server, argv), {
    input: statements.map((one) => `${one}\n`).join(""),
    timeout: 120_000,
  });
  const complaint = stderr.split("\n").find((line) => /(ERROR|FATAL|PANIC): /.test(line));
  if (code !== 0 || complaint !== undefined) {
    throw new Error(`single-user mode fails: ${complaint ?? stderr.trim()}`);
  }
  return rowsIn(stdout);
}
