import { versionDirectory } from "../../config/controlDirectory.js";
import type { Server } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { withLock } from "../data/lock.js";
import { removeFolder } from "../data/places.js";
import { askMigration, isThrough } from "../migrate/ask.js";
import { processState } from "../process/process.js";
import type { Context } from "../rollout/reporter.js";
import { forget } from "./forget.js";
import { endHistory, historyOf } from "./history.js";
import { type Journal, readJournal, writeJournal } from "./journal.js";
import { remember } from "./past.js";
import { versionFolders } from "./prepare.js";
import { versionIn } from "./standbys.js";
import type { UpgradeArgs } from "./state.js";
import { asAfter } from "./switch.js";

/** What the commit removes on one host. */
export interface Freed {
  readonly server: string;
  readonly host: string;
  readonly folders: readonly string[];
  readonly bytes: number;
}

export interface CommitOptions {
  /** Hears what will be removed, and says whether to go on. */
  readonly confirm: (freed: readonly Freed[], journal: Journal) => Promise<boolean>;
}

/** Nothing was removed. */
export class NoCommit extends Error {
  constructor(reason: string) {
    super(`the upgrade is not committed: ${reason}; nothing was removed`);
    this.name = "NoCommit";
  }
}

/** The old data go, on every host of the stack. @returns what was removed; undefined where it was declined */
export async function commit(
  context: Context,
  args: UpgradeArgs,
  { confirm }: CommitOptions,
): Promise<readonly Freed[] | undefined> {
  const found = await journalsOf(args);
  const primary = found.find(({ journal }) => journal.role === "primary");
  if (primary === undefined) throw new NoCommit("none waits for it");
  await refuse(args, primary.server, primary.journal);
  const all = await Promise.all(found.map(async (one) => ({ ...one, freed: await freedOf(one) })));
  const freed = all.map((one) => one.freed);
  if (!(await confirm(freed, primary.journal))) return undefined;
  // The primary's goes last: with its journal, what is left of a commit that was cut off can be found.
  for (const { server, host, journal, freed: folders } of all.toReversed()) {
    await withLock(host, server, `committing the upgrade of ${server.name}`, async () => {
      // First, so that what cannot be added to is known while nothing is removed.
      await remember(host, server, journal);
      const ending =
        historyOf({ args, server }, journal) === undefined
          ? journal
          : await writeJournal(host, server, { ...journal, historyEnded: true });
      await endHistory({ context, args, server, host }, ending);
      for (const folder of folders.folders) {
        await context.progress(`removing ${folder} on ${host.name}`);
        await removeFolder(host, server, folder);
      }
      await forget(host, server, journal);
    });
  }
  return freed;
}

export interface Found {
  readonly server: Server;
  readonly host: Host;
  readonly journal: Journal;
}

/** The journals on the hosts of a stack, the primary's first. @throws HostUnreachable */
export async function journalsOf({ servers }: Pick<UpgradeArgs, "servers">): Promise<readonly Found[]> {
  const there = Object.values(servers).filter(({ lost }) => lost === undefined);
  const found = await Promise.all(
    there.map(async (server) => {
      const host = hostOf(server.host);
      const journal = await readJournal(host, server);
      return journal === undefined ? [] : [{ server, host, journal }];
    }),
  );
  return found
    .flat()
    .sort((one, other) => Number(other.journal.role === "primary") - Number(one.journal.role === "primary"));
}

/**
 * What has been upgraded, which need not be the primary that is declared by now. A standby's host that does not answer keeps nobody
 * from going back. @throws HostUnreachable where it may be on a host that does not answer
 */
export async function primaryOf({ servers }: Pick<UpgradeArgs, "servers">): Promise<Found | undefined> {
  const asked = await Promise.allSettled(
    Object.entries(servers).map(([name, server]) => journalsOf({ servers: { [name]: server } })),
  );
  const found = asked.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
  const primary = found.find(({ journal }) => journal.role === "primary");
  const failed = asked.find((one) => one.status === "rejected");
  if (primary === undefined && failed !== undefined) throw failed.reason as Error;
  return primary;
}

async function refuse(args: UpgradeArgs, server: Server, journal: Journal): Promise<void> {
  const { phase, rollingBack, to, plan, after } = journal;
  if (rollingBack === true) throw new NoCommit(`${server.name} is being rolled back`);
  if (phase !== "done")
    throw new NoCommit(`that of ${server.name} is not through (it is at "${phase}"): pulumi up finishes it`);
  const host = hostOf(server.host);
  const runs = (await processState(host, server.dataDirectory)).kind === "running";
  if (!runs || (await versionIn(host, server.dataDirectory)) !== to) {
    throw new NoCommit(`${server.name} does not run PostgreSQL ${to}: who would know that it is good?`);
  }
  const open = (plan?.after ?? []).filter(({ name }) => !after.includes(name));
  if (open.length > 0) {
    throw new NoCommit(`not confirmed yet: ${open.map(({ name }) => name).join(", ")} (pgsite upgrade after)`);
  }
  await refuseHistory(args, server, journal);
}

/** The old data have what is not there yet. */
async function refuseHistory(args: UpgradeArgs, server: Server, journal: Journal): Promise<void> {
  if (historyOf({ args, server }, journal) === undefined || journal.historyEnded === true) return;
  const migration = await askMigration(asAfter(server, journal));
  if (isThrough(migration) && migration.code === "known") return;
  const how = {
    none: "what brings it is not on its host any more: pgsite migrate resume puts it there",
    unknown: `nobody knows how far it is: ${migration.code === "unknown" ? migration.because : ""}`,
    known: "pgsite migrate status says how far it is",
  };
  throw new NoCommit(`the history of ${server.name} still follows; ${how[migration.code]}`);
}

async function freedOf({ server, host, journal }: Found): Promise<Freed> {
  const { from, tablespaces, tablespacesAside = {} } = journal;
  const places = journal.role === "standby" ? Object.values(tablespacesAside) : tablespaces;
  const apart = (await Promise.all(places.map((place) => versionFolders(host, place, from)))).flat();
  const whole = journal.role === "standby" ? places : apart;
  const candidates = [versionDirectory(server.dataDirectory, from), ...whole];
  const there = await Promise.all(
    candidates.map(async (path) => ((await host.stat(path)) === undefined ? [] : [path])),
  );
  const folders = there.flat();
  const { stdout } =
    folders.length === 0 ? { stdout: "" } : await host.run(["du", "-sb", "--", ...folders], { timeout: 600_000 });
  const bytes = stdout.split("\n").reduce((sum, line) => sum + (Number.parseInt(line, 10) || 0), 0);
  return { server: server.name, host: host.name, folders, bytes };
}
