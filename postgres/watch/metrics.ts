/**
 * What the watch tells Prometheus, by node_exporter's text file: one row a metric. The script's `metrics`, the alert rules and the
 * dashboard are made from these rows. Each has the labels `site` and `server` too.
 */
export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: "gauge" | "counter";
  /** The fact that is its value; see docs/design/watch.md. */
  readonly fact: string;
  /** The label that the fact's object becomes. @default none */
  readonly label?: string;
  /** What the dashboard shows of it; left out: nothing. */
  readonly panel?: Panel;
}

export interface Panel {
  readonly row: "State" | "Replication" | "Disks" | "Sessions" | "Log and backups";
  readonly title: string;
  readonly unit: "bool" | "bytes" | "s" | "short" | "percent" | "ops";
  /** `$metric` stands for the metric with its labels. @default `$metric` */
  readonly query?: string;
}

const panel = (row: Panel["row"], title: string, unit: Panel["unit"], query?: string): { readonly panel: Panel } => {
  return { panel: { row, title, unit, ...(query === undefined ? {} : { query }) } };
};

/** Since when a time is past. */
const ago = "time() - $metric";

export const metrics: readonly Metric[] = [
  {
    name: "pgsite_watch_time_seconds",
    help: "When the watch last ran, in seconds since 1970.",
    type: "gauge",
    fact: "time",
    ...panel("State", "Last look", "s", ago),
  },
  {
    name: "pgsite_server_answers",
    help: "Whether the server answers.",
    type: "gauge",
    fact: "answers",
    ...panel("State", "Servers that answer", "bool"),
  },
  {
    name: "pgsite_server_in_recovery",
    help: "Whether the server is in recovery: a standby.",
    type: "gauge",
    fact: "recovery",
    ...panel("State", "Servers in recovery", "bool"),
  },
  {
    name: "pgsite_server_role_wrong",
    help: "Whether the server takes writes and is declared a standby, or the other way round.",
    type: "gauge",
    fact: "role.wrong",
  },
  {
    name: "pgsite_server_start_time_seconds",
    help: "When the server was started, in seconds since 1970.",
    type: "gauge",
    fact: "started",
    ...panel("State", "Time since the start", "s", ago),
  },
  {
    name: "pgsite_server_version",
    help: "The server's version as a number (server_version_num).",
    type: "gauge",
    fact: "version",
  },
  {
    name: "pgsite_receives",
    help: "Whether the standby receives WAL.",
    type: "gauge",
    fact: "receives",
    label: "upstream",
    ...panel("Replication", "Standbys that receive WAL", "bool"),
  },
  {
    name: "pgsite_standby_streams",
    help: "Whether a standby that the stack declares streams from this server.",
    type: "gauge",
    fact: "standby.streams",
    label: "standby",
    ...panel("Replication", "Standbys that stream", "bool"),
  },
  {
    name: "pgsite_standby_behind_bytes",
    help: "WAL that a standby has not replayed.",
    type: "gauge",
    fact: "behind",
    label: "standby",
    ...panel("Replication", "WAL not replayed", "bytes"),
  },
  {
    name: "pgsite_standby_still_seconds",
    help: "How long the replay of a standby that has WAL to replay stands still.",
    type: "gauge",
    fact: "still",
    label: "standby",
    ...panel("Replication", "Replay stands still", "s"),
  },
  {
    name: "pgsite_replay_paused",
    help: "Whether replay is paused, and not by a backup.",
    type: "gauge",
    fact: "paused",
    label: "standby",
  },
  {
    name: "pgsite_slot_active",
    help: "Whether somebody uses a replication slot.",
    type: "gauge",
    fact: "slot.active",
    label: "slot",
    ...panel("Replication", "Replication slots in use", "bool"),
  },
  {
    name: "pgsite_slot_kept_bytes",
    help: "WAL that a replication slot keeps.",
    type: "gauge",
    fact: "slot.kept",
    label: "slot",
    ...panel("Replication", "WAL kept for slots", "bytes"),
  },
  {
    name: "pgsite_slot_lost",
    help: "Whether WAL that a replication slot was to keep is gone.",
    type: "gauge",
    fact: "slot.lost",
    label: "slot",
  },
  {
    name: "pgsite_disk_free_bytes",
    help: "Space that the server's user may still use on a disk.",
    type: "gauge",
    fact: "disk.free",
    label: "mount",
    ...panel("Disks", "Free space", "bytes"),
  },
  {
    name: "pgsite_disk_size_bytes",
    help: "Space on a disk, without what is reserved for root.",
    type: "gauge",
    fact: "disk.size",
    label: "mount",
    ...panel("Disks", "Free space in percent", "percent", "100 * pgsite_disk_free_bytes$labels / $metric"),
  },
  {
    name: "pgsite_disk_hours",
    help: "When a disk is full if it goes on filling as it did; missing where it does not fill.",
    type: "gauge",
    fact: "disk.hours",
    label: "mount",
  },
  {
    name: "pgsite_disk_days",
    help: "For how many days the disk of the data has space by the growth that the stack declares; missing where it declares none.",
    type: "gauge",
    fact: "disk.days",
    label: "mount",
  },
  {
    name: "pgsite_connections",
    help: "Sessions of clients.",
    type: "gauge",
    fact: "connections",
    ...panel("Sessions", "Connections", "short"),
  },
  {
    name: "pgsite_connections_max",
    help: "max_connections.",
    type: "gauge",
    fact: "connections.max",
    ...panel("Sessions", "Connections in percent", "percent", "100 * pgsite_connections$labels / $metric"),
  },
  {
    name: "pgsite_transaction_oldest_seconds",
    help: "For how long the oldest transaction of a client is open.",
    type: "gauge",
    fact: "transaction.seconds",
    ...panel("Sessions", "Oldest transaction", "s"),
  },
  {
    name: "pgsite_prepared_oldest_seconds",
    help: "For how long the oldest prepared transaction waits.",
    type: "gauge",
    fact: "prepared.seconds",
  },
  {
    name: "pgsite_transactions_committed_total",
    help: "Transactions committed.",
    type: "counter",
    fact: "commits",
    ...panel("Sessions", "Commits a second", "ops", "rate($metric[3h])"),
  },
  {
    name: "pgsite_transactions_rolled_back_total",
    help: "Transactions rolled back.",
    type: "counter",
    fact: "rollbacks",
    ...panel("Sessions", "Rollbacks a second", "ops", "rate($metric[3h])"),
  },
  { name: "pgsite_deadlocks_total", help: "Deadlocks.", type: "counter", fact: "deadlocks" },
  {
    name: "pgsite_database_transaction_age",
    help: "Age of the oldest transaction of a database that is not frozen; at 2,000,000,000 no more writes are taken.",
    type: "gauge",
    fact: "age.transactions",
    label: "database",
    ...panel("Sessions", "Age towards wraparound", "short"),
  },
  {
    name: "pgsite_database_multixact_age",
    help: "Age of the oldest multixact of a database.",
    type: "gauge",
    fact: "age.multixacts",
    label: "database",
  },
  {
    name: "pgsite_archiver_failing",
    help: "Whether archive_command failed last.",
    type: "gauge",
    fact: "archiver.failing",
  },
  {
    name: "pgsite_archiver_failed_total",
    help: "How often archive_command failed.",
    type: "counter",
    fact: "archiver.failed",
  },
  {
    name: "pgsite_archive_waiting_files",
    help: "WAL files that wait to be archived.",
    type: "gauge",
    fact: "archiver.waiting",
    ...panel("Disks", "WAL files that wait to be archived", "short"),
  },
  {
    name: "pgsite_backup_age_seconds",
    help: "How old the newest whole backup in a place is.",
    type: "gauge",
    fact: "backup.seconds",
    label: "place",
    ...panel("Log and backups", "Age of the newest backup", "s"),
  },
  {
    name: "pgsite_backup_verified_age_seconds",
    help: "How old the newest backup in a place is that was restored and found equal.",
    type: "gauge",
    fact: "verified.seconds",
    label: "place",
    ...panel("Log and backups", "Age of the newest verified backup", "s"),
  },
  {
    name: "pgsite_drill_age_seconds",
    help: "How long ago the last drill of a place was.",
    type: "gauge",
    fact: "drill.seconds",
    label: "place",
  },
  {
    name: "pgsite_certificate_end_time_seconds",
    help: "When the server's certificate ends, in seconds since 1970.",
    type: "gauge",
    fact: "certificate.end",
    ...panel("State", "Time left of the certificate", "s", "$metric - time()"),
  },
  {
    name: "pgsite_log_messages_total",
    help: "Messages in the log by severity, since the watch began.",
    type: "counter",
    fact: "log.total",
    label: "severity",
    ...panel("Log and backups", "Errors in the log, an hour", "short", "increase($metric[3h]) / 3"),
  },
  {
    name: "pgsite_peer_host_silent",
    help: "Whether nothing comes from the host of another server.",
    type: "gauge",
    fact: "peer.host",
    label: "peer",
    ...panel("State", "Peers whose host is silent", "bool"),
  },
  {
    name: "pgsite_peer_silent",
    help: "Whether another server does not answer although its host does.",
    type: "gauge",
    fact: "peer.silent",
    label: "peer",
    ...panel("State", "Peers that are silent", "bool"),
  },
  {
    name: "pgsite_mail_unsent",
    help: "Mails that wait until the host's sendmail takes them.",
    type: "gauge",
    fact: "unsent",
    ...panel("Log and backups", "Mails that wait", "short"),
  },
];

/** 1 for what is wrong now, 0 for each condition that does not hold; the same thresholds as the mails'. */
export const conditionMetric = {
  name: "pgsite_condition",
  help: "Whether a condition of the watch holds, for an object of it.",
  type: "gauge",
} as const;

/** As metrics.awk reads them, a tab between fields: NAME TYPE FACT LABEL HELP. */
export function renderMetrics(): string {
  return metrics
    .map(({ name, type, fact, label = "", help }) => `${[name, type, fact, label, help].join("\t")}\n`)
    .join("");
}
