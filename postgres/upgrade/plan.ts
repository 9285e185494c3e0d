import { atLeast, type Major } from "../versions.js";
import type { UpgradeFacts, UpgradePlan, UpgradeRefusal, UpgradeWishes, Way } from "./model.js";
import { settingChanges } from "./settings.js";
import { stops } from "./unsupported.js";
import { downtimeOf, isKnownAt, keepsRollback, oldestFor, programsOf, spaceFor, spaceForStandby } from "./ways.js";
import { isWithin, nextOpening } from "./window.js";

/** What an upgrade is to come to, and what stands in its way that no host tells. */
export interface Wanted {
  readonly to: Major;
  readonly wishes: UpgradeWishes;
  /** What the stack says for the new version, in its names. @default nothing */
  readonly declared?: Readonly<Record<string, string>>;
  /** How the server stands on its host. @default "plain" */
  readonly layout?: string;
  /** The version that an earlier upgrade came from, which nobody has committed yet. */
  readonly uncommitted?: Major;
  /** Whether tables that an earlier upgrade deferred are not all there. */
  readonly migrating?: boolean;
  /** Of a stack that mirrors: whom it follows, and the version of that. */
  readonly upstream?: { readonly name: string; readonly version?: Major };
}

/** Layouts whose data directory has the version in its path, or whose distribution has a tool of its own for it. */
const refusedLayouts = new Set(["debian", "pgdg"]);

/** What is to be done for a server's data to come to another major version. Pure. */
export function planUpgrade(facts: UpgradeFacts, wanted: Wanted, now: Date): UpgradePlan {
  const { server, cluster, host } = facts;
  const { to, wishes } = wanted;
  const { way, because } = wayOf(facts, wanted);
  const needed = spaceFor(way, cluster.dataSize, cluster.walSegmentSize);
  const plan: Omit<UpgradePlan, "refusals"> = {
    server,
    from: cluster.version,
    to,
    way,
    because,
    keepsRollback: keepsRollback(way),
    space: { needed, free: host.free },
    downtime: downtimeOf(way, facts, wishes.jobs),
    settings: settingChanges(cluster.version, to, cluster.settings, wanted.declared),
    extensions: cluster.databases.flatMap(({ name: database, extensions }) =>
      extensions.map(({ name, version: from, newVersion }) => ({
        database,
        name,
        from,
        ...(newVersion === undefined ? {} : { to: newVersion }),
      })),
    ),
    statistics: statisticsAfter(way, facts, to),
    // A dump's indexes are all made by the new server.
    collations: cluster.databases.flatMap(({ name: database, collations }) =>
      way === "dump" ? [] : collations.map((collation) => ({ database, ...collation })),
    ),
    check: facts.check,
    standbys: facts.standbys.map(({ server: name }) => name),
    after: wishes.after,
    deferred: wishes.defer,
    slotsLost: way !== "dump" && atLeast(cluster.version, "17") ? [] : cluster.logicalSlots,
    backup: facts.backups,
  };
  return { ...plan, refusals: refusalsOf(facts, wanted, plan, now) };
}

/** What becomes of the servers of a stack that mirrors: nothing of theirs is brought along. */
export function planMirrors(
  {
    from,
    to,
    standbys,
    size,
  }: {
    readonly from: Major;
    readonly to: Major;
    /** All of its servers, with the room that each has. */
    readonly standbys: UpgradeFacts["standbys"];
    /** Bytes of the data of one. */
    readonly size: number;
  },
  upstream: { readonly name: string; readonly version?: Major },
): UpgradePlan {
  const [first] = standbys;
  const needed = spaceForStandby(size, 0);
  const way = "copy";
  const isBack = atLeast(from, to);
  const refusals: readonly UpgradeRefusal[] = isBack
    ? [{ code: "downgrade", from, to }]
    : [
        ...(upstream.version === to
          ? []
          : [
              {
                code: "upstream first" as const,
                upstream: upstream.name,
                ...(upstream.version === undefined ? {} : { version: upstream.version }),
              },
            ]),
        ...standbys.flatMap(({ server, free }) =>
          free < needed ? [{ code: "space" as const, server, needed, free, way } as const] : [],
        ),
      ];
  return {
    server: first?.server ?? "",
    from,
    to,
    way,
    because: "mirrors",
    keepsRollback: true,
    space: { needed, free: Math.min(...standbys.map(({ free }) => free)) },
    downtime: 0,
    settings: [],
    extensions: [],
    statistics: "kept",
    collations: [],
    check: { code: "not run", why: "way" },
    standbys: standbys.map(({ server }) => server),
    after: [],
    deferred: {},
    slotsLost: [],
    backup: "none",
    refusals,
  };
}

