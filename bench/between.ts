// A base backup of 4 GB from one host to another, each in namespaces of its own, against a bare `rsync` over ssh with the
// same cipher or a bare `pg_basebackup`, whichever is faster here.

import { renderPassfile } from "../postgres/files/passfile.js";
import { binDirectory, HostSite } from "../test/support/hostSite.js";
import { whyNoHosts } from "../test/support/multihost.js";
import { closing } from "./support/closing.js";
import { compare, say, seconds, timed } from "./support/compare.js";

const passwords = { dbadmin: "secret", replicator: "secret" };
const copy = "/var/lib/postgresql/bare";

async function main(rounds: number): Promise<void> {
  const why = whyNoHosts();
  if (why !== undefined) throw new Error(why);
  const site = await HostSite.make(["server2", "server3"], passwords);
  await closing(site, async () => {
    await site.makePrimary(4000, { wal_keep_size: "0", max_wal_size: "64MB", min_wal_size: "32MB" });
    await site.query("server2", "select pg_switch_wal(); checkpoint");
    const { dataDirectory, address, port } = site.server("server2");
    say(`the data directory has ${(await site.asOwner("server2", `du -sm '${dataDirectory}'`)).split("\t")[0]} MB`);
    await site.trust("server3", "server2");
    const line = { host: address, port, database: "*", user: "replicator", password: passwords.replicator };
    await site.host("server3").must(["su", "-s", "/bin/sh", "-c", "umask 077; cat >~/.pgpass", "postgres"], {
      input: renderPassfile([line]),
    });
    const bare = {
      rsync: `rsync -a -s -e 'ssh -o BatchMode=yes' 'postgres@${address}:${dataDirectory}/' ${copy}/ && sync -f ${copy}`,
      pg_basebackup: `${binDirectory}/pg_basebackup -D ${copy} -h ${address} -p ${port} -U replicator -w -c fast`,
    };
    const reference = async (program: keyof typeof bare) => {
      const took = await timed(() => site.asOwner("server3", bare[program]));
      await site.asOwner("server3", `rm -rf ${copy}`);
      return took;
    };
    const first = { rsync: await reference("rsync"), pg_basebackup: await reference("pg_basebackup") };
    const faster = first.rsync < first.pg_basebackup ? "rsync" : "pg_basebackup";
    say(`bare rsync ${seconds(first.rsync)}, bare pg_basebackup ${seconds(first.pg_basebackup)}: against ${faster}`);
    await compare({
      name: "base-backup-between",
      target: 1.15,
      rounds,
      reference: () => reference(faster),
      subject: async () => {
        const took = await timed(async () => {
          const { code, said } = await site.seed("server3");
          if (code !== 0) throw new Error(said.join("\n"));
        });
        await site.wipe("server3");
        return took;
      },
    });
  });
}

main(Number(process.argv[2] ?? 5)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
