import { readFileSync } from "node:fs";
import { join } from "node:path";
import { controlPath } from "../../config/controlDirectory.js";
import { quote } from "../../hosts/quote.js";
import { defined } from "../../postgres/defined.js";
import { renderConninfo } from "../../postgres/files/conninfo.js";
import { renderConditions, type Thresholds } from "../../postgres/watch/conditions.js";
import { renderMetrics } from "../../postgres/watch/metrics.js";
import { probeOptions, renderProbe, showsSenders } from "../../postgres/watch/probe.js";
import type { FileSet, InstalledFile } from "../folder.js";
import { type JobFacts, renderSettings } from "../jobs/settings.js";
import { renderMessages } from "./messages.js";

/** What the watch of a server knows. */
export interface WatchFacts {
  readonly job: JobFacts;
  /** As declared. */
  readonly role: "primary" | "standby" | "mirror";
  /** Whether it answers queries while it is a standby (hot_standby). */
  readonly hot: boolean;
  /** Name of the server that it is to stream from. @default it is to take writes */
  readonly upstream?: string;
  /** Those that are to stream from it. */
  readonly standbys: readonly WatchStandby[];
  /** All other servers of the site. */
  readonly peers: readonly WatchPeer[];
  /** By the names of `thresholds` in postgres/watch/conditions.ts; null: not wanted. */
  readonly thresholds?: Thresholds;
  /** Where backups lie on this host. @default none are declared */
  readonly backups?: readonly WatchPlace[];
  /** Path of the certificate that it shows, and when that ends as far as pgsite knows (seconds since 1970). */
  readonly certificate?: { readonly path: string; readonly end?: number };
  /** Where node_exporter reads text files. @default no metrics are written */
  readonly metrics?: string;
  /** Bytes by which the data are expected to grow a day. @default nothing is said of it */
  readonly growth?: number;
  readonly log: WatchLog;
}

export interface WatchStandby {
  readonly name: string;
  /** @default its name */
  readonly applicationName?: string;
  /** Where it connects from: what tells whose a walsender is that has no name (before 9.1). */
  readonly address?: string;
  /** Seconds by which it is declared to replay late. @default none */
  readonly delay?: number;
}

export interface WatchPeer {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** As whom it is asked whether it takes connections; no password goes there. */
  readonly role: string;
  /** Whether it takes nobody in while it is a standby. */
  readonly warm: boolean;
}

export interface WatchPlace {
  readonly name: string;
  readonly folder: string;
  /**
   * When a new run is expected there. Where whichever server takes writes makes them: in its own folder while it does (`primary`),
   * and in that of a copy on its host while another does (`standby`).
   */
  readonly when: "always" | "primary" | "standby";
}

/** Where errors are counted: what its collector writes, or where a start writes; or why that cannot be. */
export type WatchLog =
  | { readonly format: "stderr" | "csv" | "json"; readonly folder: string }
  | { readonly format: "stderr"; readonly file: string }
  | { readonly unseen: string };

/** The program, and what it reads. */
const ours = ["log.awk", "judge.awk", "words.awk", "metrics.awk", "look.sh", "watch"] as const;
const shared = ["jobs/common.sh", "jobs/mail.sh", "runbook/lives.sh"] as const;

const program = "watch";

export function watchFolder(controlDirectory: string): string {
  return controlPath({ controlDirectory }, "watch");
}

/** The program that a schedule runs. */
export function watchProgram(controlDirectory: string): string {
  return join(watchFolder(controlDirectory), program);
}

/** What differs from server to server, by name. Pure. */
export function renderWatch(facts: WatchFacts): Readonly<Record<string, string>> {
  const { job, role, hot, upstream, standbys, peers, thresholds, backups = [], certificate, metrics, log } = facts;
  const heading = `# Written by pgsite: server ${job.server} of the site ${job.site}. Change the stack file instead.`;
  const hasSenders = showsSenders(job.version);
  const settings = renderSettings(job, {
    watch_role: role,
    watch_hot: hot ? "yes" : "no",
    watch_senders: hasSenders ? "yes" : "",
    watch_upstream: upstream ?? "",
    watch_metrics: metrics ?? "",
    ...defined({ watch_growth: facts.growth }),
    watch_certificate: certificate?.path ?? "",
    watch_certificate_end: certificate?.end ?? "",
    watch_logs: "folder" in log ? log.folder : "",
    watch_log: "file" in log ? log.file : "",
    watch_log_format: "format" in log ? log.format : "",
    watch_log_unseen: "unseen" in log ? log.unseen : "",
    probe_options: probeOptions(job.version),
  });
  return {
    settings,
    peers: text([
      heading,
      "# NAME ADDRESS PORT, how it is asked whether it takes connections, whether it takes nobody in while it is a standby.",
      ...peers.map((peer) => {
        return [
          "peer",
          ...[peer.name, peer.address, `${peer.port}`, asking(peer), peer.warm ? "warm" : ""].map(quote),
        ].join(" ");
      }),
    ]),
    standbys: standbys
      .map(({ name, applicationName = name, delay = 0, address }) => {
        const columns = [name, applicationName, `${delay}`, ...(address === undefined || hasSenders ? [] : [address])];
        return `${columns.join("\t")}\n`;
      })
      .join(""),
    places: backups.map(({ name, folder, when }) => `${[name, folder, when].join("\t")}\n`).join(""),
    "probe.sql": renderProbe(job.version),
    conditions: renderConditions(thresholds),
    messages: renderMessages(),
    metrics: renderMetrics(),
  };
}

/** As a replica would: by a rule that is there for it, so that nobody's log is filled by the question. */
function asking({ address, port, role }: WatchPeer): string {
  return renderConninfo({
    host: address,
    port: `${port}`,
    user: role,
    dbname: "postgres",
    replication: "true",
    connect_timeout: "5",
  });
}

let scripts: Readonly<Record<string, InstalledFile>> | undefined;

/** The scripts are files of this project, and travel neither through the program nor into the state. */
async function scriptsOfWatch(): Promise<Readonly<Record<string, InstalledFile>>> {
  if (scripts !== undefined) return scripts;
  const { checkout } = await import("../../toolchain/paths.mjs");
  const paths = [...shared, ...ours.map((name) => `watch/${name}`)];
  scripts = Object.fromEntries(
    paths.map((path) => {
      const name = path.slice(path.lastIndexOf("/") + 1);
      const content = readFileSync(join(checkout, "installed", path), "utf8");
      return [name, { content, mode: name === "watch" ? 0o700 : 0o600 }];
    }),
  );
  return scripts;
}

/** A server's watch. The program comes last: it goes by all the others. */
export async function watchFiles(facts: WatchFacts): Promise<FileSet> {
  const rendered = Object.entries(renderWatch(facts)).map(([name, content]) => [name, { content, mode: 0o600 }]);
  const { controlDirectory, user } = facts.job;
  return {
    folder: watchFolder(controlDirectory),
    kind: "ours",
    owner: user,
    files: { ...(Object.fromEntries(rendered) as Record<string, InstalledFile>), ...(await scriptsOfWatch()) },
  };
}

function text(lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}
