import { join } from "node:path";
import { controlPath, incompleteMarker } from "../../config/controlDirectory.js";
import type { Server } from "../../config/site.js";
import { hostOf } from "../../hosts/index.js";
import { must } from "../../installed/must.js";
import type { ApartFolder, DumpFacts, MoveEvent } from "../../postgres/move/model.js";
import { shownInLine } from "../../postgres/shown.js";
import { buffersOf } from "../../postgres/start/memory.js";
import { overridesOf } from "../../postgres/start/overrides.js";
import { atLeast } from "../../postgres/versions.js";
import { isAtRest } from "../../postgres/wal/controlFile.js";
import type { CopyProgress } from "../baseBackup/progress.js";
import { readControlFile } from "../data/controlFile.js";
import { makeFolder, makeInPlace } from "../data/places.js";
import { makeCluster } from "../seed/initdb.js";
import { namesOf } from "../sql/versions.js";
import type { End } from "../upgrade/carry.js";
import { contentsOf, differencesOf } from "../upgrade/compare.js";
import { fillByDump, restoredBytes } from "../upgrade/dump.js";
import { initdbLike } from "../upgrade/initdb.js";
import { ask, ports, whilePrivate } from "../upgrade/private.js";
import { showing } from "../upgrade/progress.js";
import { makeWorkplaceIn, removeWorkplace } from "../upgrade/workplace.js";
import { contentDifferencesInWords } from "../words/contents.js";
import { carryByHand } from "./byHand.js";
import { incompleteText } from "./copy.js";
import { carryControl } from "./places.js";

/** What a move by dump and restore is told. */
export interface DumpMove {
  readonly from: Server;
  readonly to: Server;
  readonly facts: DumpFacts;
  readonly apart: readonly ApartFolder[];
  readonly oneHost: boolean;
  readonly progress: CopyProgress;
  readonly report: (event: MoveEvent) => void;
  readonly signal: AbortSignal;
}

/** Both ends of a move by dump and restore: what runs there does so privately, so that no client has a say in it. */
export class DumpCopy {
  private constructor(
    private readonly move: DumpMove,
    private readonly source: End,
    private readonly target: End,
  ) {}

  static async make(move: DumpMove): Promise<DumpCopy> {
    const { from, to, facts, signal } = move;
    const { version } = from;
    const user = facts.cluster.installUser;
    const [there, here] = [hostOf(from.host), hostOf(to.host)];
    const one = await makeWorkplaceIn(there, controlPath(from, "moveWork"), facts.clients.from, signal);
    const other = await makeWorkplaceIn(here, controlPath(to, "moveWork"), facts.clients.to, signal);
    const common = { version, user };
    return new DumpCopy(
      move,
      {
        at: one,
        server: {
          ...common,
          programs: from.binDirectory,
          dataDirectory: from.dataDirectory,
          configuration: from.configurationDirectory,
          port: ports.old,
          // Nothing is written by whoever reads.
          options: { default_transaction_read_only: "on" },
        },
      },
      {
        at: other,
        server: {
          ...common,
          programs: to.binDirectory,
          dataDirectory: to.dataDirectory,
          configuration: to.configurationDirectory,
          port: ports.new,
          // What it writes now is nobody's to archive.
          options: { archive_mode: "off" },
        },
      },
    );
  }

