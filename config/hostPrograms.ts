/** A program that pgsite runs on hosts. The server's own (`binaries`) and what starts services are not among them. */
export interface HostProgram {
  /** Which package has it, by the name that most distributions give it; `client`: PostgreSQL's own of the declared version. */
  readonly from:
    | "coreutils"
    | "util-linux"
    | "findutils"
    | "grep"
    | "sed"
    | "gawk"
    | "rsync"
    | "tar"
    | "bash"
    | "perl"
    | "diffutils"
    | "bsdutils"
    | "openssh-client"
    | "pv"
    | "client";
  /**
   * `always`: pgsite and what it installs cannot do without. `hosts`: where data go from host to host. `peers`: where a server has
   * others. `way`: where nothing else leads SQL to a server (`preflight/checks/sessions.ts`). `jobs`: only where `jobs` says so.
   */
  readonly when: "always" | "hosts" | "peers" | "way" | "jobs";
  /** What of a host's backups and watch cannot do without it. @default none */
  readonly jobs?: JobNeed;
  /** What it is for, or what becomes of a host that does not have it. */
  readonly lack?: string;
}

/**
 * What a host's backups and watch ask of it. `jobs`: any of them does. `backups`: it makes them, or restores them for a drill.
 * `copies`: runs are copied from it or to it. `ssh`: from it; their program refuses without. `ionice`, `rateLimit`: the stack says so.
 * `cron`: a cron runs one of its programs, whose output is for syslog.
 */
export const jobNeeds = ["jobs", "backups", "copies", "ssh", "ionice", "rateLimit", "cron"] as const;
export type JobNeed = (typeof jobNeeds)[number];

const always = (from: HostProgram["from"], ...names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, { from, when: "always" } as const]));
const forJobs = (jobs: JobNeed, from: HostProgram["from"], ...names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, { from, when: "jobs", jobs } as const]));

/**
 * All that a host must have, or had better have. What pgsite does not find there it must not take for "not so": so the preflight
 * asks for each of them, and the runbook's scripts refuse without those that they run. Processes are read in /proc, by no program.
 */
export const hostPrograms: Readonly<Record<string, HostProgram>> = {
  ...always("coreutils", "cat", "chmod", "cp", "cut", "date", "df", "dirname", "du", "env", "head", "id", "ln", "ls"),
  ...always(
    "coreutils",
    "mkdir",
    "mv",
    "od",
    "readlink",
    "rm",
    "sleep",
    "sort",
    "stat",
    "sync",
    "tail",
    "timeout",
    "tr",
  ),
  ...always("gawk", "awk"),
  ...always("sed", "sed"),
  ...always("grep", "grep"),
  ...always("findutils", "find"),
  ...always("util-linux", "flock", "setsid"),
  ...forJobs("jobs", "coreutils", "base64", "mktemp", "sha256sum"),
  ...forJobs("backups", "coreutils", "comm", "dd", "mkfifo", "nice", "rmdir", "tee", "wc"),
  ...forJobs("backups", "diffutils", "cmp"),
  ...forJobs("cron", "bsdutils", "logger"),
  ...forJobs("ionice", "util-linux", "ionice"),
  ...forJobs("rateLimit", "pv", "pv"),
  ...forJobs("ssh", "openssh-client", "ssh"),
  rsync: { from: "rsync", when: "hosts", jobs: "copies", lack: "a base backup that is cut off begins anew" },
  tar: { from: "tar", when: "hosts", lack: "neither an archive nor a base backup by tar can be made or read" },
  psql: {
    from: "client",
    when: "peers",
    lack: "a primary cannot ask the others whether it was superseded, so its guard does not let it start by itself while one of them lives",
  },
  bash: {
    from: "bash",
    when: "peers",
    lack: "a guard cannot tell a server that is frozen from a host that is down, nor ask anything where there is no psql",
  },
  perl: { from: "perl", when: "way" },
};

/** PostgreSQL's own programs by which backups are made and brought back; a watch takes psql alone. */
export const clientPrograms = ["psql", "pg_dump", "pg_dumpall", "pg_restore"] as const;
export type ClientProgram = (typeof clientPrograms)[number];
