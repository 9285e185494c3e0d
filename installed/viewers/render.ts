import { readFileSync } from "node:fs";
import { posix } from "node:path";
import { viewersNames } from "../../config/controlDirectory.js";
import { renderIni } from "../../config/ini.js";
import {
  type ApplicationConfiguration,
  configurationName,
  configurationsFolder,
  type Viewers,
  type ViewersServer,
} from "../../config/viewers.js";
import { quote } from "../../hosts/quote.js";
import { renderPassfile } from "../../postgres/files/passfile.js";
import type { InstalledFile } from "../folder.js";
import {
  applicationFile,
  beginsAnew,
  type Instance,
  instancesOf,
  renderApplication,
  renderHttpdConf,
  robots,
  viewersHeading,
} from "./httpd.js";

/** A file of the viewers, by its absolute path. */
export interface ViewersFile extends InstalledFile {
  readonly path: string;
  /**
   * `httpd`: tried by httpd before it takes its place. `secret`: it may have a password in it. `program`: it runs on the host, or is
   * read by what does.
   */
  readonly kind: "httpd" | "secret" | "program" | "page";
}

/** Names of the programs and of what they read, in the folder of programs. */
export const programNames = { viewers: "viewers", follow: "follow-primary" } as const;
const shared = "viewers.common";
const passfileName = "viewers.passfile";

/** Passwords by role. */
export type ViewersPasswords = Readonly<Record<string, string>>;

/** All files, in the order in which they are put in place: what httpd reads comes last. */
export async function viewersFiles(viewers: Viewers, passwords: ViewersPasswords): Promise<readonly ViewersFile[]> {
  return [
    ...secretFiles(viewers, passwords),
    { path: posix.join(viewers.html, "robots.txt"), content: robots, mode: 0o644, kind: "page" },
    ...(await programFiles(viewers)),
    ...httpdFiles(viewers),
  ];
}

/** What httpd reads: the files of applications, then the one that includes them. */
export function httpdFiles(viewers: Viewers): readonly ViewersFile[] {
  const file = (name: string, content: string): ViewersFile => ({
    path: posix.join(viewers.folder, name),
    content,
    mode: 0o644,
    kind: "httpd",
  });
  return [
    ...viewers.applications.map((one) => file(applicationFile(one.name), renderApplication(viewers, one))),
    ...instancesOf(viewers).map((one) => file(mainFile(one), renderHttpdConf(viewers, one))),
  ];
}

function mainFile({ suffix }: Pick<Instance, "suffix">): string {
  return `httpd${suffix}.conf`;
}

/** Paths of what one httpd reads, from the folder, in the order in which their sum is made. */
export function httpdNames(instance: Instance): readonly string[] {
  return [mainFile(instance), ...instance.applications.map(({ name }) => applicationFile(name))];
}

function secretFiles(viewers: Viewers, passwords: ViewersPasswords): readonly ViewersFile[] {
  const folder = configurationsFolder(viewers);
  const { configurations, servers, bin } = viewers;
  const files = configurations.flatMap((one) =>
    servers.map(
      (server): ViewersFile => ({
        path: posix.join(folder, configurationName(one.name, server.name)),
        content: renderConfiguration(viewers, one, server, passwords),
        mode: one.mode,
        kind: "secret",
      }),
    ),
  );
  const asked = askedAs(viewers);
  const { role } = asked;
  const lines =
    role === undefined
      ? []
      : servers.map(({ address, port }) => ({
          host: address,
          port,
          database: asked.database,
          user: role,
          password: passwords[role] ?? "",
        }));
  return [
    ...files,
    { path: posix.join(bin, passfileName), content: renderPassfile(lines), mode: 0o600, kind: "secret" },
  ];
}

