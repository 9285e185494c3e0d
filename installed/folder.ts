import { join } from "node:path";
import { installNames } from "../config/controlDirectory.js";
import type { Host } from "../hosts/host.js";
import { compare, factsOf, type Listing } from "./listing.js";
import { type FoundFile, look } from "./look.js";

/** A file as it shall be. It belongs to the OS user of its set. */
export interface InstalledFile {
  readonly content: string;
  readonly mode: number;
}

/** Files in one folder of a host, which stay there and are used without Pulumi. */
export interface FileSet {
  /** Absolute path. */
  readonly folder: string;
  /** `ours`: nothing else lies there; made with mode 0700, and its files are replaced all at once. `shared`: /etc/cron.d, say. */
  readonly kind: "ours" | "shared";
  /** The OS user that they belong to. The host that is acted on is that user's. */
  readonly owner: string;
  /** By name, in the order in which they are put in place. */
  readonly files: Readonly<Record<string, InstalledFile>>;
  /** A text that a file of ours has, and keeps when it is edited. @default a file is ours as long as it is as declared */
  readonly mark?: string;
}

/** Something of a set's folder that is left there. */
export interface LeftFile {
  readonly path: string;
  /** `changed`: it is no longer what pgsite wrote. `foreign`: pgsite does not know it. */
  readonly because: "changed" | "foreign";
}

/** Somebody else's file has the name of one of ours, in a folder where others have theirs. Nothing was changed. */
export class NotOurs extends Error {
  constructor(
    readonly path: string,
    host: string,
  ) {
    super(
      `${path} on ${host} is there and was not made by pgsite: it is left untouched. Choose another name, or move it away`,
    );
    this.name = "NotOurs";
  }
}

const leftovers: readonly string[] = [installNames.installing, installNames.incoming];

/** A set as it shall be. */
export function declaredFiles({ files, owner }: FileSet): Listing {
  return new Map(
    Object.entries(files).map(([name, { content, mode }]) => [name, factsOf({ mode, owner }, content)] as const),
  );
}

/** Those of its files that are there. */
export async function readFiles(host: Host, set: FileSet): Promise<Listing> {
  return listingOf(await look(host, set));
}

/** Names of what lies in a folder of ours and is none of its files. */
export async function foreignFiles(host: Host, { folder, kind, files }: FileSet): Promise<readonly string[]> {
  if (kind === "shared") return [];
  const names = (await host.list(folder)) ?? [];
  return names.filter((name) => !(name in files) && !leftovers.includes(name));
}

/** Names of its files that are there and ours to change. */
export async function ownFiles(host: Host, set: FileSet): Promise<readonly string[]> {
  const declared = declaredFiles(set);
  return [...(await look(host, set))].flatMap(([name, found]) => (isOurs(set, declared, name, found) ? [name] : []));
}

/**
 * Puts in place what is not there as declared; the rest is left as it is. A folder of ours changes whole or not at all: new
 * files are written into a folder in it, one rename says that they are all there, and then each takes its place. Cut off in
 * between, the files of one set are there, and those of the other are next to them.
 */
export async function installFiles(host: Host, set: FileSet): Promise<void> {
  const { folder, kind, owner, files } = set;
  if (host.user !== owner)
    throw new Error(`${folder} on ${host.name} belongs to ${owner}, and we are ${host.user} there`);
  if (kind === "ours") {
    await host.makeDirectory(folder);
    await discard(host, folder);
  }
  const [declared, found] = [declaredFiles(set), await look(host, set)];
  const names = compare(declared, listingOf(found)).map(({ name }) => name);
  if (kind === "shared" && set.mark !== undefined) {
    const foreign = [...found].find(([name, file]) => !isOurs(set, declared, name, file));
    if (foreign !== undefined) throw new NotOurs(join(folder, foreign[0]), host.name);
  }
  const writing = (name: string, to: string) => {
    const { content, mode } = files[name] as InstalledFile;
    return host.writeFile(join(to, name), content, { mode });
  };
  // One file is whole or not there by itself; those of shared folders are independent of each other.
  if (kind === "shared" || names.length < 2) {
    for (const name of names) await writing(name, folder);
    return;
  }
  const incoming = join(folder, installNames.incoming);
  await host.makeDirectory(incoming);
  await Promise.all(names.map((name) => writing(name, incoming)));
  const { code, stderr } = await host.run(["sh", "-c", placing, "sh", folder, ...names]);
  if (code !== 0)
    throw new Error(`replacing the files of ${folder} on ${host.name}: ${stderr.trim() || `exit code ${code}`}`);
}

/**
 * Takes away what is ours: what has the set's mark or, in a set without one, is as declared; the last one first. A folder of
 * ours goes with its last file.
 */
export async function removeFiles(host: Host, set: FileSet): Promise<readonly LeftFile[]> {
  const { folder, kind } = set;
  const [declared, found, foreign] = [declaredFiles(set), await look(host, set), await foreignFiles(host, set)];
  const left: LeftFile[] = [];
  for (const [name, file] of [...found].reverse()) {
    const path = join(folder, name);
    if (isOurs(set, declared, name, file)) await host.remove(path);
    else left.unshift({ path, because: "changed" });
  }
  left.push(...foreign.map((name) => ({ path: join(folder, name), because: "foreign" as const })));
  if (kind === "ours") {
    await discard(host, folder);
    if ((await host.list(folder))?.length === 0) await host.remove(folder);
  }
  return left;
}

/** What an install that was cut off has left. */
async function discard(host: Host, folder: string): Promise<void> {
  const names = (await host.list(folder)) ?? [];
  for (const name of leftovers) if (names.includes(name)) await host.remove(join(folder, name));
}

function listingOf(found: ReadonlyMap<string, FoundFile>): Listing {
  return new Map([...found].map(([name, { facts }]) => [name, facts]));
}

function isOurs({ mark }: FileSet, declared: Listing, name: string, { content, facts }: FoundFile): boolean {
  if (mark !== undefined) return content?.includes(mark) === true;
  const wanted = declared.get(name);
  return wanted?.hash === facts.hash && wanted.permissions === facts.permissions;
}

/**
 * Has the files of the incoming folder, which are on the disk, take their places. Arguments: the folder, and the names in
 * their order. Another process may be at the same, so a file that is gone has its place already.
 */
const placing = `set -e
cd -- "$1"
shift
mv -T -- ${installNames.incoming} ${installNames.installing}
sync .
for name; do
  [ ! -e "${installNames.installing}/$name" ] || mv -f -T -- "${installNames.installing}/$name" "$name" || [ ! -e "${installNames.installing}/$name" ]
done
sync .
[ ! -e ${installNames.installing} ] || rmdir ${installNames.installing} || [ ! -e ${installNames.installing} ]`;