function wayOf({ cluster, host }: UpgradeFacts, { to, wishes }: Wanted): Pick<UpgradePlan, "way" | "because"> {
  if (wishes.method !== "auto") return { way: wishes.method, because: "asked" };
  if (hasDeferred(wishes)) return { way: "dump", because: "deferred" };
  if (!atLeast(cluster.version, oldestFor(to))) return { way: "dump", because: "too old for pg_upgrade" };
  const lacks = [host.oldPrograms, host.newPrograms].some(({ missing }) => missing.pg_upgrade.length > 0);
  const canDump = [host.oldPrograms, host.newPrograms].every(({ missing }) => missing.dump.length === 0);
  // Where neither can be gone, what pg_upgrade lacks is what is said.
  if (lacks && canDump) return { way: "dump", because: "no pg_upgrade" };
  return host.reflink && isKnownAt("clone", to)
    ? { way: "clone", because: "can clone" }
    : { way: "copy", because: "cannot clone" };
}

const hasDeferred = ({ defer }: UpgradeWishes) => Object.values(defer).some((patterns) => patterns.length > 0);

/** 18's pg_upgrade brings statistics along, except those of CREATE STATISTICS. */
function statisticsAfter(way: Way, { cluster }: UpgradeFacts, to: Major): UpgradePlan["statistics"] {
  if (way === "dump" || !atLeast(to, "18")) return "made again";
  // Where nobody has counted them, there may be some.
  return cluster.databases.every(({ extendedStatistics }) => extendedStatistics === 0) ? "kept" : "kept but extended";
}

function refusalsOf(
  facts: UpgradeFacts,
  wanted: Wanted,
  plan: Omit<UpgradePlan, "refusals">,
  now: Date,
): readonly UpgradeRefusal[] {
  const { from, to, way } = plan;
  // Of a way back nothing more is of interest.
  if (!atLeast(to, from) || to === from) return [{ code: "downgrade", from, to }];
  const stopped: readonly UpgradeRefusal[] =
    facts.stopped === true ? [{ code: "stopped", programs: facts.host.oldPrograms.folder }] : [];
  const standby: readonly UpgradeRefusal[] = facts.inRecovery === true ? [{ code: "not primary" }] : [];
  return [
    ...inTheWay(wanted),
    ...stopped,
    ...standby,
    ...wayRefused(facts, wanted, plan),
    ...spaceRefused(facts, plan),
    ...contentRefused(facts, way),
    ...windowRefused(wanted, now),
  ];
}

/** What an earlier upgrade left, and where the server stands. */
function inTheWay({ upstream, uncommitted, migrating, layout, to }: Wanted): readonly UpgradeRefusal[] {
  const isBehind = upstream !== undefined && upstream.version !== to;
  return [
    ...(isBehind
      ? [
          {
            code: "upstream first" as const,
            upstream: upstream.name,
            ...(upstream.version === undefined ? {} : { version: upstream.version }),
          },
        ]
      : []),
    ...(uncommitted === undefined ? [] : [{ code: "uncommitted" as const, from: uncommitted }]),
    ...(migrating === true ? [{ code: "migration unfinished" as const }] : []),
    ...(layout !== undefined && refusedLayouts.has(layout) ? [{ code: "layout" as const, layout }] : []),
  ];
}

