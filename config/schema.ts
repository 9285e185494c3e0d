// As a namespace: `{ z }` would bring every language that zod speaks into all bundles.
import * as z from "zod";
import { nearest } from "../postgres/problem.js";
import { parseInteger, parseReal } from "../postgres/quantities.js";
import { majorOf, majors } from "../postgres/versions.js";
import { managers, serviceName } from "../services/facts.js";

/**
 * The stack file: what an administrator may write below `config:` of Pulumi.STACK.yaml, each key with the
 * prefix `pgsite:`. Strict: an unknown key is an error that names the nearest known one.
 */

const name = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$/, "a name is made of lower-case letters, digits, - and _")
  .max(40);
const roleName = z
  .string()
  .min(1)
  .regex(/^[^\r\n\0]*$/, "a name has no line break in it");
const absolutePath = z
  .string()
  .regex(/^\/[^\0\r\n]*$/, "a path is absolute")
  .refine((path) => !path.split("/").includes(".."), "a path has no .. in it")
  .refine((path) => path === "/" || !path.endsWith("/"), "a path does not end in /");
/** pg_ctl and initdb put these into double quotes of a command line, and give that to a shell. */
const pathOfServer = absolutePath.refine(
  (path) => !/["$`\\]/.test(path),
  "PostgreSQL's own pg_ctl hands it to a shell, which would execute what \" $ ` or \\ mean in it: take a path without them",
);
const port = z.coerce.number().int().min(1).max(65535);
const address = z.string().regex(/^[A-Za-z0-9_:][A-Za-z0-9_.:-]*$/, "an address is an IP address or a host name");
const osUser = z
  .string()
  .regex(
    /^[A-Za-z_][A-Za-z0-9_.-]*\$?$/,
    "an OS user is made of letters, digits, _, . and -, and begins with a letter or _",
  )
  .max(32);
const flag = z.union([z.boolean(), z.enum(["true", "false"]).transform((text) => text === "true")]);

/** Bytes. */
const size = z.union([z.string(), z.number()]).transform((given, context) => {
  const parsed = parseReal("18", "B", `${given}`);
  if (parsed.ok && parsed.value >= 0) return parsed.value;
  context.issues.push({ code: "custom", input: given, message: "a size is a number with B, kB, MB, GB or TB: 1GB" });
  return z.NEVER;
});

/** What stands in it is judged with everything that it must fit, and never quoted: it may be a key by mistake. */
const pem = z.string().min(1);

const settingValue = z.union([z.string(), z.number(), z.boolean()]);

/** Settings by PostgreSQL's own names or the portable ones; checked against the version by `postgres/`. */
const settings = z
  .record(z.string(), settingValue)
  .describe("PostgreSQL's settings by name, in any of its units: max_connections: 400, work_mem: 64MB");

const accessRule = z
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

const container = strict({
  image: z
    .string()
    .regex(
      /^[a-z0-9][A-Za-z0-9_.:/@-]*$/,
      "an image is a name with its tag or digest, as docker pull takes it: postgres:15",
    )
    .max(255)
    .optional()
    .describe("The stack makes the container from this image, with a volume for the data and a network for the site"),
  name: z
    .string()
    .regex(
      /^[A-Za-z0-9][A-Za-z0-9_.-]+$/,
      "a container's name is of letters, digits, _, - and ., and begins with a letter or a digit",
    )
    .max(128)
    .optional()
    .describe("Its name in Docker (by default SITE-STACK-HOST); without image, a container that is there already"),
  volume: absolutePath
    .optional()
    .describe(
      "Folder in the container at which its volume is mounted (by default the one that the data directories lie in)",
    ),
})
  .refine(({ image, name }) => image !== undefined || name !== undefined, {
    path: ["name"],
    error: "name a container that is there, or give the image from which the stack makes one",
  })
  .refine(({ image, volume }) => image !== undefined || volume === undefined, {
    path: ["volume"],
    error: "a container that is there has its volumes already: take volume away, or name an image to make one from",
  })
  .describe("The host is a Docker container, reached by the Docker CLI");

const host = z.union([
  address,
  strict({
    address: address.describe("An IP address, or from 9.1 a host name"),
    transport: z
      .enum(["ssh", "local"])
      .default("ssh")
      .describe("How pgsite reaches it: over SSH, or it is this machine; a container is reached by Docker"),
    ssh: z
      .string()
      .regex(
        /^[A-Za-z0-9_:][A-Za-z0-9_.:-]*$/,
        "a name of ~/.ssh/config, a host name or an IP address; the user is login:",
      )
      .max(255)
      .optional()
      .describe("What ssh is given: a name of ~/.ssh/config (by default the address)"),
    login: z
      .string()
      .regex(
        /^[A-Za-z0-9_][A-Za-z0-9_.@+-]*\$?$/,
        "a user's name begins with a letter, a digit or _, and has no space in it",
      )
      .max(255)
      .optional()
      .describe("Whom to log in as (by default what ~/.ssh/config says, or our own name)"),
    become: z
      .enum(["sudo", "su", "none"])
      .optional()
      .describe(
        "How the login user becomes osUser (by default by who one is there: osUser already, nothing; root, su; anybody else, sudo without a password)",
      ),
    container: container.optional(),
  }).superRefine(({ transport, container, ...reached }, context) => {
    if (container !== undefined && transport === "local") {
      const message =
        "says that the host is this machine, and container: that it is a container: take one of them away";
      context.addIssue({ code: "custom", path: ["transport"], message });
    } else if (container === undefined && transport === "ssh") return;
    const what =
      container === undefined ? "transport: local says that it is this machine" : "container: says that it is one";
    for (const key of ["ssh", "login", "become"] as const) {
      if (reached[key] === undefined) continue;
      const message = `says how to reach a host over SSH, and ${what}: take one of them away`;
      context.addIssue({ code: "custom", path: [key], message });
    }
  }),
]);

const server = strict({
  host: name.optional().describe("Its host, a key of hosts: (by default the server's own name)"),
  address: address.optional().describe("The address it listens on (by default its host's)"),
  port: port.optional().describe("By default the stack's port"),
  dataDirectory: pathOfServer.describe("Absolute; beside it DATADIRECTORY.pgsite holds what pgsite keeps"),
  role: z
    .enum(["standby", "mirror"])
    .default("standby")
    .describe(
      "What it is when it is not the primary: a standby at the site, or a hot-standby mirror, always open for queries",
    ),
  upstream: name.optional().describe("The server that it replicates from (by default the primary, or upstream:)"),
  settings: settings.optional().describe("Settings of this server alone, over those of the stack"),
  access: z.array(accessRule).optional().describe("Access rules of this server alone, before those of the stack"),
  keepDiverged: z
    .enum(["data", "wal"])
    .default("data")
    .describe(
      "What of a server that went its own way is kept beside its data directory when it rejoins: all data, or the WAL since then",
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

/** By name; sessions begin with them. What is there beside these is undone. */
const sessionSettings = z.record(z.string(), settingValue).default({});

const role = strict({
  login: flag.default(true).describe("Its password is the key password-ROLE"),
  superuser: flag.default(false).describe("SUPERUSER"),
  replication: flag.default(false).describe("9.1 and later; before, only a superuser may replicate"),
  createdb: flag.default(false).describe("CREATEDB"),
  createrole: flag.default(false).describe("CREATEROLE"),
  connectionLimit: z.coerce.number().int().min(-1).default(-1).describe("CONNECTION LIMIT; -1 is none"),
  memberOf: z.array(roleName).default([]).describe("Roles that it is a member of"),
  settings: sessionSettings.describe("Settings of its sessions, as ALTER ROLE … SET gives them: search_path, work_mem"),
  databaseSettings: z
    .record(roleName, sessionSettings)
    .default({})
    .describe("The same in one database alone, by its name (ALTER ROLE … IN DATABASE … SET)"),
});

const database = strict({
  owner: roleName.optional().describe("By default the administrator"),
  encoding: z.string().optional().describe("ENCODING, at creation (by default the template's)"),
  locale: z.string().optional().describe("LC_COLLATE and LC_CTYPE, at creation (by default the template's)"),
  template: z.string().optional().describe("TEMPLATE, at creation (by default template1)"),
  connectionLimit: z.coerce.number().int().min(-1).default(-1).describe("CONNECTION LIMIT; -1 is none"),
  settings: sessionSettings.describe("Settings of sessions in it, as ALTER DATABASE … SET gives them"),
});

const upstream = strict({
  server: name.describe("Its name in the stack that describes it"),
  host: name.optional().describe("A key of hosts: (by default the server's own name)"),
  port: port.optional().describe("By default the stack's port"),
  dataDirectory: pathOfServer.describe("Where the upstream's data is, for the base backup"),
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

const fileName = z
  .string()
  .regex(/^[^/\0\r\n]+$/, "a file's name has no slash and no line break in it")
  .refine((name) => name !== "." && name !== "..", ". and .. are no files")
  .refine((name) => Buffer.byteLength(name) <= 200, "a file's name has at most 200 bytes here");

const clients = strict({
  links: z
    .array(
      strict({
        host: name.describe("A key of hosts:"),
        user: osUser.optional().describe("Whom to act as there (by default osUser)"),
        folder: absolutePath.describe("Where the links are, and beside them a file for each server: NAME_SERVER"),
        names: z.array(fileName).min(1).describe("Links, each to the file for the primary: constants.cfg"),
      }),
    )
    .default([])
    .describe("Links that lead programs to the primary: constants.cfg -> constants.cfg_server2; they move with it"),
  serviceFiles: z
    .array(
      strict({
        host: name.describe("A key of hosts:"),
        user: osUser.optional().describe("Whom the file belongs to (by default osUser)"),
        path: absolutePath.describe("The whole file is pgsite's"),
      }),
    )
    .default([])
    .describe("Where a pg_service.conf is to lie, whose service has the site's name and leads to whoever takes writes"),
  hook: z
    .string()
    .min(1)
    .optional()
    .describe(
      "A command for the shell of the machine that runs Pulumi, run when another server has become the primary (PGSITE_PRIMARY, PGSITE_PRIMARY_ADDRESS, PGSITE_PRIMARY_PORT)",
    ),
});

const days = z.coerce.number().int().min(1).max(3650);

const tls = strict({
  certificates: z
    .enum(["made", "given"])
    .describe(
      "made: by the stack, with an authority of its own; given: yours, as servers.NAME.certificate and the secret key-NAME",
    ),
  required: flag
    .default(true)
    .describe("false while a running site goes to TLS or away from it: servers offer it, nobody insists (docs/tls.md)"),
  authority: pem.optional().describe("given: PEM of the authority that signed the certificates; several in a row"),
  validityDays: days.default(365).describe("made: for how long a server's certificate is valid"),
  renewBeforeDays: days.default(30).describe("made: `up` renews it when it ends within so many days"),
}).refine(({ validityDays, renewBeforeDays }) => renewBeforeDays < validityDays, {
  path: ["renewBeforeDays"],
  error: "must be below validityDays: every up would renew",
});

const rehearsal = strict({
  folder: pathOfServer.describe("Each host becomes a folder in it"),
  osUser: osUser.describe("Who runs the servers here"),
  addresses: z.record(name, z.string()).describe("The loopback address that stands for each host"),
  postgresql: z.string().optional().describe("The major version to rehearse with"),
  binaries: pathOfServer.optional(),
});

/** What pg_basebackup takes; read as kB a second. */
const slowest = 32;
const fastest = 1024 * 1024;

const rate = z
  .string()
  .regex(/^[1-9][0-9]*(kB|MB|GB)$/, {
    error: "a rate is a whole number with kB, MB or GB (a second): 20MB",
    abort: true,
  })
  .refine(
    (text) => {
      const kilobytes = parseInteger("18", "kB", text);
      return kilobytes.ok && kilobytes.value >= slowest && kilobytes.value <= fastest;
    },
    { error: "a rate is between 32kB and 1024MB a second" },
  );

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
    .describe("Folder of the server programs (by default /usr/lib/postgresql/MAJOR/bin)"),
  osUser: osUser.default("postgres").describe("The OS user that owns the data and runs the servers"),
  port: port.default(5432).describe("The port of every server that names none itself"),
  hosts: z.record(name, host).describe("Every host by name, with its address"),
  primary: name.optional().describe("The server that is read-write; absent in a stack that only mirrors"),
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
      .describe("auto: systemd where it runs, else System V; none: a server comes back by hand after a reboot"),
    runLevels: z
      .array(z.number().int().min(0).max(6))
      .min(1)
      .default([2, 3, 4, 5])
      .describe("System V run levels in which it is up"),
  })
    .prefault({})
    .describe("What starts the servers with their machines; one that is there and starts this data directory is used"),
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
export type StackDescription = z.output<typeof stackSchema>;
export type ServerDescription = StackDescription["servers"][string];
export type AccessDescription = StackDescription["access"][number];
export type UpstreamDescription = NonNullable<StackDescription["upstream"]>;
export type TlsDescription = NonNullable<StackDescription["tls"]>;
export type RehearsalDescription = NonNullable<StackDescription["rehearsal"]>;

/** An object that refuses unknown keys, and says which known one was probably meant. */
function strict<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== "unrecognized_keys") return undefined;
      const meant = issue.keys.map((key) => {
        const near = nearest(key, known);
        return near === undefined ? `"${key}"` : `"${key}" (did you mean ${near}?)`;
      });
      return `unknown: ${meant.join(", ")}; known here: ${known.join(", ")}`;
    },
  });
}

