import { posix } from "node:path";
import type { Major } from "../postgres/versions.js";

/*
 * Where distributions have a server's parts, and what starts it there. A server in a distribution's layout is started, stopped
 * and enabled through the distribution's own unit, so that its tools (pg_lsclusters, systemctl) say what pgsite says.
 */

export const layoutNames = ["plain", "debian", "pgdg", "arch"] as const;
export type LayoutName = (typeof layoutNames)[number];

/** A cluster as Debian's tools call it. */
export interface Cluster {
  readonly version: string;
  readonly name: string;
}

interface Layout {
  /** Folder of the server programs. */
  readonly programs: (version: Major) => string;
  /** Where a server has its data that says nothing of it. @default it must be said */
  readonly data?: (version: Major) => string;
  /** Where a server with these data has its configuration. @default among its data */
  readonly configuration?: (dataDirectory: string, version: Major) => string;
  /** The systemd unit that the distribution starts it by, without `.service`. @default one of pgsite's own */
  readonly unit?: (version: Major, cluster: Cluster) => string;
  /** What tells that unit where the data are. @default it knows by the cluster's name */
  readonly unitEnvironment?: (dataDirectory: string) => Readonly<Record<string, string>>;
  /** Where what it says goes until it has a log of its own, and all it says without logging_collector. @default start.log */
  readonly log?: (cluster: Cluster) => string;
  /** What the distribution's own postgresql.conf says and pgsite's does too, where a stack says nothing. */
  readonly defaults?: Readonly<Record<string, string>>;
  /** What its start relies on. */
  readonly settings?: (cluster: Cluster) => Readonly<Record<string, string>>;
}

/** Where a unit has the log in systemd's journal, of which nobody could read how a stream ended. */
const collected = { logging_collector: "on" };

const layouts: Readonly<Record<LayoutName, Layout>> = {
  plain: { programs: (version) => `/usr/lib/postgresql/${version}/bin` },
  debian: {
    programs: (version) => `/usr/lib/postgresql/${version}/bin`,
    data: (version) => `/var/lib/postgresql/${version}/main`,
    configuration: (dataDirectory, version) => `/etc/postgresql/${version}/${posix.basename(dataDirectory)}`,
    unit: (_version, cluster) => `postgresql@${cluster.version}-${cluster.name}`,
    log: ({ version, name }) => `/var/log/postgresql/postgresql-${version}-${name}.log`,
    settings: ({ version, name }) => ({ external_pid_file: `/var/run/postgresql/${version}-${name}.pid` }),
  },
  pgdg: {
    programs: (version) => `/usr/pgsql-${version}/bin`,
    data: (version) => `/var/lib/pgsql/${version}/data`,
    unit: (version) => `postgresql-${version}`,
    unitEnvironment: (PGDATA) => ({ PGDATA }),
    defaults: collected,
  },
  arch: {
    programs: () => "/usr/bin",
    data: () => "/var/lib/postgres/data",
    unit: () => "postgresql",
    unitEnvironment: (dataDirectory) => ({ PGROOT: posix.dirname(dataDirectory) }),
    defaults: collected,
  },
};

export interface Placed {
  readonly layout?: LayoutName | undefined;
  readonly dataDirectory: string;
  readonly configurationDirectory?: string | undefined;
  readonly version: Major;
}

/** Of a server that says none. */
export function dataDirectoryIn(layout: LayoutName, version: Major): string | undefined {
  return layouts[layout].data?.(version);
}

/** Of a server that says none; undefined where that is its data directory. */
export function configurationDirectoryIn(layout: LayoutName, dataDirectory: string, version: Major) {
  return layouts[layout].configuration?.(dataDirectory, version);
}

export function programsIn(layout: LayoutName, version: Major): string {
  return layouts[layout].programs(version);
}

/** By the folder of its configuration, as pg_lsclusters finds it. */
function clusterIn({ dataDirectory, configurationDirectory = dataDirectory }: Placed): Cluster {
  const [name = "", version = ""] = configurationDirectory.split("/").reverse();
  return { version, name };
}

/** What Debian's tools know the server as; undefined in other layouts. */
export function clusterOf(server: Placed): Cluster | undefined {
  return server.layout === "debian" ? clusterIn(server) : undefined;
}

/** The distribution's unit for a server, without `.service`; undefined where pgsite makes one. */
export function unitOf(server: Placed): string | undefined {
  return layouts[server.layout ?? "plain"].unit?.(server.version, clusterIn(server));
}

/** For that unit. */
export function unitEnvironmentOf(server: Placed): Readonly<Record<string, string>> | undefined {
  return layouts[server.layout ?? "plain"].unitEnvironment?.(server.dataDirectory);
}

/** The file that a distribution's start writes what the server says into; undefined where that is pgsite's start.log. */
export function logFileIn(server: Placed): string | undefined {
  return layouts[server.layout ?? "plain"].log?.(clusterIn(server));
}

/** Settings of a server in its layout: those that a stack may override, and those that the distribution's start relies on. */
export function settingsIn(server: Placed): {
  readonly defaults: Readonly<Record<string, string>>;
  readonly mandatory: Readonly<Record<string, string>>;
} {
  const { defaults = {}, settings } = layouts[server.layout ?? "plain"];
  return { defaults, mandatory: settings?.(clusterIn(server)) ?? {} };
}
