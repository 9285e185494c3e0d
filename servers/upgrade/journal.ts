import { dirname } from "node:path";
import * as z from "zod";
import { type Directories, upgradePath } from "../../config/controlDirectory.js";
import type { Host } from "../../hosts/host.js";
import { defined } from "../../postgres/defined.js";
import type { ClusterFacts, Phase, UpgradeOutcome, UpgradePlan, Way } from "../../postgres/upgrade/model.js";
import { type Major, majors } from "../../postgres/versions.js";
import type { Counters } from "../sql/counters.js";

/** What was true when clients had the new version before them: a rollback says what came since. */
export interface Since {
  /** ISO, of the machine that ran the upgrade. */
  readonly time: string;
  /** A position in the WAL. */
  readonly wal: string;
  readonly counters: Counters;
}

/** What is remembered on a host of an upgrade until it is committed or taken back. */
export interface Journal {
  readonly site: string;
  readonly server: string;
  /** `primary` has been upgraded; a `standby` was set aside, and is seeded anew. */
  readonly role: "primary" | "standby";
  readonly phase: Phase;
  readonly from: Major;
  readonly to: Major;
  readonly way: Way;
  /** False from where the old data cannot be started any more. */
  readonly keepsRollback: boolean;
  readonly systemIdentifiers: { readonly old: string; readonly new?: string | undefined };
  readonly programs: { readonly old: string; readonly new: string };
  /** The role with OID 10. */
  readonly installUser: string;
  /** When each phase was reached. */
  readonly times: Readonly<Partial<Record<Phase | "begun", string>>>;
  /** How many logical slots the old server had: they follow from 17 on. */
  readonly slots: number;
  /** Absolute folders of tablespaces, in which each version has one of its own. */
  readonly tablespaces: readonly string[];
  /** Of a standby: where what lay in a tablespace was put, by the tablespace's folder. */
  readonly tablespacesAside?: Readonly<Record<string, string>> | undefined;
  /** A folder of sockets outside of the folder of the upgrade, where the path in it would be too long for one. */
  readonly sockets?: string | undefined;
  /** Settings that the old server ran with and that differ from its defaults. */
  readonly settings: Readonly<Record<string, string>>;
  readonly plan?: UpgradePlan | undefined;
  /** By which indexes are made again, as both servers said; the plan's are those that the old one knew. */
  readonly collations?: UpgradePlan["collations"] | undefined;
  /** How the data came, and the bytes that this took beside the old ones, as far as the new cluster is whole. */
  readonly taken?: { readonly way: Way; readonly space: number } | undefined;
  /** When the new server was seen to let clients in first; absent where nobody of ours was there. */
  readonly served?: string | undefined;
  /** All of it: what was, beside what the plan said. */
  readonly outcome?: UpgradeOutcome | undefined;
  readonly since?: Since | undefined;
  /** Names of the steps after the database that the administrator has confirmed. */
  readonly after: readonly string[];
  /** Names of the standbys that were set aside. */
  readonly standbys: readonly string[];
  /** All that was deferred is there, and what brought it is being taken away: a commit that was cut off asks for it no more. */
  readonly historyEnded?: true | undefined;
  /** Somebody goes back: what is begun is finished by whoever comes next. */
  readonly rollingBack?: true | undefined;
}

const phases = [
  "prepared",
  "stopped",
  "transferred",
  "switching",
  "started",
  "done",
] as const satisfies readonly Phase[];
const major = z.enum(majors);
const ways = z.enum(["clone", "copy", "link", "dump"]);
const identifier = z.string().regex(/^\d+$/);

