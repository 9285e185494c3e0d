import { join } from "node:path";
import { keptNames } from "../../config/controlDirectory.js";
import type { KnownServer } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import type { Rejoin } from "../../postgres/rollout/diverged.js";
import { namesOf } from "../sql/versions.js";
import { keptInWords, type Transactions } from "../words/kept.js";

/** Commits and the relations that heap records touched, counted where the WAL is: it may be long. */
const counting = `"$@" 2>/dev/null | awk '
/ desc: COMMIT/ { commits++; if (match($0, /COMMIT [A-Z_ ]*[0-9][-0-9]+ [0-9:.]+ [A-Z0-9+-]+/)) { last = substr($0, RSTART + 7, RLENGTH - 7); if (first == "") first = last } }
/rmgr: Heap/ { rest = $0; while (match(rest, /rel [0-9]+\\/[0-9]+\\/[0-9]+/)) { split(substr(rest, RSTART + 4, RLENGTH - 4), ids, "/"); if (ids[3] >= 16384) seen[ids[2] "/" ids[3]] = 1; rest = substr(rest, RSTART + RLENGTH) } }
END { print commits + 0; print first; print last; for (one in seen) print one }'`;

/** Counts the transactions in what is kept, and says them there. */
export async function completeReport(
  host: Host,
  server: KnownServer,
  rejoin: Rejoin,
  { kept, user }: { readonly kept: string; readonly user: string },
): Promise<void> {
  const found = await transactions(host, server, rejoin, kept);
  const place = { folder: kept, osUser: host.user, user };
  await host.writeFile(join(kept, keptNames.report), keptInWords(server, rejoin, place, found));
}

async function transactions(
  host: Host,
  server: KnownServer,
  { timeline, at }: Rejoin,
  kept: string,
): Promise<Transactions> {
  if (at === undefined) return { kind: "not counted" };
  const program = join(server.binDirectory, "pg_waldump");
  if ((await host.stat(program)) === undefined) return { kind: "no program", host: host.name, program };
  const wal = join(kept, namesOf(server.version).walDirectory);
  const argv = ["sh", "-c", counting, "sh", program, "-p", wal, "-t", `${timeline}`, "-s", at];
  const { stdout } = await host.run(argv, { timeout: 10 * 60_000 });
  const [count = "0", first = "", last = "", ...relations] = stdout.split("\n").map((line) => line.trim());
  const touched = relations.filter((one) => one !== "").sort();
  return { kind: "counted", count: Number(count), first, last, relations: touched };
}
