import { randomBytes } from "node:crypto";
import { dirname, join } from "node:path";
import { incompleteMarker } from "../../config/controlDirectory.js";
import type { Server } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import type { ApartFolder } from "../../postgres/move/model.js";
import { checkpointIn, flow, speaking, spoken, tarRecords } from "../archive/pipeline.js";
import { vanishedByTar } from "../baseBackup/copiers.js";
import { onNames, walk } from "../baseBackup/copyTree.js";
import type { Entry } from "../baseBackup/entries.js";
import type { CopyProgress } from "../baseBackup/progress.js";
import { controlFileOf } from "../data/controlFile.js";
import { takeDirectory } from "../data/marker.js";
import { type Login, withSession } from "../sql/session.js";
import { namesOf } from "../sql/versions.js";

/** Says whose the half data are, to whoever finds them. */
export const incompleteText = '{"kind":"move"}\n';

/** Whether what lies there is what a move has not finished. */
export async function isIncomplete(host: Host, { dataDirectory }: Server): Promise<boolean> {
  return (await host.readFile(join(dataDirectory, incompleteMarker)))?.toString("utf8") === incompleteText;
}

/** A folder that goes along: the data directory, or one that a link in it leads to. */
interface Tree {
  readonly from: string;
  readonly to: string;
}

export interface Copied {
  readonly files: number;
  readonly bytes: number;
}

/** What the last thing to arrive is: without it nothing starts. */
const controlFile = "global/pg_control";

/** Seconds before a pass in which a change may have the time of the pass itself. */
const doubt = 2;

/** What tells segments that are kept for WAL to come (recycled, nothing in them yet) from all others, as of one moment. */
export interface UnusedWal {
  /** The segment that was written to then. */
  readonly current: string;
  /** The moment, in seconds by the host's clock. */
  readonly at: number;
}

/** One that comes after, and was not written to since. */
function isUnused({ path, modified }: Entry, unused: UnusedWal | undefined): boolean {
  const name = /(?:^|\/)([0-9A-F]{24})$/.exec(path)?.[1];
  if (unused === undefined || name === undefined || unused.current === "") return false;
  return (
    name.slice(0, 8) === unused.current.slice(0, 8) && name > unused.current && Number(modified) < unused.at - doubt
  );
}

/** Asks a running server. */
export async function unusedWalOf(server: Server, login: Login, signal: AbortSignal): Promise<UnusedWal> {
  const at = Number((await hostOf(server.host).run(["date", "-u", "+%s"])).stdout.trim());
  const names = namesOf(server.version);
  return withSession(server, login, { signal }, async (session) => {
    const [row] = await session.query(`select ${names.walFileName}(${names.currentLsn}) as current`);
    return { current: row?.current ?? "", at };
  });
}

/** What each tree had when the first pass began, so that the second knows what has changed since. */
export interface FirstPass {
  /** By the source's clock, in seconds. */
  readonly began: number;
  readonly entries: readonly (readonly Entry[])[];
}

/**
 * Copies a server's data to another place, as a stream of tar from the one host to the other: what it has while it runs, and, once it
 * is stopped, what has changed since. The SHA-256 of each stream is taken at both ends.
 */
export class MoveCopy {
  readonly #source: Host;
  readonly #target: Host;
  readonly #trees: readonly Tree[];
  #unused: UnusedWal | undefined;
  /** How many streams have come through whole. */
  sums = 0;

  constructor(
    private readonly from: Server,
    private readonly to: Server,
    apart: readonly ApartFolder[],
    private readonly progress: CopyProgress,
    private readonly signal: AbortSignal,
  ) {
    this.#source = hostOf(from.host);
    this.#target = hostOf(to.host);
    const folders = apart.map(({ leadsTo }) => ({ from: leadsTo, to: leadsTo }));
    this.#trees = [{ from: from.dataDirectory, to: to.dataDirectory }, ...folders];
  }

