import { controlPath, type Directories } from "../../config/controlDirectory.js";
import type { Host } from "../../hosts/host.js";
import type { RunsWith } from "../../postgres/files/differences.js";
import type { StandIns } from "./adopted.js";
import { type Files, readFiles } from "./staging.js";

/** A server's files as they count: hand-written ones that an import adopted stand for those that were declared then. */
export interface CountedFiles {
  readonly files: Files;
  /** Mode and owner as they count, by name; only of files that stand for others. */
  readonly permissions: Files;
  /** Undefined where the server was not adopted. */
  readonly standIns?: StandIns;
}

/** As `readFiles`, of a server. One that was never adopted costs one more look at its host. */
export async function readServerFiles(
  host: Host,
  server: Directories,
  names: readonly string[],
): Promise<CountedFiles> {
  const [files, found] = await Promise.all([readFiles(host, server, names), readStandIns(host, server)]);
  return countFiles(files, found, names);
}

/** What an adopted server's hand-written files stand for; undefined where the server was not adopted. */
export async function readStandIns(host: Host, server: Directories): Promise<StandIns | undefined> {
  if ((await host.stat(controlPath(server, "adopted"))) === undefined) return undefined;
  const { standIns } = await import("./adopted.js");
  return standIns(host, server);
}

export function countFiles(files: Files, found: StandIns | undefined, names: readonly string[]): CountedFiles {
  if (found === undefined) return { files, permissions: {} };
  const counted = Object.entries({ ...files, ...found.files }).filter(
    (entry): entry is [string, string] => entry[1] !== null && names.includes(entry[0]),
  );
  return { files: Object.fromEntries(counted), permissions: found.permissions, standIns: found };
}

/** The modes that were found at adoption pass for the declared ones. */
export function countedPermissions(
  found: Files,
  { permissions }: CountedFiles,
  declared: (name: string) => string,
): Files {
  return Object.fromEntries(
    Object.entries(found).map(([name, value]) => [name, permissions[name] === value ? declared(name) : value]),
  );
}

/** What a server runs with beside its files, without what the import told of. */
export async function countedRuns(
  runs: Readonly<Record<string, RunsWith>>,
  { standIns }: CountedFiles,
  version: string,
): Promise<Readonly<Record<string, RunsWith>>> {
  if (standIns === undefined) return runs;
  const { findSetting } = await import("../../postgres/settings/catalogue.js");
  const { sameValue } = await import("../../postgres/settings/values.js");
  const { majorOf } = await import("../../postgres/versions.js");
  const major = majorOf(version);
  const isKnown = (name: string, value: string) => {
    const known = standIns.runs[name];
    const setting = major === undefined ? undefined : findSetting(major, name);
    return known !== undefined && (known === value || (setting !== undefined && sameValue(setting, known, value)));
  };
  return Object.fromEntries(Object.entries(runs).filter(([name, { value }]) => !isKnown(name, value)));
}
