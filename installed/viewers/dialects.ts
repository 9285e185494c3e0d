import { posix } from "node:path";
import type { Httpd, HttpdVersion } from "../../config/viewers.js";
import { httpdWord, pythonString } from "./quote.js";

/*
 * What httpd's configuration says otherwise in 2.2 and in 2.4, as rows. No 2.2 was to be had for trying: its column follows its
 * manual (httpd.apache.org/docs/2.2), and golden files hold it.
 */

/** What lines may say. */
interface Said {
  readonly logs: string;
  readonly modules: string;
  /** mod_python's handlers. */
  readonly scripts: readonly string[];
}

type Lines = (said: Said) => readonly string[];

/** The main one, which C extensions want (psycopg2 among them), by the name that mod_python has for it. */
const interpreter = "main_interpreter";

const rows = {
  /** Where locks lie: never on NFS, where they do not hold. */
  locks: {
    "2.2": ({ logs }) => [`LockFile ${httpdWord(posix.join(logs, "accept.lock"))}`],
    "2.4": ({ logs }) => [`Mutex ${httpdWord(`file:${logs}`)} default`, `DefaultRuntimeDir ${httpdWord(logs)}`],
  },
  allow: {
    "2.2": () => ["Order allow,deny", "Allow from all"],
    "2.4": () => ["Require all granted"],
  },
  deny: {
    "2.2": () => ["Order deny,allow", "Deny from all"],
    "2.4": () => ["Require all denied"],
  },
  /** Where mod_python finds a handler. 3.3, of 2.2's time, notices by its own importer that a module was touched; 3.5 has none. */
  handlers: {
    "2.2": ({ modules }) => [`PythonOption mod_python.importer.path ${httpdWord(`[${pythonString(modules)}]`)}`],
    "2.4": ({ modules }) => [`PythonPath ${httpdWord(`[${pythonString(modules)}] + sys.path`)}`],
  },
  /**
   * Handlers that a process has before it takes its first request. One that imported them within it would count as busy: httpd starts
   * another for each request that comes meanwhile, each of which imports too, and on a busy machine none gets there any more. 3.3's
   * importer wants more than a name.
   */
  imports: {
    "2.2": () => [],
    "2.4": ({ scripts }) => [
      `PythonInterpreter ${interpreter}`,
      `PythonPath ${httpdWord(`[${folders(scripts).map(pythonString).join(", ")}] + sys.path`)}`,
      ...scripts.map((script) => `PythonImport ${httpdWord(posix.basename(script, ".py"))} ${interpreter}`),
    ],
  },
} as const satisfies Readonly<Record<string, Readonly<Record<HttpdVersion, Lines>>>>;

/** A module of httpd's own: its identifier without `_module`, its file without `mod_` and `.so`. */
interface BaseModule {
  readonly name: string;
  readonly versions: readonly HttpdVersion[];
}

const both: readonly HttpdVersion[] = ["2.2", "2.4"];
const baseModules: readonly BaseModule[] = [
  { name: "authz_core", versions: ["2.4"] },
  // Order, Allow and Deny.
  { name: "authz_host", versions: ["2.2"] },
  // Without it 2.4 starts as nobody.
  { name: "unixd", versions: ["2.4"] },
  { name: "log_config", versions: both },
  { name: "mime", versions: both },
  { name: "dir", versions: both },
  { name: "alias", versions: both },
];
/** What leads to the httpd of mod_python. */
const proxyModules: readonly BaseModule[] = [
  { name: "proxy", versions: both },
  { name: "proxy_http", versions: both },
];

export function dialectLines(
  what: keyof typeof rows,
  version: HttpdVersion,
  { logs = "", modules = "", scripts = [] }: Partial<Said> = {},
): readonly string[] {
  return rows[what][version]({ logs, modules, scripts });
}

function folders(scripts: readonly string[]): readonly string[] {
  return [...new Set(scripts.map((script) => posix.dirname(script)))];
}

/** Loads what httpd needs of its own: distributions compile different ones in. 2.2 has its MPM compiled in. */
export function baseModuleLines(
  { version, modules, mpm }: Pick<Httpd, "version" | "modules" | "mpm">,
  { leads }: { readonly leads: boolean },
): readonly string[] {
  const all = [...baseModules, ...(leads ? proxyModules : [])];
  const names = [
    ...(version === "2.4" ? [`mpm_${mpm}`] : []),
    ...all.filter(({ versions }) => versions.includes(version)).map(({ name }) => name),
  ];
  return names.flatMap((name) => [
    `<IfModule !${name}_module>`,
    `  ${loadModule(name, posix.join(modules, `mod_${name}.so`))}`,
    "</IfModule>",
  ]);
}

export function loadModule(name: string, path: string): string {
  return `LoadModule ${name}_module ${httpdWord(path)}`;
}
