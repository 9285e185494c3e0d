import { dirname } from "node:path";
import type { HostSpec } from "../hosts/host.js";
import { makeFolderAsRoot } from "../hosts/rootFolder.js";
import type { HostOf } from "./collect.js";
import type { HostFacts, Parent } from "./facts.js";
import type { Seen } from "./finding.js";
import { strangersOn } from "./way.js";

/** A folder that is missing, and that the OS user cannot make. It is to be that user's. */
export interface Folder {
  readonly path: string;
  readonly mode: number;
}

export type FoldersByHost = Readonly<Record<string, readonly Folder[]>>;

/** Folders that are missing in one place, where somebody else has to make them, so that the OS user can make the rest. */
export interface Missing {
  readonly parent: Parent;
  readonly folders: readonly [Folder, ...Folder[]];
  /** Of what they are for, in the stack file. */
  readonly key: string;
}

export function missingFolders(seen: Seen): readonly Missing[] {
  const [first, ...more] = missingForData(seen);
  const key = `servers.${seen.server.name}.dataDirectory`;
  const missing = [
    ...(first === undefined ? [] : [{ parent: seen.facts.parent, folders: [first, ...more], key } as const]),
    ...missingForConfiguration(seen),
  ];
  return missingForJobs(seen, missing);
}

/**
 * The folder in which the data directory is to be or, where that is there and another's, the data directory and what pgsite
 * keeps beside it.
 */
function missingForData({ server, host, facts }: Seen): readonly Folder[] {
  const { path } = facts.parent;
  if (isWritable(host, facts.parent)) return [];
  // What is there and not ours is refused, and nothing is made beside it.
  if (facts.data !== "absent" && !facts.identity && facts.data !== "empty" && !facts.incomplete) return [];
  const parent = dirname(server.dataDirectory);
  if (facts.data === "absent" && parent !== path) return [{ path: parent, mode: 0o755 }];
  return [
    ...(facts.data === "absent" ? [server.dataDirectory] : []),
    ...(facts.control === "absent" ? [server.controlDirectory] : []),
  ].map((folder) => ({ path: folder, mode: 0o700 }));
}

/** The folder of a configuration that is apart. Those below it, and among the data, are made with it. */
function missingForConfiguration({ server, host, facts }: Seen): readonly Missing[] {
  return facts.configuration.slice(0, 1).flatMap(({ found, path, parent }): Missing[] => {
    if (found !== "absent" || isWritable(host, parent)) return [];
    return [{ parent, folders: [{ path, mode: 0o755 }], key: `servers.${server.name}.configurationDirectory` }];
  });
}

/** With the folders of runs; not those below one that is made anyway, where the OS user makes them when a run begins. */
function missingForJobs({ server, host, facts }: Seen, others: readonly Missing[]): readonly Missing[] {
  const missing = [...others];
  for (const [index, { path, key }] of (server.jobs?.folders ?? []).entries()) {
    const { found, parent } = facts.jobFolders[index] ?? {};
    if (found !== "absent" || parent === undefined || isWritable(host, parent)) continue;
    const isMade = missing.some(({ folders }) => folders.some((one) => `${path}/`.startsWith(`${one.path}/`)));
    if (!isMade) missing.push({ parent, folders: [{ path, mode: 0o700 }], key });
  }
  return missing;
}

/** Looked at as root, every folder seems writable. */
function isWritable(host: HostFacts, { owner, writable }: Parent): boolean {
  return host.user === host.osUser ? writable : owner === host.osUser;
}

/** Who but root may put something into the nearest folder above that is there: root makes nothing below it. Undefined for nobody. */
export function strangerAbove({ parent }: Missing) {
  return strangersOn(parent.way, "root")[0];
}

/** Whether an `up` makes what is missing, as root. */
export function areMade({ host }: Seen, missing: Missing): boolean {
  return host.root.can && strangerAbove(missing) === undefined;
}

/** The folders that an `up` makes as root, by host. */
export function foldersToMake(servers: readonly Seen[]): FoldersByHost {
  const made = new Map<string, Map<string, Folder>>();
  for (const seen of servers) {
    const { host } = seen.host;
    for (const missing of missingFolders(seen)) {
      if (!areMade(seen, missing)) continue;
      for (const folder of missing.folders) {
        made.set(host, (made.get(host) ?? new Map<string, Folder>()).set(folder.path, folder));
      }
    }
  }
  return Object.fromEntries([...made].map(([host, folders]) => [host, [...folders.values()]]));
}

/** As a preview shows it: `/srv/postgresql 0755 postgres`. */
export function folderText({ path, mode }: Folder, owner: string): string {
  return `${path} 0${mode.toString(8)} ${owner}`;
}

const script = `${makeFolderAsRoot}
user=$1
shift
while [ $# -ge 2 ]; do
  make_folder "$user" "$1" "$2"
  [ -d "$1" ] || exit 1
  shift 2
done`;

/**
 * Makes folders as root, on all hosts at once. One that fails does not stop the others.
 * @throws with every host's failure
 */
export async function makeFolders(
  folders: FoldersByHost,
  hosts: readonly HostSpec[],
  hostOf: HostOf,
  progress: (line: string) => Promise<void> | void = () => undefined,
): Promise<void> {
  const outcomes = await Promise.allSettled(
    Object.entries(folders).map(async ([name, list]) => {
      const spec = hosts.find((host) => host.name === name);
      if (spec === undefined) return;
      const paths = list.map(({ path }) => path).join(" and ");
      await progress(`making ${paths} on ${name}`);
      const root = await hostOf({ ...spec, user: "root" });
      const words = list.flatMap(({ path, mode }) => [path, mode.toString(8)]);
      const { code, stderr } = await root.run(["sh", "-c", script, "sh", spec.user, ...words]);
      if (code !== 0) throw new Error(`${paths} cannot be made on ${name}: ${stderr.trim()}`);
    }),
  );
  const failures = outcomes.flatMap((one) => (one.status === "rejected" ? [one.reason as Error] : []));
  if (failures.length > 0) throw new Error(failures.map(({ message }) => message).join("\n"));
}
