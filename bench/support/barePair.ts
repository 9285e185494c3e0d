import { appendFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { unprivileged } from "./account.js";
import { makeFolder, removeFolder } from "./folder.js";

/** A primary and its standby, made and handled by PostgreSQL's own commands and nothing else. Everybody is let in from loopback. */
export class BarePair {
  primary = 0;

  private constructor(
    private readonly programs: string,
    private readonly folder: string,
    /** Where the two listen. */
    readonly places: readonly [Place, Place],
  ) {}

  /** @param programs folder of the server programs, with pg_basebackup in it */
  static async make(programs: string, addresses: readonly [string, string], port: number): Promise<BarePair> {
    const [one, two] = addresses.map((address) => ({ address, port })) as [Place, Place];
    const pair = new BarePair(programs, makeFolder(), [one, two]);
    try {
      await pair.#run("initdb", "-D", pair.#data(0), "-A", "trust", "-U", "postgres", "-k", "-E", "UTF8", "--locale=C");
      pair.#configure(0);
      await pair.#start(0);
      const from = ["-h", one.address, "-p", `${port}`, "-U", "postgres"];
      await pair.#run("pg_basebackup", "-D", pair.#data(1), "-c", "fast", ...from);
      pair.#configure(1);
      await pair.#follow(1);
    } catch (error) {
      await pair.close();
      throw error;
    }
    return pair;
  }

  /** Shuts the primary down and promotes the standby: all that clients wait for. */
  async switchOver(): Promise<void> {
    await this.#run("pg_ctl", "stop", "-m", "fast", "-D", this.#data(this.primary));
    this.primary = 1 - this.primary;
    await this.#run("pg_ctl", "promote", "-D", this.#data(this.primary));
  }

  /** The old primary becomes the standby. */
  async follow(): Promise<void> {
    await this.#follow(1 - this.primary);
  }

  async close(): Promise<void> {
    removeFolder(this.folder);
  }

  #data(server: number): string {
    return join(this.folder, `${server}`);
  }

  #configure(server: number): void {
    const [own, other] = [this.places[server], this.places[1 - server]] as [Place, Place];
    const lines = [
      `listen_addresses = '${own.address}'`,
      `port = ${own.port}`,
      "unix_socket_directories = ''",
      "wal_keep_size = 64MB",
      `primary_conninfo = 'host=${other.address} port=${other.port} user=postgres application_name=s${server}'`,
    ];
    appendFileSync(join(this.#data(server), "postgresql.conf"), `${lines.join("\n")}\n`);
  }

  async #follow(server: number): Promise<void> {
    await execa("touch", [join(this.#data(server), "standby.signal")], unprivileged());
    await this.#start(server);
  }

  async #start(server: number): Promise<void> {
    rmSync(join(this.folder, `${server}.log`), { force: true });
    await this.#run("pg_ctl", "start", "-w", "-D", this.#data(server), "-l", join(this.folder, `${server}.log`));
  }

  async #run(program: string, ...args: readonly string[]): Promise<void> {
    await execa(join(this.programs, program), args, { ...unprivileged(), cwd: "/", stdio: "ignore" });
  }
}

export interface Place {
  readonly address: string;
  readonly port: number;
}
