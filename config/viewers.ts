import { isIPv6 } from "node:net";
import { posix } from "node:path";
import type { HostSpec } from "../hosts/host.js";
import { defined } from "../postgres/defined.js";
import type { StackDescription, ViewersDescription } from "./schema.js";
import type { Server } from "./site.js";

/** The web viewers of a site, as the stack says them: plain data, without passwords. */
export interface Viewers {
  readonly site: string;
  /** As their own OS user there. */
  readonly host: HostSpec;
  /** Paths on that host, absolute. */
  readonly folder: string;
  /** The folder that httpd shows: `FOLDER/html`. */
  readonly html: string;
  readonly logs: string;
  readonly products: string;
  readonly bin: string;
  /** Where a schedule may put the site's page, in `html`. @default nowhere */
  readonly page?: string;
  readonly httpd: Httpd;
  /** Sorted by name, as are the configurations. */
  readonly applications: readonly Application[];
  readonly configurations: readonly ApplicationConfiguration[];
  /** Every server that may take writes. */
  readonly servers: readonly ViewersServer[];
  /** Links by their paths, each with what it points to: all that knows who the primary is. */
  readonly links: Readonly<Record<string, string>>;
  readonly boot: boolean;
  /** On a machine that is not the viewers' own: files and links alone, nothing runs. */
  readonly rehearsed: boolean;
}

export type HttpdVersion = "2.2" | "2.4";

export interface Httpd {
  readonly version: HttpdVersion;
  readonly program: string;
  readonly modules: string;
  /** Paths of the two modules. */
  readonly wsgi: string;
  readonly python: string;
  readonly mpm: "prefork" | "worker" | "event";
  /** As `Listen` takes it: `8080`, `192.0.2.50:8080`. */
  readonly listen: string;
  /** Of a second httpd on 127.0.0.1 for mod_python's applications: mod_wsgi from 4.0 on is in none with it. @default one for all */
  readonly pythonPort?: number;
  readonly serverName: string;
  readonly directives: readonly string[];
}

interface AnyApplication {
  readonly name: string;
  readonly url: string;
  /** The product's `current`. */
  readonly current: string;
  /** The folder that `current` leads to. @default whatever it leads to is left so */
  readonly version?: string;
  /** What it runs: a touch of it has it begin anew. */
  readonly script: string;
  /** The configuration that it reads. @default any of them */
  readonly configuration?: string;
  readonly directives: readonly string[];
}

export interface WsgiApplication extends AnyApplication {
  readonly kind: "wsgi";
  readonly processes: number;
  readonly threads: number;
  readonly pythonHome?: string;
  readonly pythonPath: readonly string[];
}

export interface ModPythonApplication extends AnyApplication {
  readonly kind: "mod_python";
  readonly sessions: string;
}

export type Application = WsgiApplication | ModPythonApplication;

/** A file by which an application comes to a server, once for each server. */
export interface ApplicationConfiguration {
  readonly name: string;
  readonly section: string;
  readonly quotes: boolean;
  readonly mode: number;
  readonly database: string;
  /** @default it says neither a user nor a password */
  readonly role?: string;
  readonly options: Readonly<Record<string, string>>;
}

export interface ViewersServer {
  readonly name: string;
  readonly address: string;
  readonly port: number;
}

/** The folder of the applications' configurations. */
export function configurationsFolder({ html }: Pick<Viewers, "html">): string {
  return posix.join(html, "cfg");
}

/** The file by which an application comes to a server. */
export function configurationName(name: string, server: string): string {
  return `${name}_${server}`;
}

