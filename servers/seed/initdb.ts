import { join } from "node:path";
import { bootstrapSuperuser } from "../../config/bootstrapSuperuser.js";
import { controlPath, incompleteMarker } from "../../config/controlDirectory.js";
import { passwordKey } from "../../config/parse.js";
import type { Passwords, Server, Site } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { unloggedOptions } from "../../postgres/unlogged.js";
import { verifierFor } from "../../postgres/verifier.js";
import { atLeast } from "../../postgres/versions.js";
import { readSystemIdentifier } from "../data/dataDirectory.js";
import { waitForWriters, writing } from "../data/lock.js";
import { takeDirectory, writeMarker } from "../data/marker.js";
import { writeDeclaredFiles } from "../data/ownFiles.js";
import { clearData, type Standing, standingIn } from "../data/standing.js";
import { identifier, literal } from "../sql/sql.js";

/** The configuration that initdb makes among the data. */
const initdbsFiles = ["postgresql.conf", "pg_hba.conf", "pg_ident.conf"];

/** @returns the system identifier of a new cluster of the site's; `pgsite.incomplete` is still there. See `makeCluster` */
export function initialise(
  host: Host,
  site: Site,
  server: Server,
  passwords: Passwords,
  signal?: AbortSignal,
): Promise<string> {
  return makeCluster(host, server, {
    mark: () => writeMarker(host, server.dataDirectory, { kind: "initdb" }),
    argv: (directory) => initdbArguments(site, server, directory),
    fill: (directory) => createAdministrator(host, site, server, passwords, directory, signal),
    signal,
  });
}

/** How a cluster is made. */
export interface Making {
  /** Says in the data directory whose the half data are. */
  readonly mark: () => Promise<void>;
  /** initdb and its arguments. @param standing what lies in the data directory already: a place for WAL on another disk, say */
  readonly argv: (directory: string, standing: readonly Standing[]) => readonly string[];
  /** What else it gets before it is in its place. */
  readonly fill?: (directory: string) => Promise<void>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes a new cluster in a data directory that is absent, empty or half filled by us (the caller has looked, and
 * holds the server's lock). It is made beside the data directory, in `CONTROLDIRECTORY/initdb`, since initdb wants an
 * empty folder, and moved when it is whole, the control file's folder last. `pgsite.incomplete` is still there when
 * this returns.
 * @returns the system identifier
 */
export async function makeCluster(host: Host, server: Server, { mark, argv, fill, signal }: Making): Promise<string> {
  const { dataDirectory } = server;
  const made = controlPath(server, "initdb");
  await waitForWriters(host, server);
  await takeDirectory(host, server);
  await mark();
  const standing = await standingIn(host, dataDirectory, server.version);
  await clearData(host, dataDirectory, standing, [incompleteMarker]);
  await host.remove(made);
  await run(host, server, argv(made, standing), signal);
  await fill?.(made);
  // What is apart from the data is written where it belongs, and its place in them is not initdb's either.
  const apart = server.configurationDirectory !== undefined;
  if (apart) for (const name of initdbsFiles) await host.remove(join(made, name));
  await writeDeclaredFiles(host, { ...server, dataDirectory: made });
  const names = (await host.list(made)) ?? [];
  for (const name of [...names.filter((entry) => entry !== "global"), "global"]) {
    const [from, to] = [join(made, name), join(dataDirectory, name)];
    const stands = standing.some(({ path }) => path === name);
    await run(host, server, stands ? ["sh", "-c", filling, "sh", from, to] : ["mv", "-T", "--", from, to], signal);
  }
  await host.remove(made);
  await run(host, server, ["sync", "-f", dataDirectory], signal);
  const systemIdentifier = await readSystemIdentifier(host, dataDirectory);
  if (systemIdentifier === undefined) throw new Error(`initdb left no control file in ${dataDirectory}`);
  return systemIdentifier;
}

/** What belongs into a folder that is there already, such as one for WAL on another disk. */
const filling = 'find "$1" -mindepth 1 -maxdepth 1 -exec mv -t "$2" -- {} + && sync -f "$2"';

function initdbArguments(site: Site, server: Server, directory: string): readonly string[] {
  const { locale, encoding, dataChecksums } = site.initdb;
  return [
    join(server.binDirectory, "initdb"),
    "-D",
    directory,
    "-U",
    bootstrapSuperuser(site.administrator, server.host.user),
    `--locale=${locale}`,
    `--encoding=${encoding}`,
    // Every version knows it, and it needs no password; the access file is written before anything starts.
    "-A",
    "ident",
    ...checksumArguments(server, dataChecksums),
  ];
}

/** From 18 on checksums are the default, and leaving them out is what has to be said. */
function checksumArguments(server: Server, wanted: boolean): readonly string[] {
  if (wanted) return atLeast(server.version, "9.3") ? ["--data-checksums"] : [];
  return atLeast(server.version, "18") ? ["--no-data-checksums"] : [];
}

/**
 * Makes the administrator in single-user mode: nothing listens, no password but its verifier goes anywhere, and that
 * through standard input, so that no process list shows it.
 */
async function createAdministrator(
  host: Host,
  site: Site,
  server: Server,
  passwords: Passwords,
  directory: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const sql = await administratorSql(site, server, passwords);
  const argv = [
    join(server.binDirectory, "postgres"),
    "--single",
    "-D",
    directory,
    "-c",
    "lc_messages=C",
    // Whatever the distribution's postgresql.conf.sample says.
    "-c",
    "logging_collector=off",
    "-c",
    "log_destination=stderr",
    ...unloggedOptions(server.version),
    "postgres",
  ];
  const result = await host.run(writing(server, argv), {
    input: `${sql}\n`,
    ...(signal === undefined ? {} : { signal }),
  });
  signal?.throwIfAborted();
  const complaint = result.stderr.split("\n").find((line) => /(ERROR|FATAL|PANIC): /.test(line));
  if (result.code !== 0 || complaint !== undefined) {
    throw new Error(`the role ${site.administrator} cannot be made: ${complaint ?? result.stderr.trim()}`);
  }
}

/** One line: single-user mode ends a command at the end of the line. */
export async function administratorSql(site: Site, server: Server, passwords: Passwords): Promise<string> {
  const role = site.administrator;
  if (/[\r\n]/.test(role)) throw new Error("a role's name has a line break");
  const password = passwords[role];
  if (password === undefined) {
    throw new Error(
      `there is no password for the administrator ${role}: pulumi config set --secret ${passwordKey(role)}`,
    );
  }
  const verifier = await verifierFor(server.version, role, password);
  const verb = role === bootstrapSuperuser(role, server.host.user) ? "ALTER" : "CREATE";
  const replication = atLeast(server.version, "9.1") ? " REPLICATION" : "";
  return `${verb} ROLE ${identifier(role)} SUPERUSER LOGIN${replication} PASSWORD ${literal(verifier)};`;
}

async function run(
  host: Host,
  server: Server,
  argv: readonly string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const options = { timeout: 10 * 60_000, ...(signal === undefined ? {} : { signal }) };
  const result = await host.run(writing(server, argv), options);
  signal?.throwIfAborted();
  if (result.code !== 0) {
    throw new Error(`${argv[0]} on ${host.name} failed: ${(result.stderr || result.stdout).trim()}`);
  }
}