function renderConfiguration(
  viewers: Viewers,
  { section, quotes, database, role, options }: ApplicationConfiguration,
  { address, port }: ViewersServer,
  passwords: ViewersPasswords,
): string {
  const login = role === undefined ? {} : { user: role, password: passwords[role] ?? "" };
  const values = { host: address, port: `${port}`, database, ...login, ...options };
  return renderIni(viewersHeading(viewers), section, values, quotes);
}

/** As whom servers are asked whether they take writes: the first application's that logs in at all. */
function askedAs({ configurations }: Viewers): { readonly role?: string; readonly database: string } {
  const found = configurations.find(({ role }) => role !== undefined);
  return found ?? { database: "" };
}

async function programFiles(viewers: Viewers): Promise<readonly ViewersFile[]> {
  const scripts = await scriptsOfViewers();
  const file = (name: string, content: string, mode: number): ViewersFile => ({
    path: posix.join(viewers.bin, name),
    content,
    mode,
    kind: "program",
  });
  return [
    file("viewers.settings", renderSettings(viewers), 0o600),
    file("viewers.tables", renderTables(viewers), 0o600),
    file(shared, scripts[shared] as string, 0o600),
    ...Object.values(programNames).map((name) => file(name, scripts[name] as string, 0o755)),
  ];
}

/** Shell assignments, as viewers.common reads them. */
export function renderSettings(viewers: Viewers): string {
  const { site, host, folder, logs, httpd, bin } = viewers;
  const { role = "", database } = askedAs(viewers);
  const settings = {
    site,
    user: host.user,
    folder,
    logs,
    program: httpd.program,
    role,
    database,
    passfile: posix.join(bin, passfileName),
    suffixes: suffixes(instancesOf(viewers)),
    renewed: suffixes(instancesOf(viewers).filter(beginsAnew)),
    in_force: viewersNames.inForce,
    lock_file: viewersNames.lock,
  };
  return shellText(
    viewers,
    Object.entries(settings).map(([name, value]) => `${name}=${quote(value)}`),
  );
}

function suffixes(instances: readonly Instance[]): string {
  return instances.map(({ suffix }) => (suffix === "" ? "-" : suffix)).join(" ");
}

/** What its lines call, the programs define. */
export function renderTables(viewers: Viewers): string {
  const { servers, configurations } = viewers;
  const line = (kind: string, ...words: readonly string[]) => [kind, ...words.map(quote)].join(" ");
  return shellText(viewers, [
    "# Servers: NAME ADDRESS PORT",
    ...servers.map(({ name, address, port }) => line("server", name, address, `${port}`)),
    "# Links, each to the file PATH_SERVER beside it",
    ...configurations.map(({ name }) => line("link", posix.join(configurationsFolder(viewers), name))),
    "# Applications: NAME, the script of which a touch has it begin anew (none: its httpd does), the configuration that it reads (none: any)",
    ...instancesOf(viewers).flatMap((one) =>
      one.applications.map(({ name, script, configuration = "" }) =>
        line("begin", name, beginsAnew(one) ? "" : script, configuration),
      ),
    ),
    "# What httpd reads, and which: PATH SUFFIX",
    ...instancesOf(viewers).flatMap((one) => httpdNames(one).map((name) => line("conf", name, one.suffix))),
  ]);
}

function shellText(viewers: Viewers, lines: readonly string[]): string {
  // A line break, for words that have one.
  return `${[...viewersHeading(viewers).map((line) => `# ${line}`), "nl='", "'", ...lines].join("\n")}\n`;
}

let scripts: Readonly<Record<string, string>> | undefined;

/** They are files of this project, and travel neither through the program nor into the state. */
async function scriptsOfViewers(): Promise<Readonly<Record<string, string>>> {
  if (scripts !== undefined) return scripts;
  const { checkout } = await import("../../toolchain/paths.mjs");
  const names = [shared, ...Object.values(programNames)];
  scripts = Object.fromEntries(
    names.map((name) => [name, readFileSync(posix.join(checkout, "installed", "viewers", name), "utf8")]),
  );
  return scripts;
}
