import { join } from "node:path";
import { controlPath, incomingFolder } from "../../../config/controlDirectory.js";
import type { KnownServer } from "../../../config/site.js";
import type { Host } from "../../../hosts/host.js";
import { renderPassfile } from "../../../postgres/files/passfile.js";
import { atLeast } from "../../../postgres/versions.js";
import { controlFileOf } from "../../data/controlFile.js";
import { systemIdentifierIn } from "../../data/dataDirectory.js";
import { refuseTooLittleSpace } from "../../data/freeSpace.js";
import { waitForWriters, writing } from "../../data/lock.js";
import { readMarker } from "../../data/marker.js";
import { withPassfile } from "../../data/passfile.js";
import type { Standing } from "../../data/standing.js";
import type { Login } from "../../sql/session.js";
import { authoritiesFor } from "../../sql/verify.js";
import { namesOf } from "../../sql/versions.js";
import { walk } from "../copyTree.js";
import { isExcluded } from "../entries.js";
import { runByLines } from "../lines.js";
import { quietSeconds } from "../methods.js";
import type { BaseBackupResult, Work } from "../options.js";
import { finish, knownTablespaces, newMarker, prepareTarget, tablespaceOf } from "../target.js";
import { complaintIn, environmentOf, type Order, pgBasebackup, programOf, progressIn, ratesFrom } from "./command.js";
import { askSource, type SourceState } from "./source.js";

/** pg_basebackup cannot be used here, and nothing was copied. The message says why. */
export class NotThisWay extends Error {}

/** Where pg_basebackup writes, in the data directory: it wants a folder of its own, and what it makes could start. */

/**
 * A base backup by pg_basebackup on the target's host, over the connection that streaming takes. An interrupted one is
 * begun again. @throws NotThisWay where it does not get as far as the first byte
 */
export async function byPgBasebackup(work: Work): Promise<BaseBackupResult> {
  const { source, target, report, signal } = work;
  const { server, host } = target;
  const { dataDirectory } = server;
  const { endpoint } = source;
  const [state] = await Promise.all([askSource(endpoint, work.login, signal), waitForWriters(host, server)]);
  const user = await refuseWhatCannotWork(work, state);
  const together = source.host.machine === host.machine;
  const known = await knownTablespaces(host, server);
  const tablespaces = state.tablespaces.map(({ oid, location }) =>
    tablespaceOf(oid, location, together, server, known),
  );
  const stream = state.freeWalSenders > 1 && atLeast(server.version, "9.2");
  const order: Order = {
    version: server.version,
    binDirectory: server.binDirectory,
    source: endpoint,
    asks: endpoint.proof.asksReplicas,
    ...authoritiesFor(endpoint, server),
    user: user.user,
    into: join(dataDirectory, incomingFolder),
    label: `pgsite base backup for ${server.name}`,
    wal: stream ? "stream" : "fetch",
    slot: state.freeSlots > 0,
    tablespaces,
    ...(work.rateLimit === undefined ? {} : { rateLimit: work.rateLimit }),
  };
  const later = stream ? "" : ", its WAL at the end (no second walsender is free, or the version has no other way)";
  report(`copying by pg_basebackup on ${host.name}, straight from ${endpoint.address}:${endpoint.port}${later}`);
  if ((await readMarker(host, dataDirectory)) !== undefined) {
    report("a copy was cut off here: pg_basebackup cannot go on with it and begins again");
  }
  const origin = {
    name: endpoint.name,
    dataDirectory: endpoint.dataDirectory,
    systemIdentifier: state.systemIdentifier ?? "",
  };
  const marker = await newMarker(host, { source: origin, began: 0, method: "pg_basebackup", tablespaces });
  const { standing } = await prepareTarget(host, server, marker);
  const sizes = state.tablespaces.map(({ size }) => size);
  await Promise.all([
    refuseTooLittleSpace(host, [
      { directory: dataDirectory, bytes: sizes.reduce((rest, size) => rest - size, state.size) },
      ...tablespaces.map(({ to }, index) => ({ directory: to, bytes: sizes[index] ?? 0 })),
    ]),
    ...tablespaces.map(({ to }) => host.makeDirectory(to)),
  ]);
  const copied = await run(work, { ...order, ...walPlace(server, standing) }, user);
  const control = await moveUp(host, server, state, standing, signal);
  const systemIdentifier = systemIdentifierIn(control);
  await finish({ host, server, tablespaces, standing, control, groupRead: state.groupRead });
  return { systemIdentifier, method: "pg_basebackup", copied, kept: 0 };
}

/** Where WAL goes that is on another disk than the data: into a folder on that, from which it is moved up like the data. */
function walPlace({ dataDirectory, version }: KnownServer, standing: readonly Standing[]): Pick<Order, "walInto"> {
  const { walDirectory } = namesOf(version);
  const wal = standing.find(({ path }) => path === walDirectory);
  if (wal === undefined || !atLeast(version, ratesFrom)) return {};
  return { walInto: join(wal.leadsTo ?? join(dataDirectory, walDirectory), incomingFolder) };
}

