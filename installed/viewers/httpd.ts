import { posix } from "node:path";
import {
  type Application,
  configurationsFolder,
  type ModPythonApplication,
  type Viewers,
  type WsgiApplication,
} from "../../config/viewers.js";
import { baseModuleLines, dialectLines, loadModule } from "./dialects.js";
import { httpdWord } from "./quote.js";

/** Says whose a file is: one without it in conf.d is somebody else's. */
export function viewersMark({ site }: Pick<Viewers, "site">): string {
  return `Written by pgsite: the web viewers of the site ${site}.`;
}

/** What every file of theirs says first, as comments. */
export function viewersHeading(viewers: Pick<Viewers, "site">): readonly string[] {
  return [viewersMark(viewers), "Change the stack file instead: what is changed here shows in the next preview."];
}

/** Kinds of files that html may hold. httpd's own table of all of them is at another place on every system. */
const types = [
  ["text/html", ".html .htm"],
  ["text/plain", ".txt .log"],
  ["text/css", ".css"],
  ["application/javascript", ".js .mjs"],
  ["application/json", ".json"],
  ["application/xml", ".xml"],
  ["application/pdf", ".pdf"],
  ["image/png", ".png"],
  ["image/jpeg", ".jpg .jpeg"],
  ["image/gif", ".gif"],
  ["image/svg+xml", ".svg"],
  ["image/x-icon", ".ico"],
] as const;

/** A section of httpd's, with its lines. */
function section(name: string, argument: string, lines: readonly string[]): readonly string[] {
  return [`<${name} ${httpdWord(argument)}>`, ...lines.map((line) => `  ${line}`), `</${name}>`];
}

/** One httpd: what its files are told apart by, and the applications that it runs itself. */
export interface Instance {
  readonly suffix: "" | "-python";
  readonly applications: readonly Application[];
}

/** The httpd that people reach, and that of mod_python's where it has one of its own. */
export function instancesOf({ httpd, applications }: Viewers): readonly Instance[] {
  if (httpd.pythonPort === undefined) return [{ suffix: "", applications }];
  return [
    { suffix: "", applications: applications.filter(({ kind }) => kind === "wsgi") },
    { suffix: "-python", applications: applications.filter(({ kind }) => kind === "mod_python") },
  ];
}

/**
 * Whether all of an httpd's applications are mod_python's: they begin anew by a graceful restart of it, which lets its processes serve
 * to the end what they have begun. With mod_wsgi in it, that would cut off what the processes of that serve, and a touch is all there is.
 */
export function beginsAnew({ applications }: Instance): boolean {
  return applications.length > 0 && applications.every(({ kind }) => kind === "mod_python");
}

/**
 * httpd.conf. There is no ServerRoot in it, and no path that begins there but those of conf.d: `httpd -d` says where it is, so that
 * the same bytes are tried in one folder and live in another. No User: it runs as whoever starts it.
 */
export function renderHttpdConf(viewers: Viewers, { suffix, applications }: Instance): string {
  const { httpd, html, logs } = viewers;
  const { version, pythonPort } = httpd;
  const has = (kind: Application["kind"]) => applications.some((one) => one.kind === kind);
  const file = (name: string) => httpdWord(posix.join(logs, name));
  const led =
    suffix === "" && pythonPort !== undefined ? viewers.applications.filter(({ kind }) => kind === "mod_python") : [];
  return text([
    ...viewersHeading(viewers).map((line) => `# ${line}`),
    "",
    `ServerName ${httpd.serverName}`,
    `Listen ${suffix === "" ? httpd.listen : `127.0.0.1:${pythonPort}`}`,
    `PidFile ${file(`httpd${suffix}.pid`)}`,
    ...dialectLines("locks", version, { logs }),
    "",
    ...baseModuleLines(httpd, { leads: led.length > 0 }),
    ...(has("mod_python") ? [loadModule("python", httpd.python)] : []),
    ...(has("wsgi") ? [loadModule("wsgi", httpd.wsgi)] : []),
    "",
    `ErrorLog ${file(`error_log${suffix}`)}`,
    "LogLevel warn",
    'LogFormat "%h %l %u %t \\"%r\\" %>s %b" common',
    `CustomLog ${file(`access_log${suffix}`)} common`,
    "ServerTokens Prod",
    "TraceEnable Off",
    "",
    `DocumentRoot ${httpdWord(html)}`,
    "DirectoryIndex index.html",
    'TypesConfig "/dev/null"',
    ...types.map(([type, endings]) => `AddType ${type} ${endings}`),
    "",
    ...section("Directory", "/", ["Options FollowSymLinks", "AllowOverride None", ...dialectLines("deny", version)]),
    ...section("Directory", html, dialectLines("allow", version)),
    "# Passwords may be in these.",
    ...section("Directory", configurationsFolder(viewers), dialectLines("deny", version)),
    "",
    ...(has("wsgi") ? [`WSGISocketPrefix ${file("wsgi")}`] : []),
    ...(has("mod_python") ? [`PythonOption mod_python.mutex_directory ${httpdWord(logs)}`] : []),
    ...(beginsAnew({ suffix, applications })
      ? dialectLines("imports", version, { scripts: applications.map(({ script }) => script) })
      : []),
    ...led.flatMap(({ url }) => leadLines(url, `http://127.0.0.1:${pythonPort}${url}`)),
    ...applications.map(({ name }) => `Include ${httpdWord(applicationFile(name))}`),
    ...(suffix === "" ? httpd.directives : []),
  ]);
}

