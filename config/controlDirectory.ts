/*
 * Every file and folder that pgsite keeps on a host: what it is, who writes it, and when it goes. The names stand here and
 * nowhere else (test/unit/config/controlDirectory.test.ts; the runbook's scripts, which say them too, are held to them).
 * What is not here: PostgreSQL's own files, services (installed/service/manager.ts), and what a stack file names by its path.
 */
import { temporaryEnding } from "../hosts/temporary.js";
import type { Folders } from "../postgres/files/places.js";

export { temporaryEnding };

/** The folders of a server on its host. */
export interface Directories extends Folders {
  readonly controlDirectory: string;
}

/** Where pgsite keeps what is not PostgreSQL's (0700, of the server's OS user). It goes with data declared disposable, or by hand. */
export function controlDirectoryOf(dataDirectory: string): string {
  return `${dataDirectory}.pgsite`;
}

/** In the control directory. Without a word of when it goes, a name stays as long as the folder. */
export const controlNames = {
  /** The proof that the data are ours: site, server, system identifier. Seed, restore and import write it, last. */
  identity: "identity.json",
  /** By which the server authenticates to any other that it may follow: `NAME-passfile`; restore writes it too. */
  passfile: "passfile",
  /** The server's certificate: `NAME-certificate`. Until 9.1 it lies in the data directory, where the server looks for it. */
  certificate: "server.crt",
  /** Its private key, beside it. */
  key: "server.key",
  /** By which the server verifies whom it follows: `NAME-authorities`. */
  authorities: "authorities.crt",
  /** No start of it was proven yet, so that configuration is installed at once: `NAME-configuration`. It goes with the first proof. */
  unproven: "unproven",
  /** A folder of configuration that waits for the rollout: `NAME-configuration`. The rollout empties it; it goes with that resource. */
  staged: "staged",
  /** What the rollout has installed and not yet brought into force. It goes when it is. */
  pending: "pending.json",
  /** A folder in which a server's program is tried on what it is to start with: rollout, preview. It goes with the try. */
  dryStart: "dry-start",
  /** Which text of ours each hand-written file stands for: import. Once a file is written, its group goes from it. */
  adopted: "adopted.json",
  /** A folder of copies of the hand-written files: import. */
  adoptedFiles: "adopted",
  /** A folder of scripts for the server's operator, and the guard of every start: it goes with its resource. */
  runbook: "runbook",
  /** A folder of the programs that make, restore and try backups: it goes with its resource. */
  backups: "backups",
  /** A folder of the program that watches the server: it goes with its resource. */
  watch: "watch",
  /** A folder of the program that brings history after an upgrade: it goes with its resource. */
  migrate: "migrate",
  /** A folder of an upgrade to another major version: its journal, the new cluster, pg_upgrade's work. `upgrade commit` removes it. */
  upgrade: "upgrade",
  /** What each upgrade said before and did then, once it is committed: `upgrade commit`. `upgrade status` shows it. */
  upgrades: "upgrades.json",
  /** What the host and the place of a single instance are known by: the guard of every start compares them. `NAME-runbook`. */
  instance: "instance",
  /** A folder of what these remember: locks, mail that waits, incidents, the size of the last run. */
  jobs: "jobs",
  /** By which these connect where the OS user is not postgres: `NAME-jobs-passfile`. It goes with its resource. */
  jobsPassfile: "jobs.passfile",
  /** The script by which cron starts the server with its machine, where pgsite is not root: `NAME-service`. */
  service: "service",
  /** What a start says, and the server until it writes a log of its own: every start, the service's and the guard's too. Appended to. */
  startLog: "start.log",
  /** flock(1)'s: whoever acts on the server holds it, and it goes with his process. The file is empty. */
  lock: "lock",
  /** Who holds it, in words for whoever has to wait. It goes when he lets go. */
  lockHolder: "lock.holder",
  /** flock(1)'s: each program that writes into the data directory holds it. The file is empty. */
  copyLock: "copy.lock",
  /** A folder in which initdb makes a new cluster: seed. It goes when the cluster has been moved into the data directory. */
  initdb: "initdb",
  /** A folder with a copied server's tablespaces by OID, if source and copy share a machine: base backup, restore. Used by the server. */
  tablespaces: "tablespaces",
  /** The password of pg_basebackup: base backup. It goes with the program. */
  backupPassfile: "base-backup.passfile",
  /** The password of pg_rewind: rejoin. It goes with the program. */
  rewindPassfile: "rejoin.passfile",
  /** Begins the name of a password file of pg_dump's, or pg_restore's: dump, restore. It goes with the program. */
  clientPassfile: "client.passfile",
  /** How far a move to another host, or path, has come; in both places: move. `move commit` removes it. */
  move: "move.json",
  /** A folder in which initdb shows what the programs of a new host make: move. It goes with the look. */
  moveTrial: "move-trial",
  /** A folder in which a move by dump and restore works: sockets, and the access file of the servers that it starts. It goes with the move. */
  moveWork: "move-work",
  /** What a rejoin has kept already, and how to go on: rejoin. It goes when the server's data are those of a standby. */
  begunRejoin: "rejoin.json",
  /** What became of the server by the runbook's scripts, a line each time (installed/runbook/roles.ts). Appended to. */
  roles: "roles.log",
  /** Where the runbook's rejoin keeps what it is about to rewind. It goes when the data are those of a standby. */
  rewinding: "rewinding",
  /** A folder of WAL, label and control file for an archive that another host keeps: archive create. It goes when that ends. */
  archiveStage: "archive-stage",
  /** The administrator's word that no other server takes writes: the runbook's guard, by hand. It goes with the next start. */
  allowOnce: "start-unasked",
  /** Nothing, ever: the passfile of the runbook's questions that are not to have a password. */
  noPassfile: "none",
} as const;

