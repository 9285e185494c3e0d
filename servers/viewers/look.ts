import { createHash } from "node:crypto";
import { posix } from "node:path";
import { viewersNames } from "../../config/controlDirectory.js";
import type { Viewers } from "../../config/viewers.js";
import { shortOf } from "../../hosts/digest.js";
import type { Host } from "../../hosts/host.js";
import { type FileFacts, factsOf, hashedFactsOf, type Listing } from "../../installed/listing.js";
import { type Instance, instancesOf } from "../../installed/viewers/httpd.js";
import { linkMarks } from "../../installed/viewers/marks.js";
import { foldersOf, type Need, needsOf, productFolders } from "../../installed/viewers/needs.js";
import { httpdFiles, httpdNames, type ViewersFile } from "../../installed/viewers/render.js";
import type { Unmet } from "../../postgres/differences.js";

/** What stands at a path. */
export interface Entry {
  /** As find(1) says it: `f`, `d`, `l` … */
  readonly type: string;
  /** The same of what a link leads to; `N`, `L`, `?` where it leads nowhere. */
  readonly leadsTo: string;
  readonly mode: number;
  readonly owner: string;
  /** What a link points to. */
  readonly target: string;
}

/** One httpd as it is. */
export interface Running {
  readonly runs: boolean;
  /** The sum of all that it last read; empty where nobody knows. */
  readonly inForce: string;
}

/** The viewers as they are on their host. */
export interface ViewersLook {
  /** By path; what is missing, or cannot be seen, has none. */
  readonly entries: ReadonlyMap<string, Entry>;
  /** SHA-256 of files that can be read, by path. */
  readonly sums: ReadonlyMap<string, string>;
  /** By the suffix of each httpd. */
  readonly httpd: Readonly<Record<Instance["suffix"], Running>>;
  /** Of the folder of logs. */
  readonly fileSystem: string;
}

/**
 * One program for all of it: previews pay for each. Arguments: the folder, that of logs, every other path, an empty word, the files
 * whose sums are wanted. NUL ends each word of its first part.
 */
const looking = `folder=$1 logs=$2
shift 2
find "$@" -maxdepth 0 -printf '%p\\0%y\\0%Y\\0%m\\0%u\\0%l\\0' 2>/dev/null
printf '\\0'
stat -f -c %T -- "$logs" 2>/dev/null || echo
for suffix in '' -python; do
  pid=$(head -n 1 "$logs/httpd$suffix.pid" 2>/dev/null)
  case $pid in
    '' | *[!0-9]*) echo ;;
    *) if [ -r "/proc/$pid/cmdline" ] && tr '\\000' '\\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF -- "$folder/httpd$suffix.conf"; then echo runs; else echo; fi ;;
  esac
  { head -n 1 "$logs/${viewersNames.inForce}$suffix" 2>/dev/null; echo; } | head -n 1
done
while [ -n "$1" ]; do shift; done
shift
find "$@" -maxdepth 0 -type f -exec sha256sum {} + 2>/dev/null
exit 0`;

export async function lookAtViewers(host: Host, viewers: Viewers, files: readonly ViewersFile[]): Promise<ViewersLook> {
  const { folder, logs, links } = viewers;
  const summed = files.map(({ path }) => path);
  const others = [
    ...foldersOf(viewers).map(({ path }) => path),
    ...productFolders(viewers),
    ...Object.keys(links),
    ...needsOf(viewers).map(({ path }) => path),
  ];
  const words = [...new Set([...summed, ...others]), "", ...summed];
  const { code, stdout, stderr } = await host.run(["sh", "-c", looking, "sh", folder, logs, ...words]);
  if (code !== 0) throw new Error(`the web viewers on ${host.name} cannot be looked at: ${stderr.trim()}`);
  return parseLook(stdout);
}

