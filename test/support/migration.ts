import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type MigrateFacts, migrateFiles } from "../../installed/migrate/render.js";
import type { Major } from "../../postgres/versions.js";
import { type JobEvent, parseEvent } from "../../servers/backups/events.js";
import { programs } from "../../toolchain/programs.mjs";
import { debianPrograms, type Ended, OwnServer } from "./ownServer.js";

type Changes = Partial<Omit<MigrateFacts, "job" | "source">>;

/**
 * A server of a newer version, and the data of an older one that was stopped, with the program that brings rows from these to that, as
 * they lie on a host. The older server's tables are what a test makes. `close` ends and removes all of it.
 */
export class Migration {
  #changes: Changes = {};

  private constructor(
    readonly target: OwnServer,
    readonly source: OwnServer,
  ) {}

  /** Both servers run: a test fills the source, and both with tables, before `begin`. */
  static async make(
    majors: { readonly from: Major; readonly to: Major },
    settings: Readonly<Record<string, string>> = {},
  ): Promise<Migration> {
    const server = async (major: Major, more: Readonly<Record<string, string>>) =>
      OwnServer.make({
        major,
        programs: major === "15" ? debianPrograms : ((await programs(major)) as string),
        settings: more,
      });
    const source = await server(majors.from, {});
    try {
      return new Migration(await server(majors.to, settings), source);
    } catch (error) {
      await source.close();
      throw error;
    }
  }

  get control(): string {
    return `${this.target.data}.pgsite`;
  }

  /** The source's data lie beside the target's, as an upgrade leaves them. */
  get sourceData(): string {
    return `${this.target.data}.version-${this.source.major}`;
  }

  /** Stops the source for good, and installs the program. */
  async begin(changes: Changes): Promise<void> {
    await this.source.stop();
    renameSync(this.source.data, this.sourceData);
    await this.install(changes);
  }

  /** Writes the program anew, with other facts. */
  async install(changes: Changes): Promise<void> {
    this.#changes = { ...this.#changes, ...changes };
    const { target, source } = this;
    const set = await migrateFiles({
      job: {
        site: "momentum",
        server: "db",
        version: target.major,
        user: target.user,
        dataDirectory: target.data,
        controlDirectory: this.control,
        binDirectory: target.serverPrograms,
        clientDirectory: debianPrograms,
        port: target.port,
        connection: { socketFolder: target.sockets },
      },
      source: { binDirectory: source.serverPrograms, dataDirectory: this.sourceData, version: source.major },
      databases: {},
      // The machine of a test may have little room.
      reserve: 0,
      ...this.#changes,
    });
    for (const folder of [this.control, set.folder]) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      this.#own(folder);
    }
    for (const [name, { content, mode }] of Object.entries(set.files)) {
      const path = join(set.folder, name);
      // A psql of 15 serves any server of these tests; on a host it is one that is not older than the server.
      writeFileSync(path, content);
      chmodSync(path, mode);
      this.#own(path);
    }
  }

  get program(): string {
    return join(this.control, "migrate", "migrate");
  }

  run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
    return this.target.run([this.program, ...args], { env });
  }

  /** What `status` says to programs. */
  async status(): Promise<readonly JobEvent[]> {
    const stdout = await this.target.must([this.program, "--events", "status"]);
    return stdout
      .split("\n")
      .filter((line) => line !== "")
      .map(parseEvent);
  }

  /** Process of the old server, where it runs. */
  sourceProcess(): number | undefined {
    const file = join(this.sourceData, "postmaster.pid");
    return existsSync(file) ? Number(readFileSync(file, "utf8").split("\n")[0]) : undefined;
  }

  async close(): Promise<void> {
    const pid = this.sourceProcess();
    try {
      if (pid !== undefined && existsSync(`/proc/${pid}`)) process.kill(pid, "SIGQUIT");
    } catch {
      // It has ended meanwhile.
    }
    await this.target.close();
    await this.source.close();
  }

  #own(path: string): void {
    if (process.getuid?.() === 0) chownSync(path, this.target.uid, this.target.gid);
  }
}