/** The path of what lies in a server's control directory. */
export function controlPath(
  { controlDirectory }: Pick<Directories, "controlDirectory">,
  what: keyof typeof controlNames,
): string {
  return `${controlDirectory}/${controlNames[what]}`;
}

/** In a data directory that pgsite fills, and by whom and from what: whatever is beside it is ours, and may be done again. Goes last. */
export const incompleteMarker = "pgsite.incomplete";

/** The folder of the data directory into which pg_basebackup copies. It goes when all is moved up. */
export const incomingFolder = "pgsite.incoming";

/** What makes a server a standby, while one that crashed recovers on its own: rejoin. It goes back after that. */
export function asideName(name: string): string {
  return `${name}.pgsite-aside`;
}

/** A trigger file that was there before its standby started: each start moves it there. Left to whoever wrote it. */
export function leftOverName(path: string): string {
  return `${path}.left-over`;
}

/** The ending of what the runbook's scripts write, beside what they put in its place: files, and rejoin's copy of the data. */
export const runbookEnding = ".runbook-new";

/** In a folder of files of ours, such as the runbook's, while several of them are replaced: `installed/folder.ts`. */
export const installNames = {
  /** New files until all of them are whole and on the disk. What is found there later is thrown away. */
  incoming: ".pgsite-incoming",
  /** New files from then on, until each is in its place. Whoever finds them may finish that: the runbook's guard does. */
  installing: ".pgsite-installing",
} as const;

/** The folder that keeps what diverged: rejoin, pgsite's or the runbook's. Left to the administrator. @param time `YYYYMMDDTHHMMSSZ`, or a word for it */
export function keptDirectory(dataDirectory: string, time = "TIME"): string {
  return `${dataDirectory}.diverged-${time}`;
}

/** Whether a folder's name is one that keeps what diverged from a data directory. */
export function isKeptDirectory(name: string, dataDirectoryName: string): boolean {
  const start = keptDirectory(dataDirectoryName, "");
  return name.startsWith(start) && /^\d{8}T\d{6}Z$/.test(name.slice(start.length));
}

/** The folder of a server's data of another major version: upgrade, until it is committed; after a rollback, the newer ones. */
export function versionDirectory(dataDirectory: string, major: string): string {
  return `${dataDirectory}.version-${major}`;
}

