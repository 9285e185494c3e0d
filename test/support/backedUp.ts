import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BackupFacts, backupFiles, type DatabaseRules } from "../../installed/backups/render.js";
import { type Ended, OwnServer } from "./ownServer.js";
import { sispiRules, sispiScript } from "./sispi.js";

/** A run of a program of the backups' folder. */
export interface JobRun extends Ended {
  /** Its events: fields of each line. */
  readonly events: readonly (readonly string[])[];
}

type Changes = Partial<Omit<BackupFacts, "job" | "rateLimit">> & {
  readonly job?: Partial<BackupFacts["job"]>;
  readonly rateLimit?: number | undefined;
};

/**
 * A server with SISPI's databases and the programs of its backups, as they lie on a host. Its mail goes to a sendmail of the
 * test's. `close` ends and removes all of it.
 */
export class BackedUp {
  #changes: Changes = {};

  private constructor(readonly server: OwnServer) {}

  /** @param rows as of `sispiScript`; none: no database is made */
  static async make(
    { rows, ...options }: Parameters<typeof OwnServer.make>[0] & { readonly rows?: number },
    changes: Changes = {},
  ): Promise<BackedUp> {
    const server = await OwnServer.make(options);
    try {
      const site = new BackedUp(server);
      if (rows !== undefined) await server.query("postgres", sispiScript({ rows, major: server.major }));
      await site.install(changes);
      return site;
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  get control(): string {
    return `${this.server.data}.pgsite`;
  }

  /** Where runs lie. */
  get folder(): string {
    return join(this.server.folder, "db_backup");
  }

  /** Writes the programs anew, with other facts. */
  async install(changes: Changes): Promise<void> {
    this.#changes = { ...this.#changes, ...changes };
    const { server } = this;
    const { job, rateLimit, ...others } = this.#changes;
    const set = await backupFiles({
      job: {
        site: "sispi",
        server: "server2",
        version: server.major,
        user: server.user,
        dataDirectory: server.data,
        controlDirectory: this.control,
        binDirectory: server.serverPrograms,
        port: server.port,
        connection: { socketFolder: server.sockets },
        mail: { to: "postgres-status@example.org" },
        ...job,
      },
      folder: this.folder,
      role: "primary",
      databases: Object.fromEntries(Object.entries(sispiRules).map(([name, rules]) => [name, rulesOf(rules)])),
      jobs: 2,
      lockWait: 2,
      keep: { last: 5, daily: 0, weekly: 0, monthly: 0 },
      places: [],
      ...others,
      ...(rateLimit === undefined ? {} : { rateLimit }),
    });
    this.#folder(this.control);
    this.#folder(set.folder);
    for (const [name, { content, mode }] of Object.entries(set.files)) {
      // The host's own sendmail gets none of a test's mail.
      const more = name === "settings" ? `sendmail='${this.#sendmail()}'\n` : "";
      this.#write(join(set.folder, name), content + more, mode);
    }
  }

  program(name: string): string {
    return join(this.control, "backups", name);
  }

  /** Makes a run. @param env PGSITE_NOW, say */
  async backup(env: NodeJS.ProcessEnv = {}): Promise<JobRun> {
    return this.run("backup", [], env);
  }

  async run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<JobRun> {
    const ended = await this.server.run([this.program(program), "--events", ...args], { env });
    return { ...ended, events: eventsOf(ended.stdout) };
  }

  /** Names in the folder of runs, or in another. */
  runs(folder = this.folder): readonly string[] {
    return existsSync(folder) ? readdirSync(folder).sort() : [];
  }

  /** Lines of a run's manifest. */
  manifest(run: string, folder = this.folder): readonly (readonly string[])[] {
    return eventsOf(readFileSync(join(folder, run, "manifest"), "utf8"));
  }

  /** What sendmail has taken since the last time, oldest first. */
  mails(): readonly string[] {
    const folder = join(this.server.folder, "mails");
    const names = readdirSync(folder).filter((name) => name.startsWith("mail."));
    const found = names.sort().map((name) => readFileSync(join(folder, name), "utf8"));
    for (const name of names) rmSync(join(folder, name));
    return found;
  }

  /** Whether sendmail takes mail. */
  deliver(takes: boolean): void {
    const file = join(this.server.folder, "mails", "refuse");
    if (takes) rmSync(file, { force: true });
    else this.#write(file, "", 0o600);
  }

  async close(): Promise<void> {
    await this.server.close();
  }

  #sendmail(): string {
    const folder = join(this.server.folder, "mails");
    this.#folder(folder);
    const path = join(folder, "sendmail");
    const script = `#!/bin/sh
[ "$1 $2" = '-t -oi' ] || exit 64
cd '${folder}' || exit 73
[ ! -e refuse ] || { echo 'the relay is down' >&2; exit 75; }
cat >".$$" && mv ".$$" "mail.$(date +%s%N)"
`;
    this.#write(path, script, 0o755);
    return path;
  }

  #folder(path: string): void {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    this.#own(path);
  }

  #write(path: string, content: string, mode: number): void {
    writeFileSync(path, content);
    chmodSync(path, mode);
    this.#own(path);
  }

  #own(path: string): void {
    if (process.getuid?.() === 0) chownSync(path, this.server.uid, this.server.gid);
  }
}

export function rulesOf(rules: Partial<DatabaseRules>): DatabaseRules {
  return { tables: [], groups: {}, schemas: [], ...rules };
}

export function eventsOf(text: string): readonly (readonly string[])[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split("\t"));
}
