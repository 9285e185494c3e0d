import { existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa, type Options } from "execa";
import { stringify } from "yaml";
import { programsCache } from "../../toolchain/paths.mjs";
import { unprivileged } from "./account.js";
import type { Place } from "./barePair.js";
import { say } from "./compare.js";
import { makeFolder, removeFolder } from "./folder.js";

const version = "4.0.7";

/** One that every user can run. */
const interpreter = "/usr/bin/python3";
const etcd = "/usr/bin/etcd";

/** Two servers under Patroni, and an etcd of one member: the least that it runs with. */
export class Patroni {
  primary = 0;
  readonly #processes: { readonly kill: () => void; readonly ended: Promise<unknown> }[] = [];

  private constructor(
    private readonly environment: string,
    private readonly folder: string,
    readonly places: readonly [Place, Place],
  ) {}

  /** Installs it from PyPI, once. @param addresses of the two servers and of etcd @throws where that, or the first start, does not go */
  static async make(programs: string, addresses: readonly [string, string, string], port: number): Promise<Patroni> {
    if (!existsSync(etcd)) throw new Error("install Debian's etcd-server");
    const environment = await install();
    const [one, two, store] = addresses;
    const cluster = new Patroni(environment, makeFolder(), [
      { address: one, port },
      { address: two, port },
    ]);
    try {
      cluster.#keep(
        execa(etcd, etcdOptions(cluster.folder, store), {
          ...unprivileged(),
          cwd: "/",
          reject: false,
          stdio: "ignore",
        }),
      );
      for (const [index, place] of cluster.places.entries()) {
        const configuration = serverConfiguration(cluster.folder, programs, place, index);
        writeFileSync(cluster.#file(index), stringify({ ...configuration, etcd3: { hosts: [`${store}:2379`] } }));
        cluster.#keep(cluster.#python("patroni", [cluster.#file(index)], { reject: false, stdio: "ignore" }));
      }
      await cluster.#until("both run", (members) => roles(members) === "Leader running, Replica streaming");
      cluster.primary = (await cluster.#members()).find(({ Role }) => Role === "Leader")?.Member === "s0" ? 0 : 1;
    } catch (error) {
      await cluster.close();
      throw error;
    }
    return cluster;
  }

  async switchOver(): Promise<void> {
    const next = 1 - this.primary;
    await this.#ctl("switchover", "--force", "--leader", `s${this.primary}`, "--candidate", `s${next}`);
    this.primary = next;
  }

  async settled(): Promise<void> {
    await this.#until("both stream", (members) => roles(members) === "Leader running, Replica streaming");
  }

  async close(): Promise<void> {
    for (const process of this.#processes) process.kill();
    await Promise.all(this.#processes.map(({ ended }) => ended));
    removeFolder(this.folder);
  }

  #keep(started: Promise<unknown> & { kill(signal: "SIGKILL"): boolean }): void {
    this.#processes.push({ kill: () => started.kill("SIGKILL"), ended: started });
  }

  #file(index: number): string {
    return join(this.folder, `${index}.yml`);
  }

  async #ctl(...args: readonly string[]): Promise<string> {
    const { stdout } = await this.#python("patronictl", ["-c", this.#file(0), ...args], { timeout: 60_000 });
    return `${stdout}`;
  }

  #python<O extends Options>(program: string, args: readonly string[], options: O) {
    const given = { ...unprivileged(), cwd: "/", env: { PYTHONPATH: this.environment }, ...options };
    return execa(interpreter, [join(this.environment, "bin", program), ...args], given);
  }

  async #members(): Promise<readonly Member[]> {
    return JSON.parse(await this.#ctl("list", "--format", "json")) as readonly Member[];
  }

  async #until(what: string, holds: (members: readonly Member[]) => boolean): Promise<void> {
    const end = Date.now() + 90_000;
    let found: readonly Member[] = [];
    while (Date.now() < end) {
      found = await this.#members().catch(() => found);
      if (holds(found)) return;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    throw new Error(`Patroni: not within 90 s: ${what}: ${JSON.stringify(found)}`);
  }
}

interface Member {
  readonly Member: string;
  readonly Role: string;
  readonly State: string;
}

function roles(members: readonly Member[]): string {
  return members
    .map(({ Role, State }) => `${Role} ${State}`)
    .sort()
    .join(", ");
}

function etcdOptions(folder: string, address: string): readonly string[] {
  const [clients, peers] = [`http://${address}:2379`, `http://${address}:2380`];
  return [
    ...["--data-dir", join(folder, "etcd"), "--name", "store", "--initial-cluster", `store=${peers}`],
    ...["--listen-client-urls", clients, "--advertise-client-urls", clients],
    ...["--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers],
  ];
}

function serverConfiguration(folder: string, programs: string, { address, port }: Place, index: number) {
  const accounts = {
    superuser: { username: "postgres", password: "bench" },
    replication: { username: "replicator", password: "bench" },
  };
  return {
    scope: "bench",
    name: `s${index}`,
    restapi: { listen: `${address}:8008`, connect_address: `${address}:8008` },
    bootstrap: {
      dcs: { ttl: 30, loop_wait: 10, retry_timeout: 10, postgresql: { use_pg_rewind: true } },
      initdb: [{ encoding: "UTF8" }, { locale: "C" }, "data-checksums"],
    },
    postgresql: {
      listen: `${address}:${port}`,
      connect_address: `${address}:${port}`,
      data_dir: join(folder, `${index}`),
      bin_dir: programs,
      pgpass: join(folder, `pgpass${index}`),
      authentication: accounts,
      parameters: { unix_socket_directories: "", wal_keep_size: "64MB" },
      pg_hba: ["local all all trust", "host all all 127.0.0.0/8 trust", "host replication all 127.0.0.0/8 trust"],
    },
  };
}

/** Into a folder that the servers' user may read, which an interpreter of root's own may not be. */
async function install(): Promise<string> {
  const folder = join(programsCache(), "..", `patroni-${version}-etcd3`);
  if (existsSync(join(folder, "bin", "patroni"))) return folder;
  say(`installing Patroni ${version} from PyPI`);
  const incoming = `${folder}.incoming`;
  rmSync(incoming, { recursive: true, force: true });
  const wanted = [`patroni[etcd3]==${version}`, "psycopg2-binary"];
  await execa("python3", ["-m", "pip", "install", "--quiet", "--target", incoming, ...wanted], { timeout: 300_000 });
  renameSync(incoming, folder);
  return folder;
}
