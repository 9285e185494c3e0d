// A run of the backups against bare parallel pg_dump of the same databases, its verification against its dumps, its restore against bare pg_restore.
// `npm run bench -- backup ROUNDS ROWS`: 2,150,000 rows are 2 GB.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { BackedUp } from "../test/support/backedUp.js";
import { sispiRules } from "../test/support/sispi.js";
import { closing } from "./support/closing.js";
import { compare, median, say, timed } from "./support/compare.js";
import { restoreRatio } from "./support/restoreRatio.js";

const jobs = 2;
const databases = Object.keys(sispiRules);

async function main(rounds: number, rows: number): Promise<void> {
  // As on a host whose disk is slower than its processors; nobody writes meanwhile.
  const settings = { shared_buffers: "256MB", max_wal_size: "4GB", autovacuum: "off" };
  const site = await BackedUp.make({ rows, settings }, { jobs, keep: { last: 1, daily: 0, weekly: 0, monthly: 0 } });
  await closing(site, async () => {
    const { server } = site;
    await server.query("postgres", "vacuum analyze; checkpoint");
    const bytes = await server.query("postgres", "select sum(pg_database_size(oid)) from pg_database");
    say(`the databases have ${Math.round(Number(bytes) / 1e6)} MB`);
    const bare = join(server.folder, "bare");
    const shares: number[] = [];
    await compare({
      name: "backup",
      target: 1.1,
      rounds,
      reference: async () => {
        const took = await timed(async () => {
          await server.must(["mkdir", "-p", bare]);
          for (const name of databases) {
            const argv = ["-Fd", `-j${jobs}`, "-f", join(bare, name), "-d", name];
            await server.must([`${server.serverPrograms}/pg_dump`, ...argv]);
          }
        });
        rmSync(bare, { recursive: true });
        await server.must(["sync"]);
        return took;
      },
      subject: async () => {
        const { all, phases } = await run(site);
        const verification = phases.checked ?? Number.NaN;
        shares.push(verification / (phases.planned + phases.dumped));
        await server.must(["sync"]);
        return all - verification;
      },
    });
    say(`ratio backup-verification ${median(shares).toFixed(2)} target 0.50`);
    await restoreRatio(site, databases, { rounds, jobs, settings });
  });
}

/** Milliseconds: of the whole run, and of its phases, each as its event comes. */
async function run(site: BackedUp): Promise<{ all: number; phases: Record<"planned" | "dumped" | "checked", number> }> {
  const phases: Record<string, number> = {};
  const began = performance.now();
  let last = began;
  const child = site.server.spawn([site.program("backup"), "--events"]);
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  child.stderr?.pipe(process.stderr);
  if (child.stdout !== null)
    createInterface({ input: child.stdout }).on("line", (line) => {
      const [word, name = ""] = line.split("\t");
      if (word !== "phase") return;
      phases[name] = performance.now() - last;
      last = performance.now();
    });
  const code = await ended;
  if (code !== 0) throw new Error(`the run ended with ${code}`);
  const { planned, dumped, checked } = phases;
  if (planned === undefined || dumped === undefined || checked === undefined) throw new Error("a phase was not told");
  return { all: performance.now() - began, phases: { planned, dumped, checked } };
}

const [rounds = 5, rows = 2_150_000] = process.argv.slice(2).map(Number);
main(rounds, rows).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
