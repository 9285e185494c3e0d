import * as z from "zod";
import { controlDirectoryOf } from "../controlDirectory.js";
import { layoutNames } from "../layouts.js";
import { address, flag, name, pathOfServer, pem, port, settingValue, strict } from "./values.js";

/** Settings by PostgreSQL's own names or the portable ones; checked against the version by `postgres/`. */
export const settings = z
  .record(z.string(), settingValue)
  .describe("PostgreSQL's settings by name, in any of its units: max_connections: 400, work_mem: 64MB");

/** Which settings stand in which included file. */
export const includes = z
  .record(
    z
      .string()
      .regex(
        /^(?!postgresql\.conf$|postgresql\.auto\.conf$|pg_hba\.conf$|pg_ident\.conf$|recovery\.conf$)[\w-][\w.-]*(?:\/[\w-][\w.-]*)?(?<=\.conf)$/,
        "an included file is NAME.conf or FOLDER/NAME.conf, in the folder of postgresql.conf, and none of PostgreSQL's own",
      ),
    z.array(z.string().min(1)),
  )
  .describe(
    "Settings that stand in a file of their own, which postgresql.conf includes, by that file: conf.d/memory.conf: [shared_buffers, work_mem]",
  );

export const accessRule = z
  .union([
    z.string(),
    strict({
      type: z.string().default("host").describe("local, host, hostssl, hostnossl; from 12 hostgssenc, hostnogssenc"),
      database: z
        .union([z.string(), z.array(z.string())])
        .default("all")
        .describe("A database, several, or all, sameuser, samerole, replication"),
      user: z
        .union([z.string(), z.array(z.string())])
        .default("all")
        .describe("A role, several, all, or +ROLE for its members"),
      address: z
        .string()
        .optional()
        .describe("CIDR, a name of hosts:, samehost or samenet; from 9.1 a host name (by default all)"),
      method: z.string().optional().describe("By default authentication:"),
      options: z.record(z.string(), z.string()).optional().describe("What the method takes, by name"),
    }),
  ])
  .describe("A line of pg_hba.conf, or its columns; a name of hosts: may stand for an address");

/** Where a server's parts are, and what starts it: docs/layouts.md. */
export const layout = z.enum(layoutNames);

export const server = strict({
  host: name.optional().describe("Its host, a key of hosts: (by default the server's own name)"),
  address: address.optional().describe("The address it listens on (by default its host's)"),
  port: port.optional().describe("By default the stack's port"),
  dataDirectory: pathOfServer
    .optional()
    .describe(
      `Absolute; beside it ${controlDirectoryOf("DATADIRECTORY")} holds what pgsite keeps (by default its layout's; plain has none)`,
    ),
  configurationDirectory: pathOfServer
    .optional()
    .describe(
      "Where postgresql.conf, pg_hba.conf and pg_ident.conf are, if not among the data (by default its layout's: with debian /etc/postgresql/VERSION/CLUSTER)",
    ),
  layout: layout.optional().describe("By default the stack's layout"),
  role: z
    .enum(["standby", "mirror"])
    .default("standby")
    .describe(
      "What it is when it is not the primary: a standby at the site, or a hot-standby mirror, always open for queries",
    ),
  upstream: name.optional().describe("The server that it replicates from (by default the primary, or upstream:)"),
  settings: settings.optional().describe("Settings of this server alone, over those of the stack"),
  includes: includes.optional().describe("Included files of this server alone, over those of the stack"),
  applicationName: z
    .string()
    .regex(/^[ -~]{1,63}$/, "application_name is of 1 to 63 printable characters of ASCII")
    .optional()
    .describe(
      "The name under which it streams, in pg_stat_replication and synchronous_standby_names (application_name; by default its own name)",
    ),
  access: z.array(accessRule).optional().describe("Access rules of this server alone, before those of the stack"),
  keepDiverged: z
    .enum(["data", "wal"])
    .default("data")
    .describe(
      "What of a server that went its own way is kept beside its data directory when it rejoins: all data, or the WAL since then",
    ),
  seedAgain: flag
    .default(false)
    .describe(
      "Before 9.3, where no standby follows its primary to another timeline over the line: it may be seeded again, its data replaced by the primary's, where it is merely behind (docs/failover.md). Elsewhere it does nothing",
    ),
  certificate: pem.optional().describe("tls.certificates: given: PEM of its certificate; its key is the key key-NAME"),
  lost: flag
    .default(false)
    .describe(
      "Its host is dead or cut off: it is not contacted, what is known of it stays as it is, and another server may take over from it (docs/failover.md)",
    ),
  acceptDataLoss: flag
    .default(false)
    .describe(
      "With lost: a failover goes on although the standby was disconnected before the loss, or another one received more",
    ),
});

const otherUpstream = strict({
  host: name.optional().describe("A key of hosts: (by default the server's own name)"),
  port: port.optional().describe("By default the stack's port"),
  dataDirectory: pathOfServer.describe("Where its data is"),
});

export const upstream = strict({
  server: name.describe("Its name in the stack that describes it"),
  host: name.optional().describe("A key of hosts: (by default the server's own name)"),
  port: port.optional().describe("By default the stack's port"),
  dataDirectory: pathOfServer.describe("Where the upstream's data is, for the base backup"),
  others: z
    .record(name, otherUpstream)
    .optional()
    .describe(
      "From 10 on: the other servers of that stack that may become its primary, by name. A mirror goes by itself to whichever takes writes",
    ),
  settings: settings
    .optional()
    .describe("The upstream's hot-standby floors (max_connections …), so that a mirror below them is seen beforehand"),
  authority: pem
    .optional()
    .describe(
      "PEM of the authority of its certificate (pulumi stack output authority): this stack's servers and sessions insist on TLS with it",
    ),
  stack: z
    .string()
    .optional()
    .describe("The stack that describes it (ORGANIZATION/PROJECT/STACK), to be confirmed or contradicted"),
});
