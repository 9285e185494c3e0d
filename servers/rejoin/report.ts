import { join } from "node:path";
import { keptNames } from "../../config/controlDirectory.js";
import type { KnownServer } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import type { Rejoin } from "../../postgres/rollout/model.js";
import { namesOf } from "../sql/versions.js";

/** Commits and the relations that heap records touched, counted where the WAL is: it may be long. */
const counting = `"$@" 2>/dev/null | awk '
/ desc: COMMIT/ { commits++; if (match($0, /COMMIT [A-Z_ ]*[0-9][-0-9]+ [0-9:.]+ [A-Z0-9+-]+/)) { last = substr($0, RSTART + 7, RLENGTH - 7); if (first == "") first = last } }
/rmgr: Heap/ { rest = $0; while (match(rest, /rel [0-9]+\\/[0-9]+\\/[0-9]+/)) { split(substr(rest, RSTART + 4, RLENGTH - 4), ids, "/"); if (ids[3] >= 16384) seen[ids[2] "/" ids[3]] = 1; rest = substr(rest, RSTART + RLENGTH) } }
END { print commits + 0; print first; print last; for (one in seen) print one }'`;

/** The line in whose place the transactions come, which takes as long as there is WAL. */
const uncounted = "Which transactions these are was not counted.";

/** What is kept, how to look at it, and in the end what is in it. */
export function reportOf(
  server: KnownServer,
  rejoin: Rejoin,
  { kept, now }: { readonly kept: string; readonly now: Date },
): string {
  const { name, dataDirectory, binDirectory } = server;
  const { timeline, primary, primaryTimeline, at, keep } = rejoin;
  const { walDirectory } = namesOf(server.version);
  const what =
    keep === "data"
      ? [
          `This is a whole copy of ${dataDirectory} as it was then. To look at it, on a copy of it and on a port of its own:`,
          `  cp -a ${kept} /tmp/look && ${join(binDirectory, "pg_ctl")} -D /tmp/look -o "-p 5555" start`,
        ]
      : [
          `These are the WAL of timeline ${timeline} from ${at} on (${walDirectory}), the history files, the control file and the logs. To look at it:`,
          `  pg_waldump -p ${join(kept, walDirectory)} -t ${timeline} -s ${at}`,
        ];
  return `${[
    `What the server ${name} alone had, kept by pgsite at ${now.toISOString()}.`,
    "",
    `${primary} left timeline ${timeline} for ${primaryTimeline} at ${at}. What ${name} wrote after that is in no other server of the site: it`,
    "was kept here, and not merged.",
    "",
    ...what,
    "",
    uncounted,
    "",
    `Nothing of the site needs this folder. When nobody else does: rm -r ${kept}`,
  ].join("\n")}\n`;
}

/** Counts the transactions in what is kept, and says them there. */
export async function completeReport(host: Host, server: KnownServer, rejoin: Rejoin, kept: string): Promise<void> {
  const path = join(kept, keptNames.report);
  const text = (await host.readFile(path))?.toString("utf8");
  if (text?.includes(uncounted) !== true) return;
  const found = await transactions(host, server, rejoin, kept);
  await host.writeFile(
    path,
    text.replace(uncounted, () => found.join("\n")),
  );
}

async function transactions(
  host: Host,
  server: KnownServer,
  { timeline, at }: Rejoin,
  kept: string,
): Promise<readonly string[]> {
  const program = join(server.binDirectory, "pg_waldump");
  if ((await host.stat(program)) === undefined) {
    return [`Which transactions were committed after ${at} is not told: ${host.name} has no ${program}.`];
  }
  const wal = join(kept, namesOf(server.version).walDirectory);
  const argv = ["sh", "-c", counting, "sh", program, "-p", wal, "-t", `${timeline}`, "-s", at];
  const { stdout } = await host.run(argv, { timeout: 10 * 60_000 });
  const [count = "0", first = "", last = "", ...relations] = stdout.split("\n").map((line) => line.trim());
  if (Number(count) === 0) return [`No transaction was committed after ${at}.`];
  const touched = relations.filter((one) => one !== "").sort();
  return [
    `Transactions committed after ${at}: ${count}, the first at ${first}, the last at ${last}.`,
    `Relations whose rows they touched (database/relfilenode): ${touched.join(", ") || "none"}.`,
  ];
}