/** Returns whom it connects as. */
async function refuseWhatCannotWork(work: Work, state: SourceState): Promise<Login> {
  const { replication, rateLimit } = work;
  const { server, host } = work.target;
  const { name } = work.source.endpoint;
  if (state.version !== server.version) {
    throw new Error(
      `${name} runs PostgreSQL ${state.version} and ${server.name} is declared as ${server.version}: a base backup needs the same major version`,
    );
  }
  if (!atLeast(server.version, "9.1")) throw new NotThisWay("it comes with 9.1");
  if (replication === undefined) throw new NotThisWay("the stack has no password for the replication role");
  if ((await host.stat(programOf(server))) === undefined) {
    throw new NotThisWay(`${host.name} has no ${programOf(server)}`);
  }
  if (state.freeWalSenders < 1) {
    throw new NotThisWay(`all walsenders of ${name} are in use: raise max_wal_senders there`);
  }
  if (atLeast(server.version, ratesFrom)) return replication;
  if (rateLimit !== undefined) throw new NotThisWay(`it limits its rate from ${ratesFrom} on`);
  const [tablespace] = state.tablespaces;
  if (tablespace !== undefined && work.source.host.machine === host.machine) {
    throw new NotThisWay(
      `it cannot put the tablespace ${tablespace.location} elsewhere on one machine before ${ratesFrom}`,
    );
  }
  return replication;
}

/** Seconds until the first byte: the source writes a checkpoint first. */
const firstSeconds = 15 * 60;

/** Runs it to its end. Returns how many bytes it copied. */
async function run({ target, progress, signal }: Work, order: Order, login: Login): Promise<number> {
  const { server, host } = target;
  const passfile = controlPath(server, "backupPassfile");
  const { address, port } = order.source;
  let done = 0;
  let total = 0;
  const said: string[] = [];
  try {
    const argv = writing(server, withPassfile(passfile, pgBasebackup(order)));
    const ran = await runByLines(host, argv, {
      input: renderPassfile([{ host: address, port, database: "*", ...login }]),
      env: { PGPASSFILE: passfile, PGCONNECT_TIMEOUT: "10", PGAPPNAME: "pgsite", ...environmentOf(order) },
      signal,
      firstSeconds,
      onLine(line) {
        const now = progressIn(line);
        if (now === undefined) said.push(line);
        else {
          if (total === 0) progress.start(now.total, 0);
          total = now.total;
          if (now.done > done) progress.advance(now.done - done);
          done = Math.max(done, now.done);
        }
        return total > 0;
      },
    });
    signal.throwIfAborted();
    if (ran.code === 0 && !ran.quiet) return done;
    const complaint = complaintIn([...said, ...ran.stderr.split("\n")]);
    if (/No space left on device|Disk quota exceeded/.test(complaint)) throw new Error(complaint);
    if (ran.quiet || (total > 0 && cut.test(complaint))) {
      const why = ran.quiet ? `nothing came for ${total > 0 ? quietSeconds : firstSeconds} s` : complaint;
      throw new Error(
        `the connection between ${order.source.name} (${address}:${port}) and ${host.name} was cut in the middle of the copy (${why}); run again: pg_basebackup begins again`,
      );
    }
    if (total === 0) throw new NotThisWay(complaint);
    throw new Error(`pg_basebackup on ${host.name} failed (exit code ${ran.code}): ${complaint}`);
  } finally {
    if (total > 0) progress.end();
    // Its shell has removed it, where that was not killed.
    const left = await host.stat(passfile).catch(() => undefined);
    if (left !== undefined) await host.remove(passfile).catch(() => undefined);
  }
}

const cut = /could not receive data|server closed the connection|could not read COPY|receive failed|unexpected EOF/;

/**
 * Removes what standard input names, and moves the rest to another folder: first what belongs into the folders that are named
 * after that, which stand there already, and whose place here a link may have.
 */
const moving = `from=$1 to=$2; shift 2
cd -- "$from" && xargs -0 rm -rf -- || exit
for folder; do
  [ -d "$from/$folder" ] || continue
  find "$from/$folder/" -mindepth 1 -maxdepth 1 -exec mv -t "$to/$folder" -- {} + || exit
  if [ -h "$from/$folder" ]; then
    rmdir -- "$(readlink -e -- "$from/$folder")" && rm -- "$from/$folder" || exit
  else
    rmdir -- "$from/$folder" || exit
  fi
done
find . -mindepth 1 -maxdepth 1 -exec mv -t "$to" -- {} + && cd / && rmdir -- "$from"`;
/** Milliseconds: renames, WAL that comes to another disk, and logs to be removed. */
const movingTimeout = 30 * 60_000;

/**
 * Brings what came into its place, without what is left out of every base backup, and without the control file, whose
 * content it returns. @throws where the copy is not whole, or of another cluster
 */
async function moveUp(
  host: Host,
  server: KnownServer,
  state: SourceState,
  standing: readonly Standing[],
  signal: AbortSignal,
): Promise<Buffer> {
  const { version, dataDirectory } = server;
  const from = join(dataDirectory, incomingFolder);
  const control = await host.readFile(controlFileOf(from));
  const paths = (await walk(host, from, signal)).map(({ path }) => path);
  if (control === undefined || !paths.includes("backup_label")) {
    throw new Error(`pg_basebackup left no whole copy in ${from} on ${host.name}: run again`);
  }
  if (state.systemIdentifier !== undefined && systemIdentifierIn(control) !== state.systemIdentifier) {
    throw new Error(`another cluster answered pg_basebackup on ${host.name} than us: run again`);
  }
  const wal = `${namesOf(version).walDirectory}/`;
  const own = new Set(["backup_label", "tablespace_map"]);
  const unwanted = paths.filter(
    (path) => isExcluded(path, version, state.logDirectory) && !path.startsWith(wal) && !own.has(path),
  );
  const folders = standing.map(({ path }) => path);
  const argv = ["sh", "-c", moving, "sh", from, dataDirectory, ...folders];
  const { code, stderr } = await host.run(writing(server, argv), {
    input: unwanted.map((path) => `${path}\0`).join(""),
    timeout: movingTimeout,
    signal,
  });
  if (code !== 0) throw new Error(`${from} on ${host.name} cannot be moved up: ${stderr.trim()}`);
  return control;
}
