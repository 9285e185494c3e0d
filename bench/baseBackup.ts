// A base backup of 1 GB on one machine, against `cp -a` and sync of the same data directory.
import { execa } from "execa";
import { Cluster } from "../test/support/cluster.js";
import { closing } from "./support/closing.js";
import { compare, say, timed } from "./support/compare.js";

const rows = 1_050_000; // about 1 kB each

async function main(rounds: number): Promise<void> {
  const cluster = await Cluster.describe({
    major: "15",
    first: 200,
    servers: [
      {
        name: "server2",
        role: "primary",
        // The WAL is not part of a copy: as little of it as possible for cp to read.
        settings: { fsync: "on", wal_keep_size: "0", max_wal_size: "64MB", min_wal_size: "32MB", autovacuum: "off" },
      },
      { name: "server3", role: "standby" },
    ],
  });
  await closing(cluster, async () => {
    await cluster.seed("server2");
    await cluster.start("server2");
    await fill(cluster);
    const { dataDirectory: source } = cluster.server("server2");
    const { dataDirectory: target, controlDirectory } = cluster.server("server3");
    const { stdout: size } = await execa("du", ["-sm", source]);
    say(`the data directory has ${size.split("\t")[0]} MB`);
    const asOwner = cluster.host("server3");
    const copy = `${target}.cp`;
    const run = async (argv: readonly string[]) => {
      const { code, stderr } = await asOwner.run(argv, { timeout: 10 * 60_000 });
      if (code !== 0) throw new Error(stderr);
    };
    const remove = async (...folders: readonly string[]) => {
      await run(["rm", "-rf", ...folders]);
      await run(["sync", "-f", cluster.folder]);
    };
    // Both read what is in the page cache, and write where nothing waits to be written.
    await run(["sh", "-c", 'find "$0" -type f -exec cat {} + >/dev/null', source]);
    await compare({
      name: "base-backup",
      target: 1.2,
      rounds,
      reference: async () => {
        const took = await timed(() => run(["sh", "-c", 'cp -a "$0" "$1" && sync -f "$1"', source, copy]));
        await remove(copy);
        return took;
      },
      subject: async () => {
        const took = await timed(() => cluster.seed("server3"));
        await remove(target, controlDirectory);
        return took;
      },
    });
  });
}

async function fill(cluster: Cluster): Promise<void> {
  // Pieces, so that no statement runs longer than a session of ours waits for.
  const pieces = 20;
  await cluster.query("server2", "create table filler (n int, text text)");
  for (let piece = 0; piece < pieces; piece += 1) {
    await cluster.query(
      "server2",
      `insert into filler select n, repeat(md5(n::text), 29) from generate_series(1, ${rows / pieces}) n`,
    );
  }
  await cluster.query("server2", "checkpoint", "select pg_switch_wal()", "checkpoint");
}

main(Number(process.argv[2] ?? 5)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