/** The JSON Schema of a whole stack file, for editors. */
export function stackFileJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(stackSchema, { io: "input", unrepresentable: "any" }) as {
    properties: Record<string, unknown>;
    required?: string[];
  };
  const prefixed = Object.entries(schema.properties).map(([key, value]) => [`pgsite:${key}`, value]);
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "A pgsite stack file, Pulumi.STACK.yaml",
    type: "object",
    properties: {
      encryptionsalt: { type: "string" },
      secretsprovider: { type: "string" },
      encryptedkey: { type: "string" },
      environment: {},
      config: {
        type: "object",
        properties: Object.fromEntries(prefixed),
        patternProperties: {
          "^pgsite:password-.+$": {
            type: "object",
            description: "A role's password: pulumi config set --secret password-ROLE",
            properties: { secure: { type: "string" } },
            required: ["secure"],
          },
          "^pgsite:key-.+$": {
            type: "object",
            description: "A server's private key in PEM: pulumi config set --secret key-SERVER <FILE",
            properties: { secure: { type: "string" } },
            required: ["secure"],
          },
          "^(?!pgsite:)": {},
        },
        additionalProperties: false,
        required: (schema.required ?? []).map((key) => `pgsite:${key}`),
      },
    },
    required: ["config"],
  };
}