const schema = z.object({
  site: z.string(),
  server: z.string(),
  role: z.enum(["primary", "standby"]),
  phase: z.enum(phases),
  from: major,
  to: major,
  way: ways,
  keepsRollback: z.boolean(),
  systemIdentifiers: z.object({ old: identifier, new: identifier.optional() }),
  programs: z.object({ old: z.string(), new: z.string() }),
  installUser: z.string(),
  times: z.partialRecord(z.enum([...phases, "begun"]), z.string()),
  slots: z.number(),
  tablespaces: z.array(z.string()),
  tablespacesAside: z.record(z.string(), z.string()).optional(),
  sockets: z.string().optional(),
  settings: z.record(z.string(), z.string()),
  // As this very version of pgsite made it, or an older one: whoever reads of it what is not there goes without.
  plan: z.custom<UpgradePlan>((value) => typeof value === "object" && value !== null).optional(),
  collations: z.array(z.object({ database: z.string(), name: z.string(), was: z.string(), is: z.string() })).optional(),
  taken: z.object({ way: ways, space: z.number() }).optional(),
  served: z.string().optional(),
  outcome: z
    .object({
      ...{ way: ways, space: z.number(), downtime: z.number() },
      settings: z.object({
        ...{ kept: z.array(z.string()), changed: z.array(z.string()), gone: z.array(z.string()) },
        otherwise: z.array(
          z
            .object({ name: z.string(), said: z.string().optional(), was: z.string().optional() })
            .transform((one) => defined(one)),
        ),
      }),
    })
    .optional(),
  since: z
    .object({ time: z.string(), wal: z.string(), counters: z.record(z.string(), z.record(z.string(), z.number())) })
    .optional(),
  after: z.array(z.string()),
  standbys: z.array(z.string()),
  historyEnded: z.literal(true).optional(),
  rollingBack: z.literal(true).optional(),
});

export function isBefore(phase: Phase, other: Phase): boolean {
  return phases.indexOf(phase) < phases.indexOf(other);
}

/** Undefined where no upgrade is under way or waits for its commit. @throws where it cannot be understood, naming the file */
export async function readJournal(
  host: Host,
  directories: Pick<Directories, "controlDirectory">,
): Promise<Journal | undefined> {
  const path = upgradePath(directories, "journal");
  const content = await host.readFile(path);
  if (content === undefined) return undefined;
  const journal = journalIn(content.toString("utf8"));
  if (journal !== undefined) return journal;
  throw new Error(
    `${path} on ${host.name} is not the journal of an upgrade that this pgsite understands: finish it with the pgsite that began it`,
  );
}

/** Undefined where it is none that this pgsite understands. */
export function journalIn(text: string): Journal | undefined {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

export async function writeJournal(
  host: Host,
  directories: Pick<Directories, "controlDirectory">,
  journal: Journal,
): Promise<Journal> {
  const path = upgradePath(directories, "journal");
  await host.makeDirectory(directories.controlDirectory);
  await host.makeDirectory(dirname(path));
  await host.writeFile(path, `${JSON.stringify(journal, undefined, 2)}\n`, { mode: 0o600 });
  return journal;
}

/** The journal at its next phase, which is written before anything of it is done. */
export function reach(
  host: Host,
  directories: Pick<Directories, "controlDirectory">,
  journal: Journal,
  phase: Phase,
  more: Partial<Journal> = {},
): Promise<Journal> {
  const times = { ...journal.times, [phase]: new Date().toISOString() };
  return writeJournal(host, directories, { ...journal, ...more, phase, times });
}

export function newJournal(
  names: { readonly site: string; readonly server: string },
  cluster: ClusterFacts,
  plan: UpgradePlan,
  programs: Journal["programs"],
): Journal {
  const { from, to, way, keepsRollback } = plan;
  const now = new Date().toISOString();
  return {
    ...names,
    role: "primary",
    phase: "prepared",
    ...{ from, to, way, keepsRollback, programs, plan },
    systemIdentifiers: { old: cluster.systemIdentifier },
    installUser: cluster.installUser,
    times: { begun: now },
    slots: cluster.logicalSlots.length,
    tablespaces: cluster.tablespaces.map(({ location }) => location),
    settings: cluster.settings,
    after: [],
    standbys: [],
  };
}
