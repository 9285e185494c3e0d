import { atLeast, type Major, majorOfNumber } from "../../postgres/versions.js";

/** What the versions call the functions, columns and folders that pgsite uses; null where a version has no such thing. */
export interface VersionNames {
  /** The folder of the WAL in the data directory. */
  readonly walDirectory: "pg_wal" | "pg_xlog";
  /** Functions of the writable server. */
  readonly currentLsn: string;
  readonly walFileName: string;
  readonly switchWal: string;
  readonly createRestorePoint: string | null;
  /** Functions of a server in recovery. */
  readonly receiveLsn: string;
  readonly replayLsn: string;
  readonly replayTimestamp: string | null;
  /** Whether somebody paused replay, and what lets it go on; asked of a server in recovery. */
  readonly replayPaused: string | null;
  readonly resumeReplay: string | null;
  /** Columns of pg_stat_replication, a view from 9.1 on. */
  readonly replication: ReplicationColumns | null;
  /** Whether pg_stat_replication has replay_lag. */
  readonly replayLag: boolean;
  /** pg_stat_wal_receiver, pg_control_system() and pg_control_checkpoint() exist. */
  readonly controlFunctions: boolean;
  readonly walReceiverView: boolean;
  readonly backup: BackupNames;
}

interface ReplicationColumns {
  readonly pid: string;
  readonly sent: string;
  readonly write: string;
  readonly flush: string;
  readonly replay: string;
}

/** How a base backup is begun and ended ("Making a Base Backup Using the Low Level API"). */
export interface BackupNames {
  readonly mode: "exclusive" | "nonExclusive";
  /** SQL with the label as $1; the checkpoint is a fast one. */
  readonly start: string;
  /** SQL that returns lsn, and where the mode is not exclusive labelfile and spcmapfile. */
  readonly stop: string;
  /** A temporary physical slot that reserves WAL at once, name as $1; null where the version has none. */
  readonly temporarySlot: string | null;
}

interface Row extends VersionNames {
  readonly from: Major;
}

const exclusive: BackupNames = {
  mode: "exclusive",
  start: "select pg_start_backup($1, true)::text as lsn",
  stop: "select pg_stop_backup()::text as lsn",
  temporarySlot: null,
};

const locations = {
  sent: "sent_location",
  write: "write_location",
  flush: "flush_location",
  replay: "replay_location",
} as const;

const xlogPause = { replayPaused: "pg_is_xlog_replay_paused()", resumeReplay: "pg_xlog_replay_resume()" } as const;

const xlog = {
  walDirectory: "pg_xlog",
  currentLsn: "pg_current_xlog_location()",
  walFileName: "pg_xlogfile_name",
  switchWal: "pg_switch_xlog()",
  receiveLsn: "pg_last_xlog_receive_location()",
  replayLsn: "pg_last_xlog_replay_location()",
  replayLag: false,
} as const;

const wal = {
  walDirectory: "pg_wal",
  currentLsn: "pg_current_wal_lsn()",
  walFileName: "pg_walfile_name",
  switchWal: "pg_switch_wal()",
  receiveLsn: "pg_last_wal_receive_lsn()",
  replayLsn: "pg_last_wal_replay_lsn()",
  createRestorePoint: "pg_create_restore_point",
  replayTimestamp: "pg_last_xact_replay_timestamp()",
  replayPaused: "pg_is_wal_replay_paused()",
  resumeReplay: "pg_wal_replay_resume()",
  replication: { pid: "pid", sent: "sent_lsn", write: "write_lsn", flush: "flush_lsn", replay: "replay_lsn" },
  replayLag: true,
  controlFunctions: true,
  walReceiverView: true,
} as const;

const temporarySlot = "select pg_create_physical_replication_slot($1, true, true)";

/** Oldest first; a version is described by the last row that is not newer than it. */
const rows: readonly Row[] = [
  {
    from: "9.0",
    ...xlog,
    createRestorePoint: null,
    replayTimestamp: null,
    replayPaused: null,
    resumeReplay: null,
    replication: null,
    controlFunctions: false,
    walReceiverView: false,
    backup: exclusive,
  },
  {
    from: "9.1",
    ...xlog,
    createRestorePoint: "pg_create_restore_point",
    replayTimestamp: "pg_last_xact_replay_timestamp()",
    ...xlogPause,
    replication: { pid: "procpid", ...locations },
    controlFunctions: false,
    walReceiverView: false,
    backup: exclusive,
  },
  {
    from: "9.2",
    ...xlog,
    createRestorePoint: "pg_create_restore_point",
    replayTimestamp: "pg_last_xact_replay_timestamp()",
    ...xlogPause,
    replication: { pid: "pid", ...locations },
    controlFunctions: false,
    walReceiverView: false,
    backup: exclusive,
  },
  {
    from: "9.6",
    ...xlog,
    createRestorePoint: "pg_create_restore_point",
    replayTimestamp: "pg_last_xact_replay_timestamp()",
    ...xlogPause,
    replication: { pid: "pid", ...locations },
    controlFunctions: true,
    walReceiverView: true,
    backup: {
      mode: "nonExclusive",
      start: "select pg_start_backup($1, true, false)::text as lsn",
      stop: "select lsn::text, labelfile, spcmapfile from pg_stop_backup(false)",
      temporarySlot: null,
    },
  },
  {
    from: "10",
    ...wal,
    backup: {
      mode: "nonExclusive",
      start: "select pg_start_backup($1, true, false)::text as lsn",
      stop: "select lsn::text, labelfile, spcmapfile from pg_stop_backup(false, false)",
      temporarySlot,
    },
  },
  {
    from: "15",
    ...wal,
    backup: {
      mode: "nonExclusive",
      start: "select pg_backup_start($1, true)::text as lsn",
      stop: "select lsn::text, labelfile, spcmapfile from pg_backup_stop(false)",
      temporarySlot,
    },
  },
];

/** The names that a version uses. */
export function namesOf(version: Major): VersionNames {
  const row = rows.findLast((candidate) => atLeast(version, candidate.from));
  if (row === undefined) throw new Error(`PostgreSQL ${version} is older than anything pgsite knows`);
  return row;
}

/** The major version of a running server from its `server_version_num`. @throws where pgsite does not know it. */
export function majorOfServer(serverVersionNum: string): Major {
  const major = majorOfNumber(Number(serverVersionNum));
  if (major === undefined) throw new Error(`pgsite does not know the server's version, ${serverVersionNum}`);
  return major;
}
