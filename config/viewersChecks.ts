import { posix } from "node:path";
import { error, type Problem } from "../postgres/problem.js";
import { canBeInIni } from "./ini.js";
import { passwordKey, type RawConfiguration } from "./parse.js";
import { unknownHost, unknownName } from "./references.js";
import type { StackDescription, ViewersDescription } from "./schema.js";
import { configurationName, configurationsFolder, productOf } from "./viewers.js";

/** What of the viewers points nowhere, or says two things of one file. */
export function checkViewers(description: StackDescription, raw: RawConfiguration): Problem[] {
  const { viewers, hosts, primary, clients } = description;
  if (viewers === undefined) return [];
  const folder = configurationsFolder({ html: posix.join(viewers.folder, "html") });
  return [
    ...unknownHost(hosts, "viewers.host", viewers.host),
    ...(primary === undefined
      ? [error("viewers", "goes with the stack that has the primary: the viewers' links follow it from there")]
      : []),
    ...clients.links.flatMap((links, index) =>
      links.host === viewers.host && links.folder === folder
        ? [error(`clients.links[${index}].folder`, "is the viewers': say there what its links are, by configurations:")]
        : [],
    ),
    ...(viewers.httpd.version === "2.2" && viewers.httpd.mpm === "event"
      ? [error("viewers.httpd.mpm", "event comes with 2.4; allowed at 2.2: prefork, worker")]
      : []),
    ...(viewers.httpd.separate !== false && viewers.httpd.pythonPort === viewers.httpd.port
      ? [error("viewers.httpd.pythonPort", "is the first httpd's: mod_python's has one of its own")]
      : []),
    ...checkApplications(viewers),
    ...checkPage(viewers),
    ...Object.keys(viewers.configurations).flatMap((name) => checkConfiguration(description, viewers, name, raw)),
  ];
}

/** Names of html that are no application's. */
const reserved = ["cfg", "robots.txt"];

function checkApplications(viewers: ViewersDescription): Problem[] {
  const { applications, configurations } = viewers;
  const names = Object.keys(applications);
  const urlOf = (name: string) => applications[name]?.url ?? `/${name}`;
  return names.flatMap((name, index) => {
    const path = `viewers.applications.${name}`;
    const described = applications[name] as (typeof applications)[string];
    const { version, configuration, link, kind, script } = described;
    const strange =
      kind === "wsgi" ? (["sessions"] as const) : (["processes", "threads", "pythonHome", "pythonPath"] as const);
    const before = names.slice(0, index);
    const twin = before.find((other) => urlOf(other) === urlOf(name));
    const other = before.find(
      (one) =>
        productOf(viewers, one) === productOf(viewers, name) && (applications[one]?.version ?? version) !== version,
    );
    const module = posix.basename(script ?? `${name}.py`);
    return [
      ...strange.flatMap((key) =>
        described[key] === undefined ? [] : [error(`${path}.${key}`, `is none of ${kind}'s`)],
      ),
      ...(twin === undefined ? [] : [error(`${path}.url`, `is ${urlOf(name)}, where ${twin} is already`)]),
      ...(other === undefined || version === undefined
        ? []
        : [
            error(
              `${path}.version`,
              `is another than ${other}'s, and both are of the product ${productOf(viewers, name)}`,
            ),
          ]),
      ...(configuration === undefined || configurations[configuration] !== undefined
        ? []
        : [error(`${path}.configuration`, `there is no "${configuration}" among viewers.configurations`)]),
      ...(link && reserved.includes(name) ? [error(path, `html/${name} is something else: call it otherwise`)] : []),
      ...(kind === "mod_python" && !/^[A-Za-z_][A-Za-z0-9_]*\.py$/.test(module)
        ? [error(`${path}.script`, `${module} is no module that Python can import: NAME.py, of letters, digits and _`)]
        : []),
    ];
  });
}

function checkPage({ page, applications }: ViewersDescription): Problem[] {
  const [, first = ""] = (page ?? "").split("/");
  if (page === undefined || !(reserved.includes(first) || applications[first]?.link === true)) return [];
  return [error("viewers.page", `html/${first} is something else: choose another name`)];
}

/** Lines that are pgsite's to write. */
const written = ["host", "port", "database", "user", "password"];

function checkConfiguration(
  { administrator, roles, servers }: StackDescription,
  { configurations }: ViewersDescription,
  name: string,
  raw: RawConfiguration,
): Problem[] {
  const path = `viewers.configurations.${name}`;
  const { role, quotes, options, database } = configurations[name] as (typeof configurations)[string];
  const files = Object.keys(servers).map((server) => configurationName(name, server));
  const taken = files.find((file) => configurations[file] !== undefined);
  const password = role === undefined ? "" : (raw[`pgsite:${passwordKey(role)}`] ?? "");
  const way = quotes
    ? "it has both kinds of quotes, or a backslash or $ beside ',"
    : "it has a %, a # or ; after a blank, a blank at an end,";
  const fits = (key: string, value: string) =>
    canBeInIni(value, quotes)
      ? []
      : [error(key, `cannot stand in ${name}, an ini file: ${way} or a control character`)];
  return [
    ...(taken === undefined ? [] : [error(path, `its file for a server, ${taken}, is another configuration's link`)]),
    ...(role === undefined ? [] : unknownName("role", `${path}.role`, role, [...Object.keys(roles), administrator])),
    ...(role === undefined ? [] : fits(passwordKey(role), password)),
    ...fits(`${path}.database`, database),
    ...(role === undefined ? [] : fits(`${path}.role`, role)),
    ...Object.entries(options).flatMap(([option, value]) => [
      ...(written.includes(option) ? [error(`${path}.options.${option}`, "is pgsite's to write")] : []),
      ...fits(`${path}.options.${option}`, value),
    ]),
  ];
}
