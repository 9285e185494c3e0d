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
    // The first run of all also fills caches, and one run alone may have met whatever else the machine did: the best of two.
    const best = { rsync: Number.POSITIVE_INFINITY, pg_basebackup: Number.POSITIVE_INFINITY };
    for (const program of ["rsync", "pg_basebackup", "pg_basebackup", "rsync"] as const) {
      best[program] = Math.min(best[program], await reference(program));
    }
    const faster = best.rsync < best.pg_basebackup ? "rsync" : "pg_basebackup";
    say(`bare rsync ${seconds(best.rsync)}, bare pg_basebackup ${seconds(best.pg_basebackup)}: against ${faster}`);
    await compare({
      name: "base-backup-between",
      target: 1.1,
      rounds,
      reference: () => reference(faster),
      subject: async () => {
        const stages = new Stages();
        const took = await timed(async () => {
          const { code, said, outcome } = await site.seed("server3", undefined, (line) => stages.hear(line));
          if (code !== 0) throw new Error(said.join("\n"));
          // Another way than the one that is meant to be measured would pass for a slow one.
          if (outcome?.kind !== "base-backup" || outcome.method !== "pg_basebackup") {
            throw new Error(`not by pg_basebackup: ${JSON.stringify(outcome)}`);
          }
        });
        say(stages.describe(took));
        await site.wipe("server3");
        return took;
      },
    });
  });
}

/** Where the time of one seed goes, by the lines of test/support/seedProgram.ts. */
class Stages {
  readonly #began = performance.now();
  #told: number | undefined;
  #last = 0;

  hear(line: string): void {
    const now = performance.now() - this.#began;
    if (this.#told === undefined && line.startsWith("copying by ")) this.#told = now;
    if (line.startsWith("at ")) this.#last = now;
  }

  describe(took: number): string {
    const ready = this.#told ?? 0;
    return `ours: ${seconds(ready)} until the copy, ${seconds(this.#last - ready)} copying, ${seconds(took - this.#last)} after it`;
  }
}

main(Number(process.argv[2] ?? 5)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
