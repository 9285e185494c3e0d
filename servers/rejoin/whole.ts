import { basename, dirname, join } from "node:path";
import { keptNames } from "../../config/controlDirectory.js";
import type { KnownServer } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import type { NotWhole } from "../../postgres/rollout/diverged.js";
import { onOneMachine } from "../baseBackup/copiers.js";
import { copyTrees, type Tree, walk } from "../baseBackup/copyTree.js";
import type { CopyProgress } from "../baseBackup/progress.js";
import { type Apart, apartIn, staysInside } from "../data/apart.js";
import { writing } from "../data/lock.js";

/** Something of a server's data, and where it goes in a copy. */
export interface Piece {
  readonly from: string;
  /** Relative to the copy; "" is the copy itself. */
  readonly to: string;
  /** The beginning of those names at its top level that belong to the server; all do where it is not said. */
  readonly only?: string;
}

/** What a whole copy of a server's data consists of: nothing in it leads out of it. */
export interface Whole {
  readonly folders: readonly Piece[];
  readonly files: readonly Piece[];
  /** What links of the copy say, by their paths. */
  readonly links: Readonly<Record<string, string>>;
  /** Whether all of it lies in the data directory itself, so that it can be moved by its name. */
  readonly atOnePlace: boolean;
  /** What no copy can have. */
  readonly missing: readonly NotWhole[];
}

/** How deep links may lead from link to link. */
const maximalDepth = 8;

/**
 * Looks where a server's data are, links followed: pg_wal on another disk, tablespaces, a folder of logs, configuration that is
 * elsewhere. Tablespaces go into a folder of the copy to which its links lead by a relative path; everything else comes into its
 * place as what it is.
 */
export async function wholeOf(
  host: Host,
  server: Pick<KnownServer, "dataDirectory" | "configurationDirectory" | "version">,
): Promise<Whole> {
  const { dataDirectory, configurationDirectory, version } = server;
  const root = (await host.realPath(dataDirectory)) ?? dataDirectory;
  const folders: Piece[] = [{ from: root, to: "" }];
  const files: Piece[] = [];
  const links: Record<string, string> = {};
  const missing: NotWhole[] = [];
  let mounts = 0;

  const takeLink = (apart: Apart, above: readonly string[], to: string): Piece | undefined => {
    const { path, says, leadsTo, type } = apart;
    const place = join(to, path);
    const oid = to === "" ? /^pg_tblspc\/(\d+)$/.exec(path)?.[1] : undefined;
    if (staysInside(apart) && oid === undefined) links[place] = says;
    else if (leadsTo === undefined) missing.push({ host: host.name, path: join(root, place), says, why: "nowhere" });
    else if (type === "file") files.push({ from: leadsTo, to: place });
    else if (type === "other") {
      // Of a device, such as /dev/null: whoever wrote there may go on.
      if (leadsTo.startsWith("/dev/")) links[place] = says;
    } else if (above.some((one) => one === leadsTo || one.startsWith(`${leadsTo}/`)) || above.length > maximalDepth) {
      missing.push({ host: host.name, path: join(root, place), says, why: "above" });
    } else if (oid === undefined) return { from: leadsTo, to: place };
    else {
      links[path] = `../${keptNames.tablespaces}/${oid}`;
      return { from: leadsTo, to: join(keptNames.tablespaces, oid), only: `PG_${version}_` };
    }
    return undefined;
  };
  const lookInto = async ({ from, to }: Piece, above: readonly string[]): Promise<void> => {
    for (const apart of await apartIn(host, from)) {
      if (apart.kind === "mount") mounts += 1;
      else {
        const folder = takeLink(apart, above, to);
        if (folder === undefined) continue;
        folders.push(folder);
        if (folder.only === undefined) await lookInto(folder, [...above, folder.from]);
      }
    }
  };
  await lookInto({ from: root, to: "" }, [root]);
  const above = await host.realPath(dirname(dataDirectory));
  const isLink = above === undefined || join(above, basename(dataDirectory)) !== root;
  const atOnePlace = !isLink && mounts === 0 && folders.length === 1 && files.length === 0;
  if (configurationDirectory !== undefined) folders.push({ from: configurationDirectory, to: keptNames.configuration });
  return { folders, files, links, atOnePlace, missing };
}

export interface Copying {
  readonly progress: CopyProgress;
  readonly signal: AbortSignal;
}

/** Makes a whole copy of a stopped server's data. @throws where something of it did not come */
export async function copyWhole(
  host: Host,
  server: KnownServer,
  { folders, files, links }: Pick<Whole, "folders" | "files" | "links">,
  into: string,
  { progress, signal }: Copying,
): Promise<void> {
  const copier = await onOneMachine("cp", host, host, server);
  const trees: Tree[] = [];
  for (const { from, to, only } of folders) {
    const entries = (await walk(host, from, signal)).filter(
      ({ type, path }) => (type === "file" || type === "directory") && (only === undefined || path.startsWith(only)),
    );
    trees.push({ from, to: join(into, to), entries, present: [], keep: [] });
  }
  await copyTrees({ target: host, directories: server, copier, trees, began: undefined, progress, signal });
  for (const { from, to } of files) {
    await must(host, server, ["cp", "-a", "-L", "--reflink=auto", "-T", "--", from, join(into, to)], signal);
  }
  for (const [path, says] of Object.entries(links)) {
    await must(host, server, ["ln", "-s", "-f", "-n", "--", says, join(into, path)], signal);
  }
  for (const tree of trees) await refuseRest(host, tree, signal);
}

/**
 * cp passes over what vanishes before its eyes. Of the server, which is stopped, nothing does; of a folder of logs that others
 * write to, something may, or grow.
 */
async function refuseRest(host: Host, { from, to, entries }: Tree, signal: AbortSignal): Promise<void> {
  const sizesIn = async (folder: string) =>
    new Map((await walk(host, folder, signal)).map(({ path, type, size }) => [path, type === "file" ? size : -1]));
  const sizes = await sizesIn(to);
  const rest = entries.filter(({ path, type, size }) => sizes.get(path) !== (type === "file" ? size : -1));
  if (rest.length === 0) return;
  const now = await sizesIn(from);
  const lost = rest.find(({ path }) => now.has(path) && now.get(path) !== sizes.get(path));
  if (lost !== undefined)
    throw new Error(`${join(to, lost.path)} on ${host.name} is not what ${join(from, lost.path)} is`);
}

async function must(host: Host, server: KnownServer, argv: readonly string[], signal: AbortSignal): Promise<void> {
  const { code, stderr } = await host.run(writing(server, argv), { timeout: 30 * 60_000, signal });
  signal.throwIfAborted();
  if (code !== 0) throw new Error(`${argv[0]} on ${host.name} failed: ${stderr.trim()}`);
}
