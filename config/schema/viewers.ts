import * as z from "zod";
import { absolutePath, address, flag, name, osUser, port, roleName, strict } from "./values.js";

/** What httpd, Python, a shell and a table of ours all take for nothing but itself. */
const plain = /^[A-Za-z0-9_./+@:,=~-]+$/;
const viewersPath = absolutePath.refine(
  (path) => plain.test(path),
  "a path of the viewers is of letters, digits and _ . / + @ : , = ~ -: httpd, Python and shells read it",
);
const part = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.+-]*$/, "a name is of letters, digits, _ . + and -, and begins with no . or -");
/** Below a product's folder. */
const within = z
  .string()
  .regex(
    /^[A-Za-z0-9_][A-Za-z0-9_.+-]*(\/[A-Za-z0-9_][A-Za-z0-9_.+-]*)*$/,
    "a path in a product is relative, of letters, digits, _ . + - and /",
  );
const url = z
  .string()
  .regex(/^(\/[A-Za-z0-9_][A-Za-z0-9_.~-]*)+$/, "a URL's path begins with / and does not end in one: /TV");
const applicationName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_-]{0,39}$/, "an application's name is of letters, digits, _ and -");
const directives = z
  .array(z.string().regex(/^[^\0\r\n]*[^\0\r\n\\]$/, "a directive is one line, and goes on in no other"))
  .default([]);

const application = strict({
  kind: z
    .enum(["wsgi", "mod_python"])
    .describe("By mod_wsgi, in processes of its own; or by mod_python, within httpd's"),
  url: url.optional().describe("Where it is found (by default /APPLICATION)"),
  product: part.optional().describe("Its folder among the products (by default its name)"),
  version: part
    .optional()
    .describe("The folder in the product's that its link current leads to (by default the link is left as it is)"),
  link: flag.default(true).describe("Whether html has a link of its name to the product's current"),
  script: within
    .optional()
    .describe(
      "What it runs, in the product's current folder (by default wsgi/APPLICATION.wsgi; of mod_python APPLICATION.py)",
    ),
  configuration: part
    .optional()
    .describe("The one of configurations: that it reads: it begins anew when that leads elsewhere (by default any)"),
  processes: z.coerce
    .number()
    .int()
    .min(1)
    .max(64)
    .optional()
    .describe("wsgi: how many processes it has (by default 2)"),
  threads: z.coerce
    .number()
    .int()
    .min(1)
    .max(256)
    .optional()
    .describe("wsgi: how many threads each has (by default 5)"),
  pythonHome: viewersPath.optional().describe("wsgi: its virtual environment (by default the interpreter's own)"),
  pythonPath: z.array(viewersPath).optional().describe("wsgi: folders in which it finds modules"),
  sessions: viewersPath.optional().describe("mod_python: where its sessions lie (by default LOGS/tmp/mp_sessions)"),
  directives: directives.describe("Lines of httpd's configuration for this application, as they are"),
});

const configuration = strict({
  database: roleName.describe("The database that the application uses"),
  role: roleName
    .optional()
    .describe("As whom; its password is the key password-ROLE (by default it says neither a user nor a password)"),
  section: z
    .string()
    .regex(/^[A-Za-z0-9_.:-]+$/, "a section is of letters, digits, _, ., : and -")
    .default("database")
    .describe("The section in which the lines stand"),
  quotes: flag
    .default(false)
    .describe("Whether values stand in quotes: PHP wants them, Python's configparser does not"),
  mode: z
    .string()
    .regex(/^0[0-7]{3}$/, 'a mode is four octal digits in quotes: "0640"')
    .default("0600")
    .describe("Who may read it, as chmod takes it: it may have a password in it"),
  options: z
    .record(
      z.string().regex(/^[A-Za-z_][A-Za-z0-9_.-]*$/, "an option's name is of letters, digits, _ . and -"),
      z.union([z.string(), z.number(), z.boolean()]).transform(String),
    )
    .default({})
    .describe("More lines of it, the same for every server"),
});

export const viewers = strict({
  host: name.describe("A key of hosts:"),
  user: osUser
    .refine((user) => user !== "root", "httpd runs as an unprivileged user of its own (codemanager)")
    .default("codemanager")
    .describe("Whom all of it belongs to, and who runs httpd"),
  folder: viewersPath
    .default("/usr/remote/software/www")
    .describe("The web space: httpd.conf, conf.d, html, and html/cfg for the applications' configurations"),
  logs: viewersPath
    .default("/data_local/web_logs")
    .describe("Locks, sockets, logs and sessions: on a local disk, never on NFS"),
  products: viewersPath
    .default("/usr/remote/software/products")
    .describe("The folder of products, each with its versions and a link to the current one"),
  bin: viewersPath.optional().describe("Where the programs viewers and follow-primary go (by default FOLDER/bin)"),
  httpd: strict({
    version: z.enum(["2.2", "2.4"]).default("2.4").describe("The dialect of its configuration"),
    program: viewersPath.default("/usr/sbin/httpd").describe("Debian's is /usr/sbin/apache2"),
    modules: viewersPath
      .default("/etc/httpd/modules")
      .describe("Folder of its modules; Debian's is /usr/lib/apache2/modules"),
    wsgi: viewersPath.optional().describe("mod_wsgi (by default mod_wsgi.so in the folder of modules)"),
    python: viewersPath.optional().describe("mod_python (by default mod_python.so in the folder of modules)"),
    mpm: z
      .enum(["prefork", "worker", "event"])
      .default("prefork")
      .describe("How httpd's own processes work; at 2.2 it is compiled in, and event is none of its"),
    address: address.optional().describe("Where it listens (by default everywhere)"),
    port: port
      .refine((number) => number >= 1024, "takes root below 1024, and httpd runs as an unprivileged user: 8080")
      .default(8080)
      .describe("Its port"),
    separate: flag
      .optional()
      .describe(
        "Whether mod_python has an httpd of its own on 127.0.0.1, to which the first one leads: mod_wsgi from 4.0 on refuses to be in one with it (by default yes at 2.4, no at 2.2)",
      ),
    pythonPort: port
      .refine((number) => number >= 1024, "takes root below 1024, and httpd runs as an unprivileged user: 8090")
      .default(8090)
      .describe("The port of that httpd of its own"),
    serverName: address.optional().describe("How it calls itself (by default the host's address)"),
    directives: directives.describe("More lines of httpd.conf, as they are"),
  }).prefault({}),
  applications: z.record(applicationName, application).describe("The viewers by name, each a file in conf.d"),
  configurations: z
    .record(part, configuration)
    .default({})
    .describe("Files in html/cfg by name: NAME_SERVER for each server that may be the primary, and the link NAME"),
  boot: flag.default(true).describe("Whether httpd starts with its machine"),
  page: z
    .string()
    .regex(/^html(\/[A-Za-z0-9_][A-Za-z0-9_.+-]*)+$/, "the page lies below html: html/site.html")
    .optional()
    .describe("The file below FOLDER into which a schedule may put the site's page (pgsite page --out)"),
}).describe(
  "The web viewers: Apache, its applications, and the links by which they find the primary (docs/viewers.md)",
);
