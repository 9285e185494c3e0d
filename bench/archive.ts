// An archive of 1 GB made and restored, against tar with the same compressor and checksum over the same data, and back.
import { join } from "node:path";
import { execa } from "execa";
import { createArchive } from "../servers/archive/create.js";
import { restoreArchive } from "../servers/archive/restore.js";
import { Cluster } from "../test/support/cluster.js";
import { closing } from "./support/closing.js";
import { compare, say, timed } from "./support/compare.js";

const rows = 1_050_000; // about 1 kB each
const mebibyte = 1024 * 1024;

async function main(rounds: number): Promise<void> {
  const settings = { wal_keep_size: "0", max_wal_size: "64MB", min_wal_size: "32MB", autovacuum: "off" };
  const cluster = await Cluster.describe({
    major: "15",
    first: 210,
    servers: [
      { name: "server2", role: "primary", settings: { ...settings, fsync: "on" } },
      { name: "server3", role: "standby" },
    ],
  });
  await closing(cluster, async () => {
    await cluster.seed("server2");
    await cluster.start("server2");
    await fill(cluster);
    const { dataDirectory: source } = cluster.server("server2");
    const { dataDirectory: target, controlDirectory } = cluster.server("server3");
    const { stdout: size } = await execa("du", ["-sm", "--exclude=pg_wal", source]);
    say(`the data directory has ${size.split("\t")[0]} MB without its WAL`);
    const host = cluster.host("server2");
    const run = async (script: string, ...args: readonly string[]) => {
      const { code, stderr } = await host.run(["sh", "-ec", script, "sh", ...args], { timeout: 10 * 60_000 });
      if (code !== 0) throw new Error(stderr);
    };
    const remove = (...folders: readonly string[]) =>
      run('folder=$1; shift; rm -rf "$@"; sync -f "$folder"', cluster.folder, ...folders);
    const work = join(cluster.folder, "work");
    await host.makeDirectory(work);
    const [bare, ours, unpacked] = [join(work, "bare"), join(work, "ours"), join(work, "unpacked")] as const;
    const { site, passwords } = cluster;
    const create = (split = 1024 * mebibyte) =>
      createArchive({ site, passwords, folder: ours, split, compress: "zstd" });
    const bareCreate = () =>
      run(
        'mkdir "$2" && tar -C "$1" --exclude=./pg_wal -c . | zstd -q -T0 | tee "$2/data" | sha256sum | sed "s/-/data/" >"$2/sums" && sync -f "$2"',
        source,
        bare,
      );
    const bareRestore = () =>
      run(
        'cd "$1" && sha256sum --quiet -c sums && mkdir "$2" && zstd -q -d -c data | tar -x -C "$2" && sync -f "$2"',
        bare,
        unpacked,
      );
    const restore = () =>
      restoreArchive({ site, passwords, server: cluster.server("server3"), folder: ours, trust: { carrier: true } });

    // Both read what is in the page cache, and write where nothing waits to be written.
    await run('find "$1" -type f -exec cat {} + >/dev/null; sync', source);
    await compare({
      name: "archive-create",
      target: 1.2,
      rounds,
      reference: async () => {
        await remove(bare);
        return timed(bareCreate);
      },
      subject: async () => {
        await remove(ours);
        return timed(() => create());
      },
    });
    await compare({
      name: "archive-restore",
      target: 1.2,
      rounds,
      reference: async () => {
        const took = await timed(bareRestore);
        await remove(unpacked);
        return took;
      },
      subject: async () => {
        const took = await timed(restore);
        await remove(target, controlDirectory);
        return took;
      },
    });
    await remove(ours);
    // In many parts.
    say(`memory archive-create ${await peak(() => create(mebibyte))}`);
    say(`memory archive-restore ${await peak(restore)}`);
  });
}

/** Of this process, which does what pgsite does: before, and the most that it came to. */
async function peak(act: () => Promise<unknown>): Promise<string> {
  const before = process.memoryUsage.rss();
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss());
  }, 20);
  try {
    await act();
  } finally {
    clearInterval(timer);
  }
  const megabytes = (bytes: number) => Math.round(bytes / 1e6);
  return `${megabytes(most)} MB at most (${megabytes(before)} MB before)`;
}

async function fill(cluster: Cluster): Promise<void> {
  // Pieces, so that no statement runs longer than a session of ours waits for.
  const pieces = 40;
  const text = "repeat((select string_agg(md5((n * 16 + m)::text), '') from generate_series(1, 14) m), 2)";
  await cluster.query("server2", "create table filler (n int, text text)");
  await cluster.query("server2", "alter table filler alter text set storage plain");
  for (let piece = 0; piece < pieces; piece += 1) {
    const from = piece * (rows / pieces);
    await cluster.query(
      "server2",
      `insert into filler select n, ${text} from generate_series(${from + 1}, ${from + rows / pieces}) n`,
    );
  }
  await cluster.query("server2", "checkpoint", "select pg_switch_wal()", "checkpoint");
}

main(Number(process.argv[2] ?? 5)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