  /** Folders of sockets that lie elsewhere than in the working folder, for whoever has to take them away. */
  get sockets(): { readonly from?: string; readonly to?: string } {
    const apart = ({ at: { work, sockets } }: End) => (sockets === work ? undefined : sockets);
    const [from, to] = [apart(this.source), apart(this.target)];
    return { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
  }

  /**
   * A cluster at the new place as the old one was made, with the declared files; it is started once, so that a setting, a library
   * or an extension that is not there is known while nobody has been stopped. @returns its system identifier
   */
  async prepare(): Promise<string> {
    const { from, to, facts, apart, signal, report } = this.move;
    const { host } = this.target.at;
    const { walDirectory } = namesOf(to.version);
    const wal = apart.find(({ link }) => link === walDirectory)?.leadsTo;
    const { configurationDirectory } = to;
    if (configurationDirectory !== undefined) await makeInPlace(host, to, configurationDirectory, 0o755);
    const identifier = await makeCluster(host, to, {
      mark: () => host.writeFile(join(to.dataDirectory, incompleteMarker), incompleteText),
      argv: (directory, standing) => {
        const made = { version: to.version, binDirectory: to.binDirectory, directory };
        const stands = standing.some(({ path }) => path === walDirectory);
        const elsewhere = wal === undefined || stands ? [] : ["-X", wal];
        return [...initdbLike(facts.cluster, made), ...elsewhere];
      },
      signal,
    });
    await this.#linkFolders(walDirectory);
    await carryControl(from, to);
    const left = await carryByHand(from, to);
    if (left.length > 0) report({ code: "left behind", names: left });
    await this.#tryStart();
    report({ code: "cluster made", systemIdentifier: identifier });
    return identifier;
  }

  /** Tablespaces go to the same paths, and folders that the old data led to are there again. */
  async #linkFolders(walDirectory: string): Promise<void> {
    const { host } = this.target.at;
    const { dataDirectory } = this.move.to;
    for (const { link, leadsTo } of this.move.apart) {
      await makeFolder(host, this.move.to, leadsTo);
      if (link === walDirectory || link.startsWith("pg_tblspc/")) continue;
      const place = join(dataDirectory, link);
      if ((await host.stat(place)) === undefined) await must(host, ["ln", "-s", "--", leadsTo, place]);
    }
  }

  async #tryStart(): Promise<void> {
    const { at, server } = this.target;
    const { to, oneHost, facts } = this.move;
    // Beside the one that runs, memory is left to that.
    const overrides = oneHost ? overridesOf(to.version, buffersOf(to.version, to.settings).tried) : {};
    const told = Object.fromEntries(Object.entries(overrides).filter(([name]) => leftToOthers.has(name)));
    await whilePrivate(at, { ...server, options: { ...server.options, ...told } }, async () => {
      if (!atLeast(to.version, "9.1")) return void (await ask(at, server, "template1", "select 1"));
      const rows = await ask(at, server, "template1", "select name from pg_catalog.pg_available_extensions");
      const known = new Set(rows.map(([name]) => name));
      const wanted = facts.cluster.databases.flatMap(({ name, extensions }) =>
        extensions.filter((one) => !known.has(one.name)).map((one) => `${one.name} (${name})`),
      );
      if (wanted.length > 0) {
        throw new Error(
          `the programs in ${to.binDirectory} on ${at.host.name} do not bring the extensions ${wanted.map(shownInLine).join(", ")}: install them there`,
        );
      }
    });
  }

  /** Once the old server is stopped: all that it has, and both compared. @throws where they differ */
  async transfer(): Promise<void> {
    const { from, facts, progress, report } = this.move;
    const { source, target } = this;
    const control = await readControlFile(source.at.host, from.dataDirectory);
    if (control === undefined || !isAtRest(control)) throw new Error(`${from.name} did not shut down cleanly`);
    report({ code: "restoring", databases: facts.cluster.databases.length, bytes: facts.size });
    const advance = showing(progress, facts.size, () => restoredBytes(target));
    const before = await whilePrivate(source.at, source.server, async () => {
      const contents = await contentsOf(source.at, source.server);
      await fillByDump(source, target, { deferred: {}, jobs: facts.jobs, advance });
      return contents;
    });
    const made = { ...target.server, options: { ...target.server.options, autovacuum: "off" } };
    const after = await whilePrivate(target.at, made, () => contentsOf(target.at, made));
    const differences = differencesOf(before, after, { from: from.version, installUser: facts.cluster.installUser });
    if (differences.length > 0) throw new Error(contentDifferencesInWords(differences, "the old place and the new"));
    report({ code: "contents compared", things: before.size });
  }

  /** The new cluster is whole: it may start in its place. */
  async finish(): Promise<void> {
    const { host } = this.target.at;
    const { dataDirectory } = this.move.to;
    await host.remove(join(dataDirectory, incompleteMarker));
    await must(host, ["sync", "-f", "--", `${dataDirectory}/`], { timeout: 30 * 60_000 });
    await this.close();
  }

  async close(): Promise<void> {
    for (const { at } of [this.source, this.target]) await removeWorkplace(at);
  }
}

/** What of a dry start's overrides keeps a server beside another one from its memory. */
const leftToOthers: ReadonlySet<string> = new Set(["shared_buffers", "huge_pages", "min_dynamic_shared_memory"]);
