// As a namespace: `{ z }` would bring every language that zod speaks into all bundles.
import * as z from "zod";
import { majorOf, majors } from "../postgres/versions.js";
import { clients } from "./schema/clients.js";
import { database, role } from "./schema/databases.js";
import { host } from "./schema/hosts.js";
import { backups, mail, watch } from "./schema/jobs.js";
import { accessRule, includes, layout, server, settings, upstream } from "./schema/servers.js";
import { managers, serviceName } from "./schema/service.js";
import { tls } from "./schema/tls.js";
import { upgrade } from "./schema/upgrade.js";
import {
  flag,
  name,
  pathOfServer,
  port,
  rate,
  roleName,
  serverUser,
  settingValue,
  size,
  strict,
} from "./schema/values.js";
import { viewers } from "./schema/viewers.js";

/**
 * The stack file: what an administrator may write below `config:` of Pulumi.STACK.yaml, each key with the
 * prefix `pgsite:`. Strict: an unknown key is an error that names the nearest known one.
 */

export const rehearsal = strict({
  folder: pathOfServer.describe("Each host becomes a folder in it"),
  osUser: serverUser.describe("Who runs the servers here"),
  addresses: z.record(name, z.string()).describe("The loopback address that stands for each host"),
  postgresql: z.string().optional().describe("The major version to rehearse with"),
  binaries: pathOfServer.optional(),
  clients: pathOfServer
    .optional()
    .describe("Folder of client programs (psql, pg_dump); without, neither backups nor the watch are rehearsed"),
});