function wayRefused(
  { cluster, host }: UpgradeFacts,
  { to, wishes }: Wanted,
  { way, from }: Omit<UpgradePlan, "refusals">,
): readonly UpgradeRefusal[] {
  const oldest = oldestFor(to);
  const lacking = [host.oldPrograms, host.newPrograms].flatMap(({ folder, missing }) => {
    const programs = missing[programsOf(way)];
    return programs.length === 0 ? [] : [{ code: "programs missing" as const, way, folder, programs }];
  });
  return [
    ...(atLeast(from, oldest) ? [] : [{ code: "too old" as const, from, oldest }]),
    ...(keepsRollback(way) || wishes.acceptNoRollback ? [] : [{ code: "no rollback not accepted" as const, way }]),
    ...(way === "clone" && !(host.reflink && isKnownAt("clone", to)) ? [{ code: "cannot clone" as const }] : []),
    ...(way !== "dump" && hasDeferred(wishes) ? [{ code: "defer takes dump" as const, method: way }] : []),
    ...(host.closed === undefined ? [] : [{ code: "folder closed" as const, ...host.closed }]),
    ...(host.left === undefined ? [] : [{ code: "rolled back before" as const, path: host.left, version: to }]),
    ...(host.mountPoint === undefined ? [] : [{ code: "mount point" as const, path: host.mountPoint }]),
    ...lacking,
    ...(cluster.preparedTransactions > 0
      ? [{ code: "prepared transactions" as const, count: cluster.preparedTransactions }]
      : []),
  ];
}

function spaceRefused(
  { server, cluster, standbys }: UpgradeFacts,
  { space, way }: Omit<UpgradePlan, "refusals">,
): readonly UpgradeRefusal[] {
  const needed = spaceForStandby(cluster.dataSize, cluster.walSegmentSize);
  return [
    ...(space.free < space.needed ? [{ code: "space" as const, server, ...space, way }] : []),
    ...standbys.flatMap(({ server: standby, free }) =>
      free < needed ? [{ code: "space" as const, server: standby, needed, free, way }] : [],
    ),
  ];
}

/** What is in the databases. */
function contentRefused({ cluster, host, check, knowsMarks }: UpgradeFacts, way: Way): readonly UpgradeRefusal[] {
  const knowsExtensions = host.newPrograms.version !== undefined;
  const content = cluster.databases.flatMap(({ name: database, unsupported, extensions }): UpgradeRefusal[] => [
    ...Object.entries(unsupported).flatMap(([name, objects]): UpgradeRefusal[] => {
      const kind = name as keyof typeof unsupported;
      return objects.length > 0 && stops(kind, way) ? [{ code: "unsupported", kind, database, objects }] : [];
    }),
    ...extensions
      .filter(({ newVersion }) => knowsExtensions && newVersion === undefined)
      .map(({ name }): UpgradeRefusal => ({ code: "extension missing", database, extension: name })),
  ]);
  // Its own words say the same as ours, where ours say something.
  const said: readonly UpgradeRefusal[] =
    check.code === "refused" && way !== "dump" ? [{ code: "check", said: check.said }] : [];
  const { version } = host.newPrograms;
  const marked = cluster.databases.flatMap(({ name, marksColumns }) => (marksColumns === true ? [name] : []));
  // Neither way brings them, and pg_upgrade --check does not see it.
  const older: readonly UpgradeRefusal[] =
    knowsMarks === false && marked.length > 0
      ? [{ code: "programs older", databases: marked, ...(version === undefined ? {} : { version }) }]
      : [];
  return [...older, ...content, ...said];
}

function windowRefused({ wishes: { window } }: Wanted, now: Date): readonly UpgradeRefusal[] {
  if (window === undefined || isWithin(window, now)) return [];
  return [{ code: "outside window", window, next: nextOpening(window, now) ?? "" }];
}
