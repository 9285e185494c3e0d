import { controlDirectoryOf, controlPath } from "../../config/controlDirectory.js";
import { conditions, type Unit } from "../../postgres/watch/conditions.js";

/**
 * What people read of a condition, in mails and by `pgsite watch`. %o: its object; %v: the value; %t: the threshold; %d: what else
 * is known. A part in braces is left out where the one placeholder in it is empty.
 */
export interface Message {
  /** In a subject, and of an incident among others. */
  readonly title: string;
  readonly begins: string;
  /** What to do about it, or where to look. */
  readonly advice: string;
  readonly ends: string;
}

/** Where a server's programs for its backups lie, as people write it. */
const programs = controlPath({ controlDirectory: controlDirectoryOf("DATADIRECTORY") }, "backups");

export const messages: Readonly<Record<string, Message>> = {
  silent: {
    title: "the server does not answer",
    begins: "The server does not answer{: %d}.",
    advice:
      "Look at the end of its log, and at pgsite status. If it does not run: pgsite start, or the host's service.",
    ends: "The server answers again.",
  },
  role: {
    title: "it is not what it is declared to be",
    begins: "The server is not what the stack file declares{: %d}.",
    advice:
      "After a failover, declare what is now true in the stack file (primary:). If nobody promoted it, see whether two servers take writes: pgsite status.",
    ends: "The server is what the stack file declares.",
  },
  notReceiving: {
    title: "it does not receive WAL{ from %o}",
    begins: "The standby does not receive WAL{ from %o}.",
    advice: "Look at the end of its log: it says why its walreceiver cannot connect. pgsite status shows both ends.",
    ends: "The standby receives WAL again.",
  },
  standbyAbsent: {
    title: "standby %o does not stream",
    begins: "The standby %o does not stream from this server.",
    advice: "Look at the log of %o. While it is away this server may keep WAL for it, or recycle what it needs.",
    ends: "The standby %o streams again.",
  },
  lag: {
    title: "standby %o stands still",
    begins: "The standby %o is %v behind, and its replay does not move.",
    advice:
      "Look for a query or a lock on %o that replay waits for, for a paused replay, and at its log. pg_stat_activity on %o shows the startup process.",
    ends: "The standby %o replays again; it is %v behind.",
  },
  lagFar: {
    title: "standby %o is far behind",
    begins: "The standby %o is %v behind (the limit is %t).",
    advice:
      "Look at the network between the two, and at the disk of %o. WAL that it needs may be recycled: pgsite status.",
    ends: "The standby %o has caught up; it is %v behind.",
  },
  replayPaused: {
    title: "replay is paused",
    begins: "Replay is paused on this standby, and no backup runs.",
    advice:
      "Resume it with pg_wal_replay_resume() (until 9.6: pg_xlog_replay_resume()) unless somebody needs it to stand still.",
    ends: "Replay goes on.",
  },
  slotInactive: {
    title: "nobody uses the replication slot %o",
    begins: "Nobody uses the replication slot %o: all WAL since it was last used is kept.",
    advice: "Bring back whoever reads it, or drop it: select pg_drop_replication_slot('%o').",
    ends: "The replication slot %o is in use again, or gone.",
  },
  slotWal: {
    title: "the replication slot %o keeps %v of WAL",
    begins: "The replication slot %o keeps %v of WAL (the limit is %t).",
    advice: "Bring back whoever reads it, or drop it before the disk is full: select pg_drop_replication_slot('%o').",
    ends: "The replication slot %o keeps {%v of }WAL below its limit again, or is gone.",
  },
  slotLost: {
    title: "the replication slot %o has lost WAL",
    begins: "WAL that the replication slot %o was to keep is gone: whoever reads it must be made anew.",
    advice: "Make the standby anew (pgsite seed, or pulumi up after its data were moved away).",
    ends: "The replication slot %o is whole again, or gone.",
  },
  disk: {
    title: "the disk %o is nearly full",
    begins: "The disk %o has %v free{ (%d)}.",
    advice:
      "Find what grows: kept WAL (slots, a failing archiver), logs, backups, the data. A full disk stops the server.",
    ends: "The disk %o has {%v free: }enough space again.",
  },
  diskGrowth: {
    title: "the disk %o has space for %v of declared growth",
    begins: "The disk %o has space for %v of the growth that the stack declares (expectedGrowth).",
    advice: "Plan a larger disk, or keep less; where the data grow by less than is declared, declare what they do.",
    ends: "The disk %o has space for longer again.",
  },
  diskEnds: {
    title: "the disk %o will be full in %v",
    begins: "The disk %o will be full in %v if it goes on filling as it did.",
    advice: "Find what grows: kept WAL (slots, a failing archiver), logs, backups, the data.",
    ends: "The disk %o no longer fills that fast.",
  },
  connections: {
    title: "%v of all connections are in use",
    begins: "%v of max_connections are in use (the limit is %t).",
    advice:
      "See who has them: select usename, application_name, client_addr, state, count(*) from pg_stat_activity group by 1, 2, 3, 4 order by 5 desc.",
    ends: "{%v of }max_connections are in use: below the limit again.",
  },
  oldTransaction: {
    title: "a transaction is open for %v",
    begins: "A transaction is open for %v{: %d}. No table can be vacuumed of what it may still see.",
    advice: "Have whoever runs it end it, or select pg_terminate_backend(PROCESS).",
    ends: "No transaction is open that long any more.",
  },
  oldPrepared: {
    title: "a prepared transaction waits for %v",
    begins: "A prepared transaction waits for %v{: %d}. It holds its locks until it is committed or rolled back.",
    advice: "COMMIT PREPARED or ROLLBACK PREPARED, in its database: select * from pg_prepared_xacts.",
    ends: "No prepared transaction waits that long any more.",
  },
  wraparound: {
    title: "database %o nears transaction wraparound",
    begins:
      "The oldest transaction of database %o is %v transactions old; at 2,000,000,000 the server takes no more writes.",
    advice:
      "See what keeps vacuum from freezing (old transactions, slots, prepared transactions), then VACUUM FREEZE its oldest tables.",
    ends: "Database %o is vacuumed: its oldest transaction is young enough again.",
  },
  wraparoundMulti: {
    title: "database %o nears multixact wraparound",
    begins:
      "The oldest multixact of database %o is %v multixacts old; at 2,000,000,000 the server takes no more of them.",
    advice:
      "See what keeps vacuum from freezing (old transactions, prepared transactions), then VACUUM FREEZE its oldest tables.",
    ends: "Database %o is vacuumed: its oldest multixact is young enough again.",
  },
  archiverFails: {
    title: "WAL cannot be archived",
    begins: "archive_command fails{, last for %d}: WAL is kept until it succeeds.",
    advice: "The server's log has what archive_command says. The disk fills until it works again.",
    ends: "WAL is archived again.",
  },
  archiveWaits: {
    title: "%v WAL files wait to be archived",
    begins: "%v WAL files wait to be archived (the limit is %t).",
    advice: "See whether archive_command fails or is too slow: the server's log, pg_stat_archiver.",
    ends: "WAL files no longer wait to be archived.",
  },
  backupOld: {
    title: "the newest backup in %o is %v old",
    begins: "The newest whole backup in %o is %v old (the limit is %t).",
    advice: `See what the last run's mail or log said, and run the backup by hand: ${programs}/backup.`,
    ends: "There is a new backup in %o.",
  },
  backupUnverified: {
    title: "no backup in %o younger than %v is verified",
    begins: "The newest backup in %o that was restored and found equal is %v old (the limit is %t).",
    advice: `Run a drill and see what it says: pgsite drill, or ${programs}/drill.`,
    ends: "A new backup in %o was restored and found equal.",
  },
  drillOld: {
    title: "the last drill of %o was %v ago",
    begins: "The last drill of the backups in %o was %v ago (the limit is %t).",
    advice: `See whether its schedule runs, and run it by hand: pgsite drill, or ${programs}/drill.`,
    ends: "The backups in %o were drilled.",
  },
  certificate: {
    title: "the certificate ends in %v",
    begins: "The server's certificate ends in %v{ (%d)}.",
    advice: "pulumi up renews a certificate of pgsite's authority; another one comes from whoever made it.",
    ends: "The server's certificate is good for long enough again.",
  },
  logPanic: {
    title: "PANIC in the log",
    begins: "The log has %v PANIC messages since the last look{: %d}.",
    advice: "Read the log around it: the server crashed and recovered, or could not.",
    ends: "No PANIC since the last look.",
  },
  logFatal: {
    title: "%v FATAL messages in the log",
    begins: "The log has %v FATAL messages since the last look (the limit is %t){: %d}.",
    advice: "Read the log: clients that are refused, or a standby that cannot follow.",
    ends: "FATAL messages in the log are below their limit again.",
  },
  logError: {
    title: "%v ERROR messages in the log",
    begins: "The log has %v ERROR messages since the last look (the limit is %t){: %d}.",
    advice: "Read the log: most are an application's.",
    ends: "ERROR messages in the log are below their limit again.",
  },
  peerHost: {
    title: "the host of %o does not answer",
    begins: "The host of server %o does not answer{: %d}.",
    advice:
      "See whether it has power and network. If it was the primary and will not come back: docs/failover.md, or the runbook's failover.",
    ends: "The host of server %o answers again.",
  },
  peerSilent: {
    title: "server %o does not answer, its host does",
    begins: "Server %o does not answer, though its host does{: %d}.",
    advice: "On its host: look at the end of its log, and start it (pgsite start, or the host's service).",
    ends: "Server %o answers again.",
  },
  peerBusy: {
    title: "server %o takes nobody in",
    begins: "Server %o runs, and takes nobody in: it starts, recovers or stops.",
    advice: "On its host: look at the end of its log.",
    ends: "Server %o takes connections again.",
  },
  unseen: {
    title: "the watch cannot look at: %o",
    begins: "The watch cannot look at: %o{: %d}.",
    advice: "Until this is mended, nothing of it is watched: silence says nothing.",
    ends: "The watch looks again at: %o.",
  },
};

