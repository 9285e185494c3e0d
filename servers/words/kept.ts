import { join } from "node:path";
import { timeKept } from "../../config/controlDirectory.js";
import type { KnownServer } from "../../config/site.js";
import type { Rejoin } from "../../postgres/rollout/model.js";
import { namesOf } from "../sql/versions.js";

/** The transactions in what is kept of a server that diverged. */
export type Transactions =
  /** Counting takes as long as there is WAL. */
  | { readonly kind: "not counted" }
  /** The host has no pg_waldump. */
  | { readonly kind: "no program"; readonly host: string; readonly program: string }
  | {
      readonly kind: "counted";
      readonly count: number;
      readonly first: string;
      readonly last: string;
      /** Whose rows they touched: `16384/16385` */
      readonly relations: readonly string[];
    };

/** The text beside what is kept: what it is, how to look at it, and what is in it. */
export function keptInWords(server: KnownServer, rejoin: Rejoin, kept: string, found: Transactions): string {
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
    `What the server ${name} alone had, kept by pgsite at ${timeKept(kept)}.`,
    "",
    `${primary} left timeline ${timeline} for ${primaryTimeline} at ${at}. What ${name} wrote after that is in no other server of the site: it`,
    "was kept here, and not merged.",
    "",
    ...what,
    "",
    ...transactionsInWords(found, at),
    "",
    `Nothing of the site needs this folder. When nobody else does: rm -r ${kept}`,
  ].join("\n")}\n`;
}

function transactionsInWords(found: Transactions, at: string): readonly string[] {
  switch (found.kind) {
    case "not counted":
      return ["Which transactions these are was not counted."];
    case "no program":
      return [`Which transactions were committed after ${at} is not told: ${found.host} has no ${found.program}.`];
    case "counted":
      if (found.count === 0) return [`No transaction was committed after ${at}.`];
      return [
        `Transactions committed after ${at}: ${found.count}, the first at ${found.first}, the last at ${found.last}.`,
        `Relations whose rows they touched (database/relfilenode): ${found.relations.join(", ") || "none"}.`,
      ];
  }
}
