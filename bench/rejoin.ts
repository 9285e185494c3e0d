// A rejoin by pg_rewind, against bare pg_rewind and a restart of the same server.
import { rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { hostOf } from "../hosts/index.js";
import { startServer } from "../servers/process/process.js";
import { debian15, keptOf, promote } from "../test/support/parted.js";
import { type RolloutDeclaration, RolloutSite } from "../test/support/rolloutSite.js";
import { closing } from "./support/closing.js";
import { compare, median, say, seconds, timed } from "./support/compare.js";

const servers = { server2: { dataDirectory: "/data/db" }, server3: { dataDirectory: "/data/db" } };
const settings = {
  fsync: "on",
  shared_buffers: "32MB",
  autovacuum: "off",
  checkpoint_timeout: "1h",
  wal_keep_segments: "32",
  wal_retrieve_retry_interval: "100ms",
};
const rows = 200_000; // about 1 kB each

async function main(rounds: number): Promise<void> {
  const declaration = (primary: string, keepDiverged: "data" | "wal"): RolloutDeclaration => ({
    settings,
    primary,
    servers: Object.fromEntries(Object.entries(servers).map(([name, one]) => [name, { ...one, keepDiverged }])),
  });
  const site = await RolloutSite.make("15", 168, declaration("server2", "wal"), debian15);
  await closing(site, async () => {
    await site.query(
      "server2",
      "create table filler (n int, text text)",
      `insert into filler select n, repeat(md5(n::text), 29) from generate_series(1, ${rows}) n`,
      "checkpoint",
    );
    await site.up();
    let primary = "server2";

    /** The other one is promoted, and the primary comes back with rows of its own, and is shut down. */
    const part = async (keep: "data" | "wal"): Promise<string> => {
      const old = primary;
      primary = old === "server2" ? "server3" : "server2";
      await streams(site, old);
      await site.stop(old, "immediate");
      await promote(site, primary);
      await site.query(primary, "checkpoint", "update filler set n = n + 1 where n % 50 = 0");
      await startServer(hostOf(site.server(old).host), site.server(old));
      await site.query(old, "update filler set n = n - 1 where n % 50 = 1");
      site.declare(declaration(primary, keep));
      await site.stop(old);
      return old;
    };
    const tidy = (old: string) => {
      for (const folder of keptOf(site.server(old))) rmSync(folder, { recursive: true });
    };
    const rejoin = async (keep: "data" | "wal"): Promise<number> => {
      const old = await part(keep);
      const took = await timed(() => site.up());
      tidy(old);
      return took;
    };

    /** What somebody types who does it by hand, up to the moment at which it streams. */
    const bare = async (): Promise<number> => {
      const old = await part("wal");
      const { dataDirectory, binDirectory, passfile, host: spec } = site.server(old);
      const { address, port } = site.server(primary);
      const host = hostOf(spec);
      const source = `host=${address} port=${port} user=postgres dbname=postgres`;
      const pass = join(dirname(passfile), "bench.passfile");
      await host.writeFile(pass, "*:*:*:postgres:adm1n\n");
      const configuration = await host.readFile(join(dataDirectory, "postgresql.conf"));
      const took = await timed(async () => {
        const argv = [join(binDirectory, "pg_rewind"), "-D", dataDirectory, "--source-server", source];
        const { code, stdout, stderr } = await host.run(argv, { env: { PGPASSFILE: pass }, timeout: 600_000 });
        if (code !== 0) throw new Error(stdout + stderr);
        const user = `host=${address} port=${port} user=replicator passfile=${passfile} application_name=${old}`;
        await host.writeFile(
          join(dataDirectory, "postgresql.conf"),
          `${configuration}\nprimary_conninfo = '${user}'\n`,
        );
        await host.writeFile(join(dataDirectory, "standby.signal"), "");
        await startServer(host, site.server(old));
        await streams(site, primary);
      });
      await host.remove(pass);
      await site.up();
      return took;
    };

    await compare({ name: "rejoin", target: 1.5, rounds, reference: bare, subject: () => rejoin("wal") });
    const whole: number[] = [];
    for (let round = 1; round <= Math.min(3, rounds); round += 1) whole.push(await rejoin("data"));
    say(`rejoin with a whole copy kept (keepDiverged: data): ${seconds(median(whole))}`);
  });
}

async function streams(site: RolloutSite, primary: string): Promise<void> {
  const sql = "select 1 as one from pg_stat_replication where state = 'streaming'";
  for (const end = Date.now() + 60_000; Date.now() < end; ) {
    if ((await site.query(primary, sql)).length > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nobody streams from ${primary}`);
}

main(Number(process.argv[2] ?? 5)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