/** What that program printed. */
export function parseLook(text: string): ViewersLook {
  const entries = new Map<string, Entry>();
  const words = text.split("\0");
  let index = 0;
  for (; (words[index] ?? "").startsWith("/"); index += 6) {
    const [path = "", type = "", leadsTo = "", mode = "", owner = "", target = ""] = words.slice(index, index + 6);
    entries.set(path, { type, leadsTo, mode: Number.parseInt(mode, 8), owner, target });
  }
  const rest = words.slice(index + 1).join("\0");
  const [fileSystem = "", runs = "", inForce = "", pythonRuns = "", pythonInForce = "", ...sums] = rest.split("\n");
  return {
    entries,
    sums: new Map(
      sums.flatMap((line) => {
        const [, sum, path] = /^([0-9a-f]{64}) [ *](\/.*)$/.exec(line) ?? [];
        return sum === undefined || path === undefined ? [] : [[path, sum] as const];
      }),
    ),
    httpd: {
      "": { runs: runs === "runs", inForce },
      "-python": { runs: pythonRuns === "runs", inForce: pythonInForce },
    },
    fileSystem,
  };
}

/** Files as they shall be. */
export function declaredOf(files: readonly ViewersFile[], owner: string): Listing {
  return new Map(files.map(({ path, content, mode }) => [path, factsOf({ mode, owner }, content)]));
}

/** Files that are there, by their paths. What is no file, or cannot be read, is as good as another. */
export function listingOf({ entries, sums }: ViewersLook, files: readonly ViewersFile[]): Listing {
  return new Map(
    files.flatMap(({ path }): [string, FileFacts][] => {
      const entry = entries.get(path);
      return entry === undefined ? [] : [[path, hashedFactsOf(entry, sums.get(path) ?? "0".repeat(64))]];
    }),
  );
}

export function linksOf({ entries }: ViewersLook, links: Viewers["links"]): Viewers["links"] {
  return Object.fromEntries(
    Object.keys(links).map((path) => {
      const entry = entries.get(path);
      const other = entry?.type === "l" ? entry.target : linkMarks.other;
      return [path, entry === undefined ? linkMarks.missing : other];
    }),
  );
}

/** Networks' file systems, on which locks do not hold (magic numbers of stat -f). */
const networks = /^(nfs|nfs4|cifs|smb|smb2|smbfs|afs|lustre|gpfs|9p|ceph)$/;

/** What keeps `up` from changing anything. */
export function unmetOf({ entries, fileSystem }: ViewersLook, viewers: Viewers): readonly Unmet[] {
  const { host, logs } = viewers;
  const folders = [...foldersOf(viewers).map(({ path }) => path), ...productFolders(viewers)];
  return [
    ...folders.flatMap((path): Unmet[] => {
      const entry = entries.get(path);
      if (entry === undefined) return [];
      if (entry.leadsTo !== "d") return [{ why: "no folder", path }];
      return entry.type === "d" && entry.owner !== host.user ? [{ why: "owner", path, is: entry.owner }] : [];
    }),
    ...(networks.test(fileSystem) ? [{ why: "network", path: logs, is: fileSystem } as const] : []),
    ...needsOf(viewers).flatMap((need): Unmet[] =>
      isMet(entries.get(need.path), need) ? [] : [{ why: "missing", path: need.path, by: need.by }],
    ),
  ];
}

function isMet(entry: Entry | undefined, { type }: Need): boolean {
  return entry?.leadsTo === (type === "file" ? "f" : "d");
}

/** `runs 3f2a…` with the sums of what each httpd is to have read. */
export function declaredHttpd(viewers: Viewers): string {
  if (viewers.rehearsed) return "";
  const files = new Map(httpdFiles(viewers).map(({ path, content }) => [path, content]));
  const sums = instancesOf(viewers).map((instance) => {
    const sum = createHash("sha256");
    for (const name of httpdNames(instance)) sum.update(files.get(posix.join(viewers.folder, name)) ?? "");
    return shortOf(sum.digest("hex"));
  });
  return `runs ${sums.join(" ")}`;
}

/** The same as it is; `stopped` where one of them does not run, and nothing of what is rehearsed. */
export function httpdOf({ httpd }: ViewersLook, viewers: Viewers): string {
  if (viewers.rehearsed) return "";
  const all = instancesOf(viewers).map(({ suffix }) => httpd[suffix]);
  return all.every(({ runs }) => runs) ? `runs ${all.map(({ inForce }) => shortOf(inForce)).join(" ")}` : "stopped";
}
