/**
 * What the watch of a server can find wrong: one row a condition. The script's `conditions`, the sentences of its mails, the
 * alert rules, the panel of open conditions and the table in docs/watch.md are all made from these rows.
 */

/** What a run looks at, each on its own: if one of them cannot be looked at, the others are, and it is said. */
export type Section =
  | "server"
  | "replication"
  | "stream"
  | "slots"
  | "sessions"
  | "age"
  | "archiver"
  | "disks"
  | HostSection;
type HostSection = "backups" | "certificate" | "log" | "peers" | "blind";

/** Fact by fact, see docs/design/watch.md. */
export interface Test {
  readonly fact: string;
  readonly holds: "from" | "to";
  /** The name under which a stack file gives another one. @default it is no threshold: the fact is 0 or 1 */
  readonly key?: string;
  readonly threshold: number;
  readonly unit: Unit;
}

export type Unit = "yes" | "bytes" | "seconds" | "hours" | "days" | "percent" | "count";

export interface Condition {
  readonly name: string;
  /** `note`: nothing is wrong with the server, but the watch does not see all of it. No reminder comes. */
  readonly severity: "critical" | "warning" | "note";
  /** Where one of these was not looked at, what was known of it before stays. */
  readonly sections: readonly Section[];
  /** In how many runs one after the other it must hold before it counts. */
  readonly runs: number;
  /** All must hold. What a mail says is the value of the first. */
  readonly tests: readonly [Test, ...Test[]];
  /** It does not begin while one of these holds for the same object: it would be its consequence. */
  readonly unless?: readonly string[];
  /** What its object is; left out: the server as a whole. */
  readonly object?: string;
}

const GiB = 1024 ** 3;
const [hour, day] = [3600, 86_400];

const yes = (fact: string): Test => ({ fact, holds: "from", threshold: 1, unit: "yes" });
const no = (fact: string): Test => ({ fact, holds: "to", threshold: 0, unit: "yes" });
const from = (fact: string, key: string, threshold: number, unit: Unit): Test => {
  return { fact, holds: "from", key, threshold, unit };
};
const to = (fact: string, key: string, threshold: number, unit: Unit): Test => {
  return { fact, holds: "to", key, threshold, unit };
};