/** From the httpd that people reach to that of mod_python, which nobody else reaches. */
function leadLines(url: string, to: string): readonly string[] {
  return [
    "ProxyPreserveHost On",
    // A connection that is kept would be found closed after the other has begun anew.
    `ProxyPass ${httpdWord(url)} ${httpdWord(to)} disablereuse=On`,
    `ProxyPassReverse ${httpdWord(url)} ${httpdWord(to)}`,
  ];
}

/** The file of an application, from the folder that has httpd.conf. */
export function applicationFile(name: string): string {
  return `conf.d/${name}.conf`;
}

export function renderApplication(viewers: Viewers, application: Application): string {
  const lines = application.kind === "wsgi" ? wsgi(viewers, application) : modPython(viewers, application);
  return text([
    ...viewersHeading(viewers).map((line) => `# ${line}`),
    "",
    ...lines,
    ...(application.directives.length === 0 ? [] : ["", ...application.directives]),
  ]);
}

/**
 * In processes of its own. C extensions, psycopg2 among them, want the main interpreter: %{GLOBAL}. A process that finds its script
 * touched begins anew before its next request, and gives that request to the new one.
 */
function wsgi({ httpd: { version } }: Viewers, application: WsgiApplication): readonly string[] {
  const { name, url, script, processes, threads, pythonHome, pythonPath } = application;
  const words = [
    httpdWord(name),
    `processes=${processes}`,
    `threads=${threads}`,
    "display-name=%{GROUP}",
    ...(pythonHome === undefined ? [] : [`python-home=${httpdWord(pythonHome)}`]),
    ...(pythonPath.length === 0 ? [] : [`python-path=${httpdWord(pythonPath.join(":"))}`]),
  ];
  return [
    `WSGIDaemonProcess ${words.join(" ")}`,
    `WSGIScriptAlias ${httpdWord(url)} ${httpdWord(script)}`,
    ...section("Location", url, [
      `WSGIProcessGroup ${httpdWord(name)}`,
      "WSGIApplicationGroup %{GLOBAL}",
      "WSGIScriptReloading On",
    ]),
    ...section("Directory", posix.dirname(script), dialectLines("allow", version)),
  ];
}

/** Within httpd's own processes. */
function modPython({ httpd: { version } }: Viewers, application: ModPythonApplication): readonly string[] {
  const { url, script, sessions } = application;
  const option = (name: string, value: string) => `PythonOption mod_python.${name} ${httpdWord(value)}`;
  return [
    ...section("Location", url, [
      ...dialectLines("allow", version),
      "SetHandler mod_python",
      `PythonHandler ${posix.basename(script, ".py")}`,
      ...dialectLines("handlers", version, { modules: posix.dirname(script) }),
      "PythonAutoReload On",
      option("session.session_type", "FileSession"),
      option("session.database_directory", sessions),
      // html has a link of the same name: its folder is not the handler's.
      "DirectorySlash Off",
    ]),
  ];
}

export const robots = "User-agent: *\nDisallow: /\n";

function text(lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}
