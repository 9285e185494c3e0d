import { join } from "node:path";
import type { BackedUp } from "../../test/support/backedUp.js";
import { OwnServer } from "../../test/support/ownServer.js";
import { closing } from "./closing.js";
import { compare, timed } from "./compare.js";

/** The newest run into an empty server, with its checksums, against bare parallel pg_restore of dumps of the same databases. */
export async function restoreRatio(
  site: BackedUp,
  databases: readonly string[],
  {
    rounds,
    jobs,
    settings,
  }: { readonly rounds: number; readonly jobs: number; readonly settings: Readonly<Record<string, string>> },
): Promise<void> {
  const { server } = site;
  const programs = server.serverPrograms;
  const bare = join(server.folder, "bare");
  const other = await OwnServer.make({ settings });
  await closing(other, async () => {
    await server.must([`${programs}/pg_dumpall`, "-g", "-f", join(server.folder, "globals")]);
    const env = { PGHOST: other.sockets };
    // Roles are there for both; that of the superuser is made already.
    await server.run([`${programs}/psql`, "-qX", "-d", "postgres", "-f", join(server.folder, "globals")], { env });
    for (const name of databases) await server.must([`${programs}/pg_dump`, "-Fc", "-f", `${bare}-${name}`, name]);
    const emptied = async () => {
      for (const name of databases) await other.query("postgres", `drop database ${name}`);
      await other.query("postgres", "checkpoint");
      await other.must(["sync"]);
    };
    // Nobody pays for what was written before.
    await other.must(["sync"]);
    await compare({
      name: "restore",
      target: 1.1,
      rounds,
      reference: async () => {
        const took = await timed(async () => {
          for (const name of databases)
            await server.must([`${programs}/pg_restore`, "-C", `-j${jobs}`, "-d", "postgres", `${bare}-${name}`], {
              env,
            });
        });
        await emptied();
        return took;
      },
      subject: async () => {
        const at = `${other.sockets}:${other.port}`;
        const took = await timed(() =>
          server.must([site.program("restore"), "--server", at, "--jobs", `${jobs}`, "--events"]),
        );
        await emptied();
        return took;
      },
    });
  });
}
