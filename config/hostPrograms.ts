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
    | "client";
  /**
   * `always`: pgsite and what it installs cannot do without. `hosts`: where data go from host to host. `peers`: where a server has
   * others. `way`: where nothing else leads SQL to a server (`preflight/checks/sessions.ts`).
   */
  readonly when: "always" | "hosts" | "peers" | "way";
  /** What it is for, or what becomes of a host that does not have it. */
  readonly lack?: string;
}

const always = (from: HostProgram["from"], ...names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, { from, when: "always" } as const]));

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
  rsync: { from: "rsync", when: "hosts", lack: "a base backup that is cut off begins anew" },
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
