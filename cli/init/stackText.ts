import prettyBytes from "pretty-bytes";
import { controlDirectoryOf } from "../../config/controlDirectory.js";
import type { LayoutName } from "../../config/layouts.js";
import type { HostSpec } from "../../hosts/host.js";
import type { Major } from "../../postgres/versions.js";
import type { StackText } from "../stackFile.js";

/** One server of a new site, on a host of the same name. */
export interface NewServer {
  readonly host: HostSpec;
  readonly dataDirectory: string;
  /** Bytes; undefined if nobody knows. */
  readonly free?: number;
}

/** All that is known of a new site: answered, or found and not contradicted. */
export interface NewSite {
  readonly stack: string;
  readonly site: string;
  readonly version: Major;
  readonly layout: LayoutName;
  /** A distribution's layout that it could have. */
  readonly layoutFits?: LayoutName | undefined;
  readonly primary: string;
  readonly servers: readonly NewServer[];
  readonly port: number;
  readonly osUser: string;
  /** Folder of the programs, if it is not where the version's usual packages put them. */
  readonly binaries?: string;
  /** Hosts on which nothing can be installed that starts a server with its machine. */
  readonly withoutService: readonly string[];
  readonly install: boolean;
  /** Before 10 there is no scram-sha-256. */
  readonly md5: boolean;
  /** The network of the hosts, for an example of a rule. */
  readonly network: string;
}

/** The stack file of a new site: what it must say, and where the next things go. */
export function stackTextOf(site: NewSite): StackText {
  const { stack, version, layout, primary, servers, port, osUser, binaries } = site;
  const { withoutService, install, md5, network } = site;
  const keeps = `${controlDirectoryOf("DATADIRECTORY")} beside the data holds what pgsite keeps.`;
  const hint = `\nWith the key layout: ${site.layoutFits} the configuration is in /etc, and pg_lsclusters knows them (docs/layouts.md).`;
  return {
    keys: {
      site: site.site,
      postgresql: version,
      ...(binaries === undefined ? {} : { binaries }),
      ...(layout === "plain" ? {} : { layout }),
      ...(install ? { install: "packages" } : {}),
      ...(md5 ? { authentication: "md5" } : {}),
      ...(osUser === "postgres" ? {} : { osUser }),
      ...(port === 5432 ? {} : { port }),
      hosts: Object.fromEntries(servers.map(({ host }) => [host.name, hostValue(host)])),
      primary,
      servers: Object.fromEntries(servers.map(({ host, dataDirectory }) => [host.name, { dataDirectory }])),
      ...(withoutService.length === 0 ? {} : { service: { manager: "none" } }),
      settings: {},
      access: [],
    },
    head: [`The stack ${stack}, begun by pgsite init. Every key: docs/stack-file.md.`],
    above: {
      binaries: "Not where packages of that version usually put the programs.",
      install: "What is missing on the hosts is installed by their package manager, as root there.",
      port: "5432 is taken on one of the hosts.",
      hosts: "Every host by name: its address for PostgreSQL, and how ssh gets there (docs/hosts.md).",
      primary: "Takes writes. Another server's name here is a switchover (docs/switchover.md).",
      layout: "The distribution's own tools know the servers; where these have what: docs/layouts.md.",
      servers: `${keeps}${layout === "plain" && site.layoutFits !== undefined ? hint : ""}`,
      service: `Nothing starts the servers with their machines: that takes root, and pgsite cannot become root on ${withoutService.join(", ")} (docs/service.md).`,
      settings: "PostgreSQL's settings, the same on every server: { max_connections: 200, work_mem: 64MB }",
      access: `Who may connect, line by line as in pg_hba.conf: [host ${site.site} ${site.site} ${network} ${md5 ? "md5" : "scram-sha-256"}]\nThe servers and pgsite itself need none. Roles and databases: roles:, databases:`,
    },
    behind: Object.fromEntries(
      servers.flatMap(({ host, free }) =>
        free === undefined ? [] : [[`servers.${host.name}`, `${prettyBytes(free)} free`]],
      ),
    ),
  };
}

function hostValue({ address, ssh, login, transport }: HostSpec): unknown {
  if (ssh === undefined && login === undefined && transport === "ssh") return address;
  return {
    address,
    ...(transport === "local" ? { transport } : {}),
    ...(ssh === undefined ? {} : { ssh }),
    ...(login === undefined ? {} : { login }),
  };
}