/** In the folder of an upgrade. Without a word of when it goes, a name stays until the upgrade is committed, or has failed. */
export const upgradeNames = {
  /** How far it has come, and what it takes to go on or back: `servers/upgrade/journal.ts`. */
  journal: "journal.json",
  /** The cluster of the new version, until it takes its place. */
  new: "new",
  /** Where pg_upgrade, pg_dump and pg_restore run: their words, sockets, the access file of the servers that they use. It goes when they are done. */
  work: "work",
  /** What `pg_upgrade --check` is run against. It goes with the check. */
  check: "check",
  /** The configuration that the new version gets, if that is not among the data, until it takes its place. */
  configuration: "configuration",
  /** That which the old one had, until a rollback. */
  configurationBefore: "configuration.before",
} as const;

/** In the folder of what the host's jobs remember, of the watch. */
export const watchNames = {
  /** What it goes by from run to run: incidents that go on, and since when. */
  state: "watch.state",
  /** Incidents that are over, a line each, the last 200: for whoever asks what happened. */
  over: "watch.over",
} as const;

/** In the folder of the program that brings history after an upgrade: it connects by this where the OS user is not the superuser's namesake. */
export const migrateNames = { passfile: "passfile" } as const;

/** The path of what lies in the folder of an upgrade. */
export function upgradePath(
  { controlDirectory }: Pick<Directories, "controlDirectory">,
  what: keyof typeof upgradeNames,
): string {
  return `${controlDirectory}/${controlNames.upgrade}/${upgradeNames[what]}`;
}

/** The folder that a server's data are left in when they have moved: move. `move commit` removes it. @param time `YYYYMMDDTHHMMSSZ` */
export function movedDirectory(dataDirectory: string, time: string): string {
  return `${dataDirectory}.moved-${time}`;
}

/** The ending of such a folder until it is whole. The next rejoin takes it away. */
export const halfKeptEnding = ".incomplete";

/** When what such a folder keeps was kept, by its name: `2026-11-21T19:30:00Z`. */
export function timeKept(directory: string): string | undefined {
  const [, date, time] = /\.diverged-(\d{8})T(\d{6})Z$/.exec(directory) ?? [];
  if (date === undefined || time === undefined) return undefined;
  return `${date.replace(/(....)(..)(..)/, "$1-$2-$3")}T${time.replace(/(..)(..)(..)/, "$1:$2:$3")}Z`;
}

/** In the folder of a scratch server: whose it is, and whether it still runs. The next drill takes away what a drill has left that was killed. */
export const drillMark = "pgsite.drill";

/** In what keeps what diverged. */
export const keptNames = {
  /** What it is, how to look at it, and which transactions are in it. */
  report: "README.pgsite",
  /** A folder of the tablespaces' files by OID; the links in pg_tblspc lead there. */
  tablespaces: "pgsite.tablespaces",
  /** A folder of the server's configuration, if that is not among the data. */
  configuration: "pgsite.configuration",
} as const;

/** In the folder of an archive, which belongs to whoever asked for it. While it is made, its locks are there too. */
export const archiveNames = {
  /** What it is of, and each part's size and checksum; makes the folder an archive: archive create, last. */
  manifest: "manifest.json",
  /** Says that an archive is being made, or was cut off: archive create. It goes when that ends. */
  unfinished: "pgsite.unfinished",
  /** As `archiveStage`, if the server's own host keeps the archive. */
  stage: "stage",
} as const;

/** Of the web viewers, on their host: `NAME-viewers`. The programs of theirs that say these names too are held to them by a test. */
export const viewersNames = {
  /** In their folder: httpd.conf and conf.d while httpd tries them. It goes with the try. */
  staged: ".pgsite-staged",
  /** In their folder: what httpd read before, while it is told to read anew. It goes when that is done, or is put back. */
  before: ".pgsite-before",
  /** In their folder of logs: sums of the configuration that httpd last read; of a second httpd, with its suffix. */
  inForce: "in-force",
  /** Beside that: whoever moves links, starts or stops holds it. The file is empty. */
  lock: "viewers.lock",
} as const;

/** What stood in the place of a link, and is kept: viewers. Left to the administrator. */
export function replacedName(name: string): string {
  return `${name}.pgsite-replaced`;
}

/** A link for clients that is being moved, beside the one in whose place it comes. */
export function newLinkName(name: string): string {
  return `.${name}.pgsite`;
}