/** All keys but the passwords, which are keys of their own: `pgsite:password-ROLE`, always secret. */
export const stackSchema = strict({
  site: name.describe("The replicated database as a whole: the same name in every stack that takes part"),
  postgresql: z
    .string()
    .refine((version) => majorOf(version) !== undefined, {
      error: (issue) =>
        `${JSON.stringify(issue.input)} is not a version that pgsite knows; allowed: ${majors.join(", ")}, with or without the minor version`,
    })
    .describe("The version of PostgreSQL"),
  binaries: pathOfServer
    .optional()
    .describe(
      "Folder of the server programs (by default their layout's: /usr/lib/postgresql/MAJOR/bin, pgdg /usr/pgsql-MAJOR/bin, arch /usr/bin)",
    ),
  layout: layout
    .default("plain")
    .describe(
      "How servers stand on their hosts: debian (also Ubuntu), pgdg (Red Hat's family with packages of postgresql.org), arch: where their data, configuration, programs and logs are, and the distribution's own unit starts them; plain: where the stack says, and a unit of pgsite's",
    ),
  osUser: serverUser.default("postgres").describe("The OS user that owns the data and runs the servers; not root"),
  port: port.default(5432).describe("The port of every server that names none itself"),
  hosts: z.record(name, host).describe("Every host by name, with its address"),
  primary: name.optional().describe("The server that is read-write; absent in a stack that only mirrors"),
  standalone: name
    .optional()
    .describe(
      "In place of primary: the one server of this stack, which has no standby and never gets one. The database exists once: a second instance does not start (docs/momentum.md)",
    ),
  upstream: upstream.optional().describe("The server outside this stack that its mirrors follow"),
  servers: z
    .record(name, server)
    .describe("The servers of this stack by name: a server's name is its identity, whatever its role"),
  mirrors: z.array(name).default([]).describe("Hosts outside this stack whose servers may replicate from this one's"),
  mirrorStacks: z
    .array(z.string().min(1))
    .default([])
    .describe(
      "Stacks whose servers mirror this one's (ORGANIZATION/PROJECT/STACK): the preview refuses to raise a hot-standby floor before they have",
    ),
  administrator: roleName.default("postgres").describe("The superuser that pgsite connects as"),
  replicationRole: roleName
    .optional()
    .describe(
      "The role that standbys connect as (by default replicator, REPLICATION without superuser; the administrator at 9.0)",
    ),
  authentication: z
    .enum(["md5", "scram-sha-256"])
    .optional()
    .describe(
      "Method of the access rules that pgsite adds (by default scram-sha-256; before 10, which has none, md5 must be declared)",
    ),
  tls: tls.optional().describe("Encrypted connections, each server proving who it is (docs/tls.md)"),
  settings: settings.default({}).describe("Settings of every server: PostgreSQL's names, or the portable ones"),
  includes: includes.default({}),
  access: z.array(accessRule).default([]).describe("pg_hba.conf, in order"),
  roles: z
    .record(roleName, role)
    .default({})
    .describe("Roles by name, made on the writable server; one that exists is altered to this, none is ever dropped"),
  databases: z
    .record(roleName, database)
    .default({})
    .describe("Databases by name, made on the writable server; none is ever dropped"),
  clients: clients.prefault({}).describe("What leads programs to the primary, whichever server that is"),
  viewers: viewers.optional(),
  slots: z
    .array(roleName)
    .default([])
    .describe(
      "Replication slots that others keep here: left alone. Any other physical one is dropped while nobody uses it",
    ),
  initdb: strict({
    locale: z.string().min(1).default("C").describe("--locale"),
    encoding: z.string().min(1).default("UTF8").describe("--encoding"),
    dataChecksums: flag.optional().describe("--data-checksums; by default on from 9.3"),
  })
    .prefault({})
    .describe("How the first primary's cluster is made; later only read"),
  baseBackup: strict({
    method: z
      .enum(["auto", "pg_basebackup", "rsync", "tar", "archive"])
      .default("auto")
      .describe(
        "pg_basebackup on the standby's host (9.1 and later), rsync over ssh between the two hosts, tar through the machine that runs Pulumi; auto takes the first of them that works. archive, in a stack that mirrors: nothing is copied, pgsite archive restore brings the data",
      ),
    rateLimit: rate.optional().describe("Bytes a second, with kB, MB or GB: 20MB (by default as fast as it goes)"),
  })
    .prefault({})
    .describe("How a standby's data come from another host; on one machine they are copied by cp"),
  synchronous: strict({
    method: z.enum(["first", "any"]).default("first").describe("FIRST of the list, or ANY of it (10 and later)"),
    number: z.coerce.number().int().min(1).default(1).describe("How many of them (9.6 and later; before, one)"),
    servers: z.array(name).min(1).describe("Standbys that a commit waits for"),
  })
    .optional()
    .describe("Synchronous replication, rendered as synchronous_standby_names; 9.1 and later"),
  archiving: strict({
    archiveCommand: z.string().min(1).describe("archive_command: %p the file's path, %f its name"),
    restoreCommand: z.string().min(1).optional().describe("restore_command of the standbys"),
    timeout: settingValue.optional().describe("archive_timeout"),
  })
    .optional()
    .describe("WAL archiving"),
  service: strict({
    name: z
      .string()
      .regex(serviceName, "a service's name is of letters, digits, _, - and ., and begins with a letter or a digit")
      .optional()
      .describe("Of the systemd unit, or of the script in /etc/init.d (by default postgresql-SERVER)"),
    manager: z
      .enum(["auto", ...managers])
      .default("auto")
      .describe(
        "auto: systemd where it runs, else System V, and where pgsite cannot be root the OS user's crontab, which takes none; none: a server comes back by hand after a reboot",
      ),
    runLevels: z
      .array(z.number().int().min(0).max(6))
      .min(1)
      .default([2, 3, 4, 5])
      .describe("System V run levels in which it is up"),
  })
    .prefault({})
    .describe("What starts the servers with their machines; one that is there and starts this data directory is used"),
  backups: backups.optional(),
  watch: watch.optional(),
  mail: mail.optional(),
  upgrade: upgrade.optional(),
  expectedGrowth: strict({
    years: z.coerce.number().positive().describe("How long the disk shall last"),
    perDay: size.describe("By how much each data directory grows a day: 1GB"),
  })
    .optional()
    .describe("What the preflight holds the disks against"),
  install: z
    .enum(["packages", "nothing"])
    .default("nothing")
    .describe(
      "Whether pgsite installs what a host lacks with its package manager (apt), as root there, or only says so",
    ),
  hooks: strict({
    fence: z
      .string()
      .min(1)
      .optional()
      .describe(
        "A shell command that a failover runs first, on the machine that runs Pulumi, with PGSITE_LOST_SERVER and PGSITE_NEW_PRIMARY in its environment: it makes sure that the lost server stays off. Unless it ends with status 0 within a minute, nothing is promoted. No secret belongs in it",
      ),
  })
    .prefault({})
    .describe("Commands of the site's own"),
  disposable: flag.default(false).describe("Whether destroy, or removing a server, may stop it and delete its data"),
  rehearsal: rehearsal
    .optional()
    .describe("Written by pgsite rehearsal into its copies of a stack file: everything on this machine"),
});

/** A stack file as it was understood: defaults filled in, nothing resolved yet. */
type Described = z.output<typeof stackSchema>;

/** As it was understood, with each server where its layout puts it. */
export interface StackDescription extends Omit<Described, "servers"> {
  readonly servers: Readonly<Record<string, ServerDescription>>;
}
export interface ServerDescription extends Omit<Described["servers"][string], "dataDirectory"> {
  readonly dataDirectory: string;
}
export type AccessDescription = StackDescription["access"][number];
export type UpstreamDescription = NonNullable<StackDescription["upstream"]>;
export type TlsDescription = NonNullable<StackDescription["tls"]>;
export type BackupsDescription = NonNullable<StackDescription["backups"]>;
export type WatchDescription = NonNullable<StackDescription["watch"]>;
export type UpgradeDescription = NonNullable<StackDescription["upgrade"]>;
export type ViewersDescription = NonNullable<StackDescription["viewers"]>;
export type RehearsalDescription = NonNullable<StackDescription["rehearsal"]>;