  /** While the server runs. */
  async first(unused: UnusedWal): Promise<FirstPass> {
    await takeDirectory(this.#target, this.to);
    await this.#target.writeFile(join(this.to.dataDirectory, incompleteMarker), incompleteText);
    const began = Number((await this.#source.run(["date", "-u", "+%s"])).stdout.trim());
    const entries: (readonly Entry[])[] = [];
    this.#unused = unused;
    for (const tree of this.#trees) entries.push(await this.#entriesOf(tree));
    await this.#send(entries, true);
    return { began, entries };
  }

  /** What is to follow: it changed, or came, or goes. */
  async rest(before: FirstPass, unused: UnusedWal): Promise<Copied> {
    this.#unused = unused;
    const rest: (readonly Entry[])[] = [];
    let [files, bytes] = [0, 0];
    for (const [index, tree] of this.#trees.entries()) {
      const now = await this.#entriesOf(tree);
      const earlier = new Map((before.entries[index] ?? []).map((entry) => [entry.path, entry]));
      const names = new Map(now.map(({ path, type }) => [path, type]));
      const gone = [...earlier.values()].filter(({ path, type }) => names.get(path) !== type).map(({ path }) => path);
      await onNames(this.#target, this.to, ["rm", "-rf", "--"], tree.to, gone, this.signal);
      const changed = now.filter((entry) => {
        const was = earlier.get(entry.path);
        const isSame = was?.type === entry.type && was.size === entry.size && was.changed === entry.changed;
        // A folder's own time changes with each file in it; that is no reason to send it, but it may be new.
        if (entry.type === "directory") return was?.type !== "directory";
        return !isSame || Number(entry.changed) >= before.began - doubt;
      });
      rest.push(changed);
      files += changed.filter(({ type }) => type === "file").length;
      bytes += changed.reduce((sum, { type, size }) => sum + (type === "file" ? size : 0), 0);
    }
    await this.#send(rest, false);
    return { files, bytes };
  }

  /** Compares names, kinds and sizes of all at both ends. @throws where they differ */
  async compare(): Promise<number> {
    let files = 0;
    for (const tree of this.#trees) {
      const [there, here] = await Promise.all([this.#entriesOf(tree), walk(this.#target, tree.to, this.signal)]);
      const told = ({ type, size, link, path }: Entry) => `${type} ${type === "file" ? size : link} ${path}`;
      const own = (entries: readonly Entry[]) =>
        entries.filter(({ path }) => path !== incompleteMarker && path !== controlFile).map(told);
      const [wanted, found] = [new Set(own(there)), new Set(own(here))];
      const wrong = [...wanted].find((one) => !found.has(one)) ?? [...found].find((one) => !wanted.has(one));
      if (wrong !== undefined) {
        throw new Error(`the copy in ${tree.to} on ${this.#target.name} is not what ${tree.from} holds: ${wrong}`);
      }
      files += there.filter(({ type }) => type === "file").length;
    }
    return files;
  }

  /** Everything on its disk; then the control file, by which it can start, and the mark goes. */
  async finish(): Promise<void> {
    const { dataDirectory } = this.to;
    const path = controlFileOf(this.from.dataDirectory);
    const [status, control] = await Promise.all([this.#source.stat(path), this.#source.readFile(path)]);
    if (control === undefined) throw new Error(`${path} on ${this.#source.name} is gone`);
    await this.#sync();
    await this.#target.writeFile(controlFileOf(dataDirectory), control, { mode: status?.mode ?? 0o600 });
    await this.#target.remove(join(dataDirectory, incompleteMarker));
    const mode = (await this.#source.stat(this.from.dataDirectory))?.mode ?? 0o700;
    await this.#target.run(["chmod", mode.toString(8), "--", dataDirectory]);
    await this.#sync();
  }

  async #sync(): Promise<void> {
    const { code, stderr } = await this.#target.run(["sync", "-f", "--", ...this.#trees.map(({ to }) => `${to}/`)], {
      timeout: 30 * 60_000,
      signal: this.signal,
    });
    if (code !== 0)
      throw new Error(`${this.to.dataDirectory} on ${this.#target.name} cannot be synced: ${stderr.trim()}`);
  }

  async #entriesOf({ from }: Tree): Promise<readonly Entry[]> {
    const all = await walk(this.#source, from, this.signal);
    return all.filter((entry) => {
      const { path, type } = entry;
      if (path === controlFile || type === "other" || isUnused(entry, this.#unused)) return false;
      return path !== incompleteMarker && !/^(postmaster\.(pid|opts)|\.s\.PGSQL\..*)$/.test(path);
    });
  }

  async #send(trees: readonly (readonly Entry[])[], running: boolean): Promise<void> {
    const bytes = (entries: readonly Entry[]) =>
      entries.reduce((sum, { type, size }) => sum + (type === "file" ? size : 0), 0);
    const total = trees.reduce((sum, entries) => sum + bytes(entries), 0);
    this.progress.start(total, 0);
    let left = total;
    try {
      for (const [index, tree] of this.#trees.entries()) {
        const entries = trees[index] ?? [];
        if (index > 0 && running) await this.#makeFolder(tree);
        if (entries.length === 0) continue;
        await this.#stream(tree, entries, running, (count) => {
          const now = Math.min(count, left);
          left -= now;
          if (now > 0) this.progress.advance(now);
        });
      }
      if (left > 0) this.progress.advance(left);
    } finally {
      this.progress.end();
    }
  }

  async #makeFolder({ to }: Tree): Promise<void> {
    await this.#target.makeDirectory(dirname(to), 0o755);
    await this.#target.makeDirectory(to);
  }

  async #stream(
    tree: Tree,
    entries: readonly Entry[],
    running: boolean,
    advance: (bytes: number) => void,
  ): Promise<void> {
    const token = randomBytes(6).toString("hex");
    const sums = new Map<string, string>();
    let done = 0;
    await flow({
      source: { host: this.#source, script: packing, args: [tree.from, `${this.from.controlDirectory}/sum.${token}`] },
      target: { host: this.#target, script: unpacking, args: [tree.to, `${this.to.controlDirectory}/sum.${token}`] },
      directories: this.to,
      // Folders first, so that each file finds its own.
      input: entries.map(({ path }) => `${path}\0`).join(""),
      fine: running ? vanishedByTar : [],
      signal: this.signal,
      onLine(line) {
        const [, end, sum] = /^sum (read|wrote) ([0-9a-f]{64})$/.exec(line) ?? [];
        if (end !== undefined && sum !== undefined) sums.set(end, sum);
        const at = checkpointIn(line);
        if (at === undefined || at < done) return;
        advance(at - done);
        done = at;
      },
    });
    if (sums.get("read") === undefined || sums.get("read") !== sums.get("wrote")) {
      throw new Error(
        `what came to ${tree.to} on ${this.#target.name} is not what ${tree.from} was read as: run again`,
      );
    }
    this.sums++;
  }
}

/** The program that is several times as fast where the processor knows SHA. */
const choosing =
  "if openssl dgst -sha256 -r </dev/null >/dev/null 2>&1; then summing='openssl dgst -sha256 -r'; else summing=sha256sum; fi";

/** A checksum of all that passes, said at the end: \`sum NAME HEX\`. */
const summed = (name: string) => `fifo=$2.${name}
umask 077
rm -f -- "$fifo" "$fifo.sum"
mkfifo -- "$fifo" || exit
${choosing}
$summing <"$fifo" >"$fifo.sum" &`;
const said = (name: string) => `wait
echo "sum ${name} $(cut -c 1-64 <"$fifo.sum")" >&3
rm -f -- "$fifo" "$fifo.sum"`;

const packing = `${speaking}
${summed("read")}
${spoken(
  "tar",
  `tar --create --file=- --format=gnu ${tarRecords.join(" ")} --directory="$1" --no-recursion --null --verbatim-files-from --files-from=-`,
)} | ${spoken("tee", 'tee -- "$fifo"')}
${said("read")}`;

/** What a user has in a data directory keeps its mode. Whoever left before the end of the stream would seem to have broken off. */
const unpacking = `${speaking}
${summed("wrote")}
${spoken("tee", 'tee -- "$fifo"')} | ${spoken(
  "tar",
  `tar --extract --file=- ${tarRecords.join(" ")} --read-full-records --same-permissions --no-same-owner --directory="$1"`,
  "cat >/dev/null",
)}
${said("wrote")}`;