/** As words.awk reads them: NAME, unit of the value, and the texts, a tab between. */
export function renderMessages(): string {
  return conditions
    .map(({ name, tests: [{ unit }] }) => {
      const { title, begins, advice, ends } = messages[name] as Message;
      return `${[name, unit, title, begins, advice, ends].join("\t")}\n`;
    })
    .join("");
}

/** A text with its placeholders filled. */
export function filled(text: string, given: Readonly<Record<"o" | "v" | "t" | "d", string>>): string {
  const fill = (part: string) => part.replace(/%([ovtd])/g, (_, name: keyof typeof given) => given[name]);
  return fill(
    text.replace(/\{([^{}]*)\}/g, (_, part: string) => {
      const [, name] = /%([ovtd])/.exec(part) ?? [];
      return name !== undefined && given[name as keyof typeof given] === "" ? "" : part;
    }),
  );
}

/** A number as people read it, as words.awk writes it. */
export function valueInWords(unit: Unit, text: string): string {
  const value = Number(text);
  if (text === "" || Number.isNaN(value)) return text;
  switch (unit) {
    case "bytes":
      return bytesInWords(value);
    case "seconds":
      return spanInWords(value);
    case "hours":
      return spanInWords(value * 3600);
    case "days":
      return value === 1 ? "1 day" : `${value} days`;
    case "percent":
      return `${text.replace(/\.0$/, "")} %`;
    default:
      return text;
  }
}

function bytesInWords(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB", "PB"];
  let [value, index] = [bytes, 0];
  while (value >= 1024 && index < units.length - 1) {
    value /= 1024;
    index += 1;
  }
  return `${index === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[index]}`;
}

function spanInWords(seconds: number): string {
  const whole = Math.floor(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 172_800) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86_400)} days`;
}