export const conditions: readonly Condition[] = [
  { name: "silent", severity: "critical", sections: ["server"], runs: 1, tests: [no("answers")] },
  { name: "role", severity: "critical", sections: ["server"], runs: 1, tests: [yes("role.wrong")] },
  {
    name: "notReceiving",
    severity: "critical",
    sections: ["stream"],
    runs: 2,
    tests: [no("receives")],
    unless: ["peerHost", "peerSilent", "peerBusy"],
    object: "upstream",
  },
  {
    name: "standbyAbsent",
    severity: "critical",
    sections: ["replication"],
    runs: 2,
    tests: [no("standby.streams")],
    unless: ["peerHost", "peerSilent"],
    object: "standby",
  },
  {
    name: "lag",
    severity: "warning",
    sections: ["replication", "stream"],
    runs: 2,
    // An idle primary makes no lag of seconds, and a busy one none of bytes alone: both, and only while replay stands still.
    tests: [from("behind", "lagBytes", GiB, "bytes"), from("still", "lagSeconds", 600, "seconds")],
    unless: ["replayPaused"],
    object: "standby",
  },
  {
    name: "lagFar",
    severity: "warning",
    sections: ["replication", "stream"],
    runs: 3,
    tests: [from("behind", "lagFarBytes", 10 * GiB, "bytes")],
    object: "standby",
  },
  {
    name: "replayPaused",
    severity: "warning",
    sections: ["stream"],
    runs: 2,
    tests: [yes("paused")],
    object: "standby",
  },
  {
    name: "slotInactive",
    severity: "warning",
    sections: ["slots"],
    runs: 2,
    tests: [no("slot.active")],
    object: "slot",
  },
  {
    name: "slotWal",
    severity: "critical",
    sections: ["slots"],
    runs: 1,
    tests: [from("slot.kept", "slotBytes", 10 * GiB, "bytes")],
    object: "slot",
  },
  { name: "slotLost", severity: "critical", sections: ["slots"], runs: 1, tests: [yes("slot.lost")], object: "slot" },
  {
    name: "disk",
    severity: "critical",
    sections: ["disks"],
    runs: 1,
    // A tenth of a large disk is much: it must also be little in bytes.
    tests: [to("disk.percent", "diskPercent", 10, "percent"), to("disk.free", "diskBytes", 50 * GiB, "bytes")],
    object: "mount",
  },
  {
    name: "diskEnds",
    severity: "warning",
    sections: ["disks"],
    runs: 3,
    tests: [to("disk.hours", "diskHours", 24, "hours")],
    unless: ["disk"],
    object: "mount",
  },
  {
    // What grows by the stack file's own figure, and would be seen by the one above a day before the end.
    name: "diskGrowth",
    severity: "warning",
    sections: ["disks"],
    runs: 3,
    tests: [to("disk.days", "diskDays", 60, "days")],
    unless: ["disk", "diskEnds"],
    object: "mount",
  },
  {
    name: "connections",
    severity: "warning",
    sections: ["sessions"],
    runs: 1,
    tests: [from("connections.percent", "connectionsPercent", 90, "percent")],
  },
  {
    name: "oldTransaction",
    severity: "warning",
    sections: ["sessions"],
    runs: 1,
    tests: [from("transaction.seconds", "transactionSeconds", 6 * hour, "seconds")],
  },
  {
    name: "oldPrepared",
    severity: "warning",
    sections: ["sessions"],
    runs: 1,
    tests: [from("prepared.seconds", "preparedSeconds", hour, "seconds")],
  },
  {
    name: "wraparound",
    severity: "critical",
    sections: ["age"],
    runs: 1,
    tests: [from("age.transactions", "wraparoundAge", 1_000_000_000, "count")],
    object: "database",
  },
  {
    name: "wraparoundMulti",
    severity: "critical",
    sections: ["age"],
    runs: 1,
    tests: [from("age.multixacts", "wraparoundAge", 1_000_000_000, "count")],
    object: "database",
  },
  { name: "archiverFails", severity: "critical", sections: ["archiver"], runs: 2, tests: [yes("archiver.failing")] },
  {
    name: "archiveWaits",
    severity: "warning",
    sections: ["archiver"],
    runs: 2,
    tests: [from("archiver.waiting", "archiveFiles", 64, "count")],
  },
  {
    name: "backupOld",
    severity: "critical",
    sections: ["backups"],
    runs: 1,
    tests: [from("backup.seconds", "backupSeconds", 8 * day, "seconds")],
    object: "place",
  },
  {
    name: "backupUnverified",
    severity: "warning",
    sections: ["backups"],
    runs: 1,
    tests: [from("verified.seconds", "verifiedSeconds", 16 * day, "seconds")],
    unless: ["backupOld"],
    object: "place",
  },
  {
    name: "drillOld",
    severity: "warning",
    sections: ["backups"],
    runs: 1,
    tests: [from("drill.seconds", "drillSeconds", 16 * day, "seconds")],
    unless: ["backupOld", "backupUnverified"],
    object: "place",
  },
  {
    name: "certificate",
    severity: "warning",
    sections: ["certificate"],
    runs: 1,
    tests: [to("certificate.days", "certificateDays", 30, "days")],
  },
  {
    name: "logPanic",
    severity: "critical",
    sections: ["log"],
    runs: 1,
    tests: [from("log.PANIC", "logPanic", 1, "count")],
  },
  {
    name: "logFatal",
    severity: "warning",
    sections: ["log"],
    runs: 1,
    tests: [from("log.FATAL", "logFatal", 100, "count")],
  },
  {
    name: "logError",
    severity: "warning",
    sections: ["log"],
    runs: 1,
    tests: [from("log.ERROR", "logError", 1000, "count")],
  },
  {
    name: "peerHost",
    severity: "critical",
    sections: ["peers"],
    runs: 1,
    tests: [yes("peer.host")],
    object: "peer",
  },
  {
    name: "peerSilent",
    severity: "critical",
    sections: ["peers"],
    runs: 1,
    tests: [yes("peer.silent")],
    object: "peer",
  },
  { name: "peerBusy", severity: "warning", sections: ["peers"], runs: 2, tests: [yes("peer.busy")], object: "peer" },
  { name: "unseen", severity: "note", sections: ["blind"], runs: 2, tests: [yes("unseen")], object: "part" },
];

export type Thresholds = Readonly<Record<string, number | null>>;

/** The names under which a stack file gives thresholds, with what they are without it. */
export const thresholds: ReadonlyMap<string, { readonly unit: Unit; readonly default: number }> = new Map(
  conditions.flatMap(({ tests }) =>
    tests.flatMap(({ key, unit, threshold }) =>
      key === undefined ? [] : [[key, { unit, default: threshold }] as const],
    ),
  ),
);

/**
 * As judge.awk reads them, a tab between fields: NAME SEVERITY SECTIONS RUNS UNLESS, and for each test FACT, `from` or `to`, and
 * the threshold. @param given by `thresholds`' names; null: that condition is not wanted
 */
export function renderConditions(given: Thresholds = {}): string {
  return conditions
    .flatMap(({ name, severity, sections, runs, tests, unless = [] }) => {
      const limits = tests.map(({ key, threshold }) =>
        key === undefined ? threshold : limitOf(given, key, threshold),
      );
      if (limits.includes(null)) return [];
      const words = tests.flatMap(({ fact, holds }, index) => [fact, holds, `${limits[index]}`]);
      return `${[name, severity, sections.join(","), `${runs}`, unless.join(","), ...words].join("\t")}\n`;
    })
    .join("");
}

function limitOf(given: Thresholds, key: string, threshold: number): number | null {
  const limit = given[key];
  return limit === undefined ? threshold : limit;
}
