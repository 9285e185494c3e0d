import { versionDirectory } from "../../config/controlDirectory.js";
import type { Server } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import type { ClusterFacts, HostUpgradeFacts, ProgramsFacts, UpgradeFacts } from "../../postgres/upgrade/model.js";
import { planUpgrade, type Wanted } from "../../postgres/upgrade/plan.js";
import { missingFor } from "../../postgres/upgrade/programs.js";
import { type Major, majorOf } from "../../postgres/versions.js";
import { hasChecksums, recordedRole, walSegmentSize } from "../../postgres/wal/controlFile.js";
import { systemIdentifierIn } from "../data/dataDirectory.js";
import { freeBytes } from "../data/freeSpace.js";
import { canBeRoot } from "../data/places.js";
import { loginOf } from "../rollout/site.js";
import { hostOf, type LookAt, newLooks } from "../status/look.js";
import { checkBeforehand } from "./check.js";
import { type ControlFacts, clusterFacts } from "./cluster.js";
import { type FoundFolder, type FoundOnHost, lookAtHost, versionIn } from "./hostFacts.js";
import { foldersOfOld } from "./oldPrograms.js";
import type { UpgradeArgs } from "./state.js";

/** Bytes a second, where nothing could be tried; and as many as are believed of what a cache took. */
const cautiousRate = 50_000_000;
const fastestRate = 400_000_000;

/** Of a server whose data have another version than is declared. */
export interface Upgraded {
  readonly args: UpgradeArgs;
  /** As declared, at the new version. */
  readonly server: Server;
  /** Folder of programs that its data were last in force with, where somebody knows. */
  readonly programs?: string | undefined;
  readonly wanted: Wanted;
  readonly signal: AbortSignal;
}

/** What an upgrade of a server's data goes by: all of it is looked at, nothing is changed. @throws where it cannot be looked at */
export async function lookForUpgrade(upgraded: Upgraded, lookAt: LookAt = newLooks()): Promise<UpgradeFacts> {
  const { args, server, signal } = upgraded;
  const look = await lookAt(server);
  const [control, versionText, process] = await Promise.all([look.control(), look.version(), look.process()]);
  const { host } = look;
  const from = majorOf(versionText ?? "");
  if (from === undefined || control === undefined) {
    throw new Error(`${server.dataDirectory} on ${host.name} has data of PostgreSQL ${versionText ?? "unknown"}`);
  }
  const to = server.version;
  const asked = { from, to, declared: server.binDirectory, last: upgraded.programs };
  const old = await foldersOfOld(host, process, asked);
  const { clientDirectory } = args;
  const clients = clientDirectory ?? server.binDirectory;
  const found = await lookAtHost(host, server, [server.binDirectory, clients, ...old], signal);
  const programs = await programsOf(host, found, { from, to }, signal);
  const controlFacts: ControlFacts = {
    version: from,
    systemIdentifier: systemIdentifierIn(control),
    checksums: hasChecksums(from, control) ?? false,
    walSegmentSize: walSegmentSize(from, control) ?? 16 * 1024 * 1024,
  };
  const running = process.kind === "running";
  const login = loginOf(args);
  const cluster = running
    ? await clusterFacts({ endpoint: server, login, to, defer: args.wishes.defer, signal }, controlFacts)
    : await stoppedCluster(host, server, controlFacts, signal);
  const facts: UpgradeFacts = {
    server: server.name,
    cluster,
    host: { ...hostFactsOf(found, programs), ...(await closedOf(found, server)), ...(await leftOf(host, server)) },
    check: { code: "not run", why: running ? "no programs" : "not running" },
    standbys: await standbysOf(args, server.name, lookAt),
    copyRate: Math.min(found.writeRate ?? cautiousRate, fastestRate),
    backups: args.backups ? "declared" : "none",
    ...(running ? {} : { stopped: true }),
    ...(recordedRole(control) === "recovery" ? { inRecovery: true } : {}),
  };
  return running ? checked(host, facts, upgraded, programs) : facts;
}

interface Programs {
  readonly old: ProgramsFacts;
  readonly next: ProgramsFacts;
  /** Whether nobody but root and the OS user decides what is run. */
  readonly trusted: boolean;
}

async function programsOf(
  host: Host,
  { folders: [next, clients, ...rest] }: FoundOnHost,
  { from, to }: { readonly from: Major; readonly to: Major },
  signal: AbortSignal,
): Promise<Programs> {
  if (next === undefined || clients === undefined) throw new Error(`${host.name} says nothing of its programs`);
  let old: { readonly folder: FoundFolder; readonly version?: string } | undefined;
  for (const folder of rest) {
    const version = await versionIn(host, folder, signal);
    if (version !== undefined && majorOf(version) === from) {
      old = { folder, version };
      break;
    }
  }
  const oldFolder = old?.folder ?? { folder: rest[0]?.folder ?? "", programs: new Set<string>(), strangers: [] };
  const nextVersion = await versionIn(host, next, signal);
  // Programs of another version are none of those that are meant.
  const isNext = nextVersion !== undefined && majorOf(nextVersion) === to;
  const has = (program: string) => isNext && next.programs.has(program);
  const hasClient = (program: string) => has(program) || clients.programs.has(program);
  const hasOld = (program: string) => oldFolder.programs.has(program);
  return {
    old: {
      folder: oldFolder.folder,
      ...(old?.version === undefined ? {} : { version: old.version }),
      missing: {
        pg_upgrade: missingFor("pg_upgrade", "old", from, hasOld),
        dump: missingFor("dump", "old", from, hasOld),
      },
    },
    next: {
      folder: next.folder,
      ...(isNext ? { version: nextVersion } : {}),
      missing: {
        pg_upgrade: missingFor("pg_upgrade", "new", to, has),
        dump: missingFor("dump", "new", to, has, hasClient),
      },
    },
    trusted: isNext && next.strangers.length === 0,
  };
}

