// An upgrade 17 → 18 by each way against the bare tool on the same data: pg_upgrade by copy and by link, pg_dump | pg_restore. What is
// compared is what brings the data over; how long nobody is served in all is said beside it. `npm run bench -- upgrade MEGABYTES ROUNDS WAY`
import { join } from "node:path";
import { quoteAll } from "../hosts/quote.js";
import { must } from "../installed/must.js";
import type { Way } from "../postgres/upgrade/model.js";
import { startServer } from "../servers/process/process.js";
import { stopServer } from "../servers/process/stop.js";
import { asAfter } from "../servers/upgrade/switch.js";
import { upgrade } from "../servers/upgrade/upgrade.js";
import { UpgradeSite } from "../test/support/upgradeSite.js";
import { allPrograms } from "../toolchain/clients.mjs";
import { closing } from "./support/closing.js";
import { compare, say, seconds, timed } from "./support/compare.js";

const jobs = 2;
const tables = 8;
const timeout = 3 * 3600_000;
/** With its index, and about. */
const rowsOfMegabyte = 7_000;

async function main(megabytes: number, rounds: number, only: string | undefined): Promise<void> {
  const [old, next] = [await allPrograms("17"), await allPrograms("18")];
  if (old === undefined || next === undefined)
    throw new Error("programs of 17 and 18 with pg_upgrade are not to be had");
  const settings = { fsync: "on", shared_buffers: "256MB", max_wal_size: "4GB" };
  const site = await UpgradeSite.make(1, { from: "17", to: "18", programs: { old, new: next }, settings });
  await closing(site, async () => {
    const bench = new Bench(site, { old, new: next });
    await bench.fill(megabytes);
    for (const way of ["copy", "link", "dump"] as const) {
      if (only !== undefined && way !== only) continue;
      const all: number[] = [];
      const { reference } = await compare({
        name: `upgrade-${way}`,
        target: 1.1,
        rounds,
        reference: () => (way === "dump" ? bench.bareDump() : bench.bareUpgrade(way)),
        subject: async () => {
          const took = await bench.ours(way);
          all.push(took.downtime);
          return took.transfer;
        },
      });
      const downtime = Math.min(...all);
      say(
        `by ${way}, the bare tool takes ${seconds(reference)}; nobody is served by ours for ${seconds(downtime)} in all`,
      );
    }
  });
}

/** A server of the old version, which each run finds as it was filled. */
class Bench {
  private readonly home: string;
  private readonly pristine: string;
  private readonly bare: string;

  constructor(
    private readonly site: UpgradeSite,
    private readonly programs: { readonly old: string; readonly new: string },
  ) {
    const { folder } = site.cluster;
    [this.home, this.pristine, this.bare] = [join(folder, "primary"), join(folder, "pristine"), join(folder, "bare")];
  }

  async fill(megabytes: number): Promise<void> {
    const { site } = this;
    await site.run("create database app");
    const rows = Math.ceil((megabytes * rowsOfMegabyte) / tables);
    for (let table = 0; table < tables; table += 1) {
      await site.run(`create table t${table} (id bigint, one text, two text)`, "app");
      await site.run(
        `insert into t${table} select i, md5(i::text), md5((-i)::text) from generate_series(1, ${rows}) i`,
        "app",
      );
      await site.run(`alter table t${table} add primary key (id)`, "app");
    }
    await site.run("vacuum analyze", "app");
    const [row] = await site.query("select pg_size_pretty(sum(pg_database_size(oid))) as size from pg_database");
    say(`the databases have ${row?.size}`);
    await stopServer(site.host, site.old, {});
    await this.#run(["cp", "-a", "--", this.home, this.pristine]);
  }

