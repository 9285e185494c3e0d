import { dirname } from "node:path";
import type { Server, ServiceDeclaration, Site } from "../config/site.js";
import type { HostSpec } from "../hosts/host.js";
import { parseHba, renderHba } from "../postgres/files/hba/index.js";
import { fileOf } from "../postgres/files/places.js";
import type { Major } from "../postgres/versions.js";
import { type JobsRequest, jobsOf } from "./jobs.js";

/** What a preflight is asked to judge: plain data, without roles, so that a change of role asks nothing anew. */
export interface PreflightRequest {
  readonly site: string;
  readonly stack: string;
  readonly version: Major;
  /** The least minor version, where the stack names one. */
  readonly minor?: string;
  /** Locales that the cluster and its databases are declared with. */
  readonly locales: readonly string[];
  /** Bytes by which each data directory is expected to grow in the time that its disk shall last. */
  readonly expectedGrowth?: number;
  /** True where pgsite installs what is missing with the host's package manager. */
  readonly install: boolean;
  /** True where the servers' data come by archive, and nothing is copied. */
  readonly byArchive?: boolean;
  /** Whether backups and watch are to send mail, and the aliases that the stack keeps on their hosts; absent where nobody gets any. */
  readonly mail?: { readonly aliases: readonly string[] };
  readonly servers: readonly ServerRequest[];
  /** The server of another stack that these follow: looked at, to compare with and for its size; never judged. */
  readonly source?: Place;
}

/** A data directory on a host. */
export interface Place {
  readonly name: string;
  readonly host: HostSpec;
  readonly dataDirectory: string;
}

export interface ServerRequest extends Place {
  readonly address: string;
  readonly port: number;
  readonly controlDirectory: string;
  /** Those of its configuration, if that is apart from its data, and of files that it includes; the first is `configurationDirectory`. @default none */
  readonly configurationFolders?: readonly string[];
  /** Folder of the server programs. */
  readonly binDirectory: string;
  /** The declared settings on which what the host must give depends (`watchedSettings`). */
  readonly settings: Readonly<Record<string, string>>;
  /** What starts it with its machine; absent where nothing shall. */
  readonly service?: { readonly name: string; readonly manager: ServiceDeclaration["manager"] };
  /** The distribution's own systemd unit, without `.service`: what starts and stops it. */
  readonly unit?: string;
  /** Where SQL goes to its address from the machine that runs pgsite: as whom, and by which rules, without their options. */
  readonly direct?: { readonly administrator: string; readonly rules: string };
  /** What its backups and watch ask of its host; absent where it has none. */
  readonly jobs?: JobsRequest;
  /** True for data that may be deleted: nobody minds a file system that a reboot empties. */
  readonly disposable: boolean;
}

/** Settings that ask something of the host. */
export const watchedSettings = [
  "listen_addresses",
  "shared_buffers",
  "wal_buffers",
  "huge_pages",
  "max_connections",
  "max_prepared_transactions",
  "max_locks_per_transaction",
  "max_worker_processes",
  "max_files_per_process",
  "autovacuum_max_workers",
  "unix_socket_directories",
  "unix_socket_directory",
] as const;

/** What a site's preflight looks at. */
export function requestOf(site: Site): PreflightRequest {
  const { upstream, backups, watch, mail } = site;
  const locales = [site.initdb.locale, ...(site.databaseLocales ?? [])];
  return {
    site: site.name,
    stack: site.stack,
    version: site.version,
    ...(site.minor === undefined ? {} : { minor: site.minor }),
    locales: [...new Set(locales)].sort(),
    ...(site.expectedGrowth === undefined ? {} : { expectedGrowth: site.expectedGrowth }),
    install: site.install === "packages",
    ...(site.baseBackup?.method === "archive" ? { byArchive: true } : {}),
    ...(mail === undefined || (backups ?? watch) === undefined
      ? {}
      : { mail: { aliases: Object.keys(mail.aliases).sort() } }),
    servers: site.servers.map((server) => ({
      name: server.name,
      host: server.host,
      address: server.address,
      port: server.port,
      dataDirectory: server.dataDirectory,
      controlDirectory: server.controlDirectory,
      ...configurationFoldersOf(server),
      binDirectory: server.binDirectory,
      settings: Object.fromEntries(
        watchedSettings.flatMap((name) => (server.settings[name] === undefined ? [] : [[name, server.settings[name]]])),
      ),
      ...(server.service === undefined
        ? {}
        : {
            service: {
              name: server.service.name,
              manager: server.service.manager,
            },
          }),
      ...(server.unit === undefined ? {} : { unit: server.unit }),
      ...directOf(site, server),
      ...jobsOf(site, server),
      disposable: server.disposable,
    })),
    ...(upstream === undefined
      ? {}
      : { source: { name: upstream.name, host: upstream.host, dataDirectory: upstream.dataDirectory } }),
  };
}

function configurationFoldersOf(server: Site["servers"][number]): Pick<ServerRequest, "configurationFolders"> {
  const { configurationDirectory } = server;
  const names = Object.keys(server.files).filter((name) => name.includes("/"));
  const included = names.map((name) => dirname(fileOf(server, name)));
  const all = [...new Set([...(configurationDirectory === undefined ? [] : [configurationDirectory]), ...included])];
  return all.length === 0 ? {} : { configurationFolders: all };
}

/** Rules' options hold secrets (of LDAP, of RADIUS), and nobody asks for them here. */
function directOf(site: Site, { host, files, version }: Server): Pick<ServerRequest, "direct"> {
  if (host.sessions !== "direct") return {};
  const { entries } = parseHba(files["pg_hba.conf"] ?? "", { major: version });
  const rules = entries.flatMap(({ rule }) => (rule === undefined ? [] : [{ ...rule, options: [] }]));
  return { direct: { administrator: site.administrator, rules: renderHba(rules) } };
}