/** Root does there what the OS user may not, if pgsite can be root. */
async function closedOf({ closed }: FoundOnHost, server: Server): Promise<Pick<HostUpgradeFacts, "closed">> {
  return closed === undefined || (await canBeRoot(server)) ? {} : { closed: { path: closed, user: server.host.user } };
}

/** What a rollback has left of the very version. */
async function leftOf(host: Host, server: Server): Promise<Pick<HostUpgradeFacts, "left">> {
  const left = versionDirectory(server.dataDirectory, server.version);
  return (await host.stat(left)) === undefined ? {} : { left };
}

function hostFactsOf({ free = 0, reflink, mountPoint }: FoundOnHost, { old, next }: Programs): HostUpgradeFacts {
  return {
    free,
    reflink,
    ...(mountPoint === undefined ? {} : { mountPoint }),
    oldPrograms: old,
    newPrograms: next,
  };
}

/** With pg_upgrade's own word, and the extensions that the new programs have. */
async function checked(
  host: Host,
  facts: UpgradeFacts,
  { args, server, wanted, signal }: Upgraded,
  { old, next, trusted }: Programs,
): Promise<UpgradeFacts> {
  if (!trusted) return facts;
  const { way } = planUpgrade(facts, wanted, new Date());
  const { check, extensions, knowsMarks, collations } = await checkBeforehand(host, {
    server,
    cluster: facts.cluster,
    way,
    oldFolder: old.folder,
    running: true,
    complete: old.missing.pg_upgrade.length + next.missing.pg_upgrade.length === 0,
    ...(facts.cluster.installUser === args.administrator ? { password: args.administratorPassword } : {}),
    signal,
  });
  const cluster = withCollations(facts.cluster, collations);
  const known = { ...facts, cluster, check, ...(knowsMarks === undefined ? {} : { knowsMarks }) };
  // Nobody has said that the new programs lack any.
  if (extensions === undefined) return { ...known, cluster: withExtensions(cluster, (version) => version) };
  return { ...known, cluster: withExtensions(cluster, (_, name) => extensions.get(name)) };
}

/** What the new programs' library has in another version than indexes were made with, though the old one's may be as it was. */
function withCollations(cluster: ClusterFacts, versions: ReadonlyMap<string, string>): ClusterFacts {
  const databases = cluster.databases.map((database) => {
    const stale = (database.icu ?? []).flatMap(({ name, was, locale }) => {
      const is = versions.get(locale);
      return is === undefined || is === was ? [] : [{ name, was, is }];
    });
    const names = new Set(stale.map(({ name }) => name));
    return { ...database, collations: [...stale, ...database.collations.filter(({ name }) => !names.has(name))] };
  });
  return { ...cluster, databases };
}

function withExtensions(
  cluster: ClusterFacts,
  newVersion: (version: string, name: string) => string | undefined,
): ClusterFacts {
  return {
    ...cluster,
    databases: cluster.databases.map((database) => ({
      ...database,
      extensions: database.extensions.map(({ name, version }) => {
        const is = newVersion(version, name);
        return { name, version, ...(is === undefined ? {} : { newVersion: is }) };
      }),
    })),
  };
}

/** Bytes of a server's data, without WAL and logs, as its files have them. */
export async function sizeOfFiles(host: Host, dataDirectory: string, signal: AbortSignal): Promise<number> {
  const script = 'cd "$1" && du -skc -L base global pg_tblspc 2>/dev/null | tail -n 1';
  const { stdout } = await host.run(["sh", "-c", script, "sh", dataDirectory], { timeout: 600_000, signal });
  const kilobytes = Number.parseInt(stdout, 10);
  return Number.isNaN(kilobytes) ? 0 : kilobytes * 1024;
}

/** What the files of a stopped server say. */
async function stoppedCluster(
  host: Host,
  { dataDirectory }: Server,
  control: ControlFacts,
  signal: AbortSignal,
): Promise<ClusterFacts> {
  return {
    ...control,
    installUser: "",
    encoding: "",
    locale: { provider: "libc", collate: "", ctype: "" },
    dataSize: await sizeOfFiles(host, dataDirectory, signal),
    databases: [],
    tablespaces: [],
    settings: {},
    preparedTransactions: 0,
    logicalSlots: [],
  };
}

/** Those that are seeded anew, with the room that they have. Of one that cannot be asked others say so. */
export async function standbysOf(
  args: UpgradeArgs,
  primary: string | undefined,
  lookAt: LookAt,
): Promise<UpgradeFacts["standbys"]> {
  const others = Object.values(args.servers).filter(({ name, lost }) => name !== primary && lost === undefined);
  const found = await Promise.all(
    others.map(async (server) => {
      const unknown = { server: server.name, free: Number.MAX_SAFE_INTEGER };
      try {
        if ((await (await lookAt(server)).version()) === undefined) return [];
        const free = await freeBytes(await hostOf(server.host), server.dataDirectory);
        return [{ ...unknown, ...(free === undefined ? {} : { free }) }];
      } catch {
        return [unknown];
      }
    }),
  );
  return found.flat();
}
