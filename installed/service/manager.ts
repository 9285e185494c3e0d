import { basename, dirname, join } from "node:path";
import { controlPath } from "../../config/controlDirectory.js";
import type { Manager } from "../../config/schema/service.js";
import type { Host } from "../../hosts/host.js";
import { type FileSet, installFiles, type LeftFile, removeFiles } from "../folder.js";
import { disableAtBoot, enableAtBoot, isEnabledAtBoot } from "./atBoot.js";
import { renderDropIn } from "./dropIn.js";
import { mark, type ServiceFacts } from "./facts.js";
import { renderScript } from "./script.js";
import { renderUnit } from "./unit.js";
import { reloadUnits } from "./wants.js";

/** By what runs there: systemd says so itself (sd_booted); scripts lie in /etc/init.d on every other system. */
export async function findManager(host: Host): Promise<Manager> {
  if ((await host.stat("/run/systemd/system"))?.type === "directory") return "systemd";
  return (await host.stat("/etc/init.d"))?.type === "directory" ? "sysv" : "none";
}

/** A service as it is on its host. */
export interface Service {
  readonly path: string;
  /** Undefined where there is none. */
  readonly text?: string;
  /**
   * `pgsite`: written by us. `own`: somebody else's, the distribution's say, which starts this very data directory: used as
   * it is. `foreign`: anything else, left alone.
   */
  readonly maker?: "pgsite" | "own" | "foreign";
  /** Whether it starts with the machine, in the declared run levels and no other. */
  readonly enabled: boolean;
}

/** The file that pgsite keeps of it: a unit or a script, or what it adds to the distribution's unit. */
export function renderService(manager: Manager, facts: ServiceFacts): string | undefined {
  if (manager === "none") return undefined;
  if (manager === "systemd") return facts.unit === undefined ? renderUnit(facts) : renderDropIn(facts);
  return renderScript(facts);
}

/** What of a service is a file; undefined where nobody starts services. */
function serviceFiles(manager: Manager, facts: ServiceFacts, path: string): FileSet | undefined {
  const content = renderService(manager, facts);
  if (content === undefined) return undefined;
  const mode = { systemd: 0o644, sysv: 0o755, crontab: 0o700, none: 0 }[manager];
  const owner = takesRoot(manager) ? "root" : facts.user;
  const files = { [basename(path)]: { content, mode } };
  return { folder: dirname(path), kind: "shared", owner, files, mark: mark(facts) };
}

/** Whether a service is root's to install. */
export function takesRoot(manager: Manager): boolean {
  return manager === "systemd" || manager === "sysv";
}

/** Where a service may lie; a new one goes to the first of them. */
function placesOf(manager: Manager, facts: ServiceFacts): readonly string[] {
  if (manager === "systemd" && facts.unit !== undefined) return [dropInOf(facts.unit)];
  if (manager === "systemd") return unitFolders.map((folder) => join(folder, `${facts.name}.service`));
  return [manager === "crontab" ? controlPath(facts, "service") : join("/etc/init.d", facts.name)];
}

function dropInOf(unit: string): string {
  return `/etc/systemd/system/${unit}.service.d/pgsite.conf`;
}

/** Whether the distribution's unit is there: of a cluster's, what all clusters have in common. */
export async function hasUnit(host: Host, unit: string): Promise<boolean> {
  const names = [`${unit}.service`, `${unit.replace(/@.*/, "@")}.service`];
  const found = await Promise.all(unitFolders.flatMap((folder) => names.map((name) => host.stat(join(folder, name)))));
  return found.some((status) => status !== undefined);
}

export const unitFolders = ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

export async function readService(host: Host, manager: Manager, facts: ServiceFacts): Promise<Service> {
  const places = placesOf(manager, facts);
  const found = await Promise.all(places.map((path) => host.readFile(path)));
  const index = found.findIndex((content) => content !== undefined);
  const enabled = await isEnabledAtBoot(host, manager, facts);
  if (index < 0) return { path: places[0] as string, enabled };
  const text = found[index]?.toString("utf8") ?? "";
  return { path: places[index] as string, text, maker: await makerOf(host, manager, text, facts), enabled };
}

async function makerOf(
  host: Host,
  manager: Manager,
  text: string,
  facts: ServiceFacts,
): Promise<NonNullable<Service["maker"]>> {
  if (text.includes(mark(facts))) return "pgsite";
  if (facts.unit !== undefined) return "foreign";
  const folder = `/etc/systemd/system/${facts.name}.service.d`;
  const parts = manager === "systemd" ? ((await host.list(folder)) ?? []) : [];
  const added = await Promise.all(parts.map((part) => host.readFile(join(folder, part))));
  const texts = [text, ...added.map((content) => content?.toString("utf8") ?? "")];
  return texts.some((one) => namesDirectory(one, facts.dataDirectory)) ? "own" : "foreign";
}

/** Whether a service's text names a data directory. */
export function namesDirectory(text: string, dataDirectory: string): boolean {
  const quoted = dataDirectory.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`(^|[\\s"'=])${quoted}/?($|[\\s"'])`, "m").test(text);
}

/** @param host as whom it is installed: root, or the OS user for a crontab. It is not started: who asks for that waits for it and proves that it works. */
export async function installService(
  host: Host,
  manager: Manager,
  facts: ServiceFacts,
  { path, maker }: Pick<Service, "path" | "maker">,
): Promise<void> {
  const set = serviceFiles(manager, facts, path);
  if (set === undefined) return;
  if (manager === "systemd" && facts.unit !== undefined) {
    if (!(await hasUnit(host, facts.unit))) {
      throw new Error(
        `${host.name} has no ${facts.unit}.service, by which its distribution would start ${facts.server}: install the distribution's packages (install: packages does), or declare layout: plain with its directories`,
      );
    }
    await host.makeDirectory(set.folder, 0o755);
  }
  if (maker !== "own") await installFiles(host, set);
  await enableAtBoot(host, manager, facts);
}

/** Takes away what `installService` made. @returns what is left, since somebody else made it meanwhile */
export async function removeService(
  host: Host,
  manager: Manager,
  facts: ServiceFacts,
  path: string,
): Promise<readonly LeftFile[]> {
  await disableAtBoot(host, manager, facts);
  const set = serviceFiles(manager, facts, path);
  const left = set === undefined ? [] : await removeFiles(host, set);
  if (manager === "systemd") await reloadUnits(host);
  return left;
}