  /** pg_upgrade alone, on a copy of the data. */
  async bareUpgrade(way: Exclude<Way, "dump" | "clone">): Promise<number> {
    const { old, made } = await this.#bareClusters();
    const { old: oldPrograms, new: newPrograms } = this.programs;
    const argv = [join(newPrograms, "pg_upgrade"), "-b", oldPrograms, "-B", newPrograms, "-d", old, "-D", made];
    const more = ["-U", "owner", "-j", `${jobs}`, "-s", this.bare, `--${way}`];
    return timed(() => this.#run([...argv, ...more], this.bare));
  }

  /** Both servers run before and after: only what is between them is counted. */
  async bareDump(): Promise<number> {
    const { old, made } = await this.#bareClusters();
    const { old: oldPrograms, new: newPrograms } = this.programs;
    const start = (programs: string, data: string, port: number) => {
      const options = `-c listen_addresses= -c unix_socket_directories=${this.bare} -c port=${port}`;
      const log = join(this.bare, `${port}.log`);
      return this.#run([join(programs, "pg_ctl"), "-w", "-D", data, "-o", options, "-l", log, "start"]);
    };
    const stop = (programs: string, data: string) =>
      this.#run([join(programs, "pg_ctl"), "-w", "-D", data, "-m", "fast", "stop"]);
    await start(oldPrograms, old, 5501);
    try {
      await start(newPrograms, made, 5502);
      try {
        const at = (port: number) => ["-h", this.bare, "-p", `${port}`, "-U", "owner"];
        const dump = quoteAll([join(newPrograms, "pg_dump"), "-Fc", "-Z0", ...at(5501), "-d", "app"]);
        const restore = [join(newPrograms, "pg_restore"), "-C", "-e", "--no-owner", ...at(5502), "-d", "template1"];
        return await timed(() => this.#run(["sh", "-c", `${dump} | ${quoteAll(restore)}`]));
      } finally {
        await stop(newPrograms, made);
      }
    } finally {
      await stop(oldPrograms, old);
    }
  }

  /** Milliseconds: of what brings the data over, and from the old server's stop to the new one's proof. */
  async ours(way: Way): Promise<{ readonly transfer: number; readonly downtime: number }> {
    const { site } = this;
    await this.#afresh();
    const at: Record<string, number> = {};
    const marks = { stopped: /^stopping /, began: /^(pg_upgrade by|looking at)/, ended: /^comparing / };
    site.onProgress = (line) => {
      for (const [name, pattern] of Object.entries(marks)) if (pattern.test(line)) at[name] = performance.now();
    };
    const context = site.context();
    const log: typeof context.log = async (severity, line) => {
      if (/ runs PostgreSQL 18/.test(line)) at.proven = performance.now();
      if (severity === "warning") say(`warning: ${line}`);
    };
    const journal = await upgrade({ ...context, log }, site.args(), site.plan(way), await site.facts());
    await stopServer(site.host, asAfter(site.declared(), journal), {});
    const { stopped = Number.NaN, began = Number.NaN, ended = Number.NaN, proven = Number.NaN } = at;
    return { transfer: ended - began, downtime: proven - stopped };
  }

  /** The old server runs on its data as they were filled, and nothing is left of an upgrade. */
  async #afresh(): Promise<void> {
    await this.#emptied();
    await this.#run(["cp", "-a", "--", this.pristine, this.home]);
    await this.#calm();
    await startServer(this.site.host, this.site.old);
  }

  async #bareClusters(): Promise<{ readonly old: string; readonly made: string }> {
    const [old, made] = [join(this.bare, "old"), join(this.bare, "new")];
    await this.#emptied();
    await this.site.host.makeDirectory(this.bare);
    await this.#run(["cp", "-a", "--", join(this.pristine, "data"), old]);
    await this.site.host.writeFile(join(old, "pg_hba.conf"), "local all all trust\n");
    const initdb = [join(this.programs.new, "initdb"), "-D", made, "-U", "owner", "-A", "trust", "-N"];
    await this.#run([...initdb, "--no-locale", "--encoding=UTF8", "--data-checksums"]);
    await this.#calm();
    return { old, made };
  }

  /** What the run before has left: whoever comes next finds the disk the same. */
  #emptied(): Promise<string> {
    return this.#run(["rm", "-rf", "--", this.bare, this.home]);
  }

  /** All is on the disk, and blocks that were given back are (a discard of gigabytes takes its seconds, and slows whatever runs beside). */
  async #calm(): Promise<void> {
    await this.#run(["sync"]);
    await new Promise((resolve) => setTimeout(resolve, 15_000));
  }

  #run(argv: readonly string[], cwd?: string): Promise<string> {
    return must(this.site.host, argv, { timeout, ...(cwd === undefined ? {} : { cwd }) });
  }
}

const [, , megabytes = "1000", rounds = "3", only] = process.argv;
main(Number(megabytes), Number(rounds), only).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