/** @param hostOf a host by its name, with whom to act as there */
export function viewersOf(
  { site, viewers, primary, rehearsal }: StackDescription,
  servers: readonly Server[],
  hostOf: (host: string, user: string | undefined) => HostSpec,
): Viewers | undefined {
  if (viewers === undefined || primary === undefined) return undefined;
  const { folder, logs, products, page } = viewers;
  const host = hostOf(viewers.host, viewers.user);
  const html = posix.join(folder, "html");
  const applications = Object.keys(viewers.applications)
    .sort()
    .map((name) => applicationOf(viewers, name));
  return {
    site,
    host,
    folder,
    html,
    logs,
    products,
    bin: viewers.bin ?? posix.join(folder, "bin"),
    ...(page === undefined ? {} : { page: posix.join(folder, page) }),
    httpd: httpdOf(viewers, host),
    applications,
    configurations: Object.keys(viewers.configurations)
      .sort()
      .map((name) => configurationOf(viewers, name)),
    servers: servers
      .filter(({ role }) => role !== "mirror")
      .map(({ name, address, port }) => ({ name, address, port })),
    links: linksOf(viewers, applications, html, primary),
    boot: viewers.boot && rehearsal === undefined,
    rehearsed: rehearsal !== undefined,
  };
}

function httpdOf({ httpd, applications }: ViewersDescription, host: HostSpec): Httpd {
  const kinds = Object.values(applications).map(({ kind }) => kind);
  const isMixed = kinds.includes("wsgi") && kinds.includes("mod_python");
  const { version, program, modules, mpm, address, port, directives } = httpd;
  const place = address !== undefined && isIPv6(address) ? `[${address}]` : address;
  const name = httpd.serverName ?? host.address;
  return {
    version,
    program,
    modules,
    wsgi: httpd.wsgi ?? posix.join(modules, "mod_wsgi.so"),
    python: httpd.python ?? posix.join(modules, "mod_python.so"),
    mpm,
    ...(isMixed && (httpd.separate ?? version === "2.4") ? { pythonPort: httpd.pythonPort } : {}),
    listen: place === undefined ? `${port}` : `${place}:${port}`,
    serverName: `${isIPv6(name) ? `[${name}]` : name}:${port}`,
    directives,
  };
}

/** The folder of an application's product, by what the stack says of it. */
export function productOf({ applications }: ViewersDescription, name: string): string {
  return applications[name]?.product ?? name;
}

function applicationOf(viewers: ViewersDescription, name: string): Application {
  const described = viewers.applications[name] as ViewersDescription["applications"][string];
  const { version, configuration, directives } = described;
  const current = posix.join(viewers.products, productOf(viewers, name), "current");
  const all = {
    name,
    url: described.url ?? `/${name}`,
    current,
    ...defined({ version, configuration }),
    directives,
  };
  if (described.kind === "mod_python") {
    return {
      kind: "mod_python",
      ...all,
      script: posix.join(current, described.script ?? `${name}.py`),
      sessions: described.sessions ?? posix.join(viewers.logs, "tmp", "mp_sessions"),
    };
  }
  const { processes = 2, threads = 5, pythonHome, pythonPath = [] } = described;
  return {
    kind: "wsgi",
    ...all,
    script: posix.join(current, described.script ?? `wsgi/${name}.wsgi`),
    processes,
    threads,
    ...defined({ pythonHome }),
    pythonPath,
  };
}

function configurationOf({ configurations }: ViewersDescription, name: string): ApplicationConfiguration {
  const { section, quotes, mode, database, role, options } = configurations[
    name
  ] as ViewersDescription["configurations"][string];
  return { name, section, quotes, mode: Number.parseInt(mode, 8), database, ...defined({ role }), options };
}

function linksOf(
  { applications: described, configurations }: ViewersDescription,
  applications: readonly Application[],
  html: string,
  primary: string,
): Viewers["links"] {
  const all = [
    ...Object.keys(configurations).map((name) => [
      posix.join(configurationsFolder({ html }), name),
      configurationName(name, primary),
    ]),
    ...applications.flatMap(({ name, current, version }) => [
      ...(version === undefined ? [] : [[current, version]]),
      ...(described[name]?.link === true ? [[posix.join(html, name), current]] : []),
    ]),
  ] as [string, string][];
  return Object.fromEntries(all.sort(([one], [other]) => (one < other ? -1 : 1)));
}
