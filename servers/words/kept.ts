import { join } from "node:path";
import { keptNames, timeKept } from "../../config/controlDirectory.js";
import type { KnownServer } from "../../config/site.js";
import { quote } from "../../hosts/quote.js";
import { besideOptions } from "../../postgres/beside.js";
import type { Rejoin } from "../../postgres/rollout/diverged.js";
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

/** Where it is kept. */
export interface KeptPlace {
  readonly folder: string;
  /** Whose it is: the servers' OS user. */
  readonly osUser: string;
  /** A superuser in the data. */
  readonly user: string;
}

/** The text beside what is kept: what it is, how to look at it, and what is in it. */
export function keptInWords(server: KnownServer, rejoin: Rejoin, place: KeptPlace, found: Transactions): string {
  const { name, dataDirectory, binDirectory } = server;
  const { folder: kept } = place;
  const { timeline, at, keep } = rejoin;
  const { walDirectory } = namesOf(server.version);
  const what =
    keep === "data"
      ? [
          `This is a whole copy of ${dataDirectory} as it was then, with what its links led to: WAL, tablespaces, logs, configuration. Nothing in`,
          `it leads out of it. To look into it, as ${place.osUser}, on a copy that a server of its own changes (look= may be any folder with`,
          "room that is not there yet; nobody but that user gets in, and nothing of the site is reached from there):",
          ...startingInWords(server, place).map((line) => `  ${line}`),
          "And to end it:",
          ...endingInWords(server, place).map((line) => `  ${line}`),
        ]
      : [
          `These are the WAL of timeline ${timeline}${at === undefined ? "" : ` from ${at} on`} (${walDirectory}), the history files, the control file and the logs. To look at it:`,
          `  ${join(binDirectory, "pg_waldump")} -p ${join(kept, walDirectory)} -t ${timeline} -s ${at ?? "POSITION"}`,
        ];
  return `${[
    `What the server ${name} alone had, kept by pgsite at ${timeKept(kept)}.`,
    "",
    `${partedInWords(rejoin)} What ${name} wrote after that is in no other server of the site: it`,
    "was kept here, and not merged.",
    "",
    ...what,
    "",
    ...transactionsInWords(found, at ?? "that"),
    "",
    `Nothing of the site needs this folder. When nobody else does: rm -r ${kept}`,
  ].join("\n")}\n`;
}

function partedInWords({ timeline, primary, primaryTimeline, at }: Rejoin): string {
  const where = at === undefined ? ", nobody can tell where" : ` at ${at}`;
  if (timeline !== primaryTimeline) return `${primary} left timeline ${timeline} for ${primaryTimeline}${where}.`;
  return `Both took writes on timeline ${timeline}, as ${primary} does, and parted${where}.`;
}

/** Of a copy: what is kept stays as it was. What makes a standby, and slots, are for a server that replicates. */
function startingInWords({ version, binDirectory, configurationDirectory, ...server }: KnownServer, place: KeptPlace) {
  const { folder, user } = place;
  const configuration = configurationDirectory === undefined ? "$look" : `$look/${keptNames.configuration}`;
  const options = `-c config_file='${configuration}/postgresql.conf' ${besideOptions(version, "$look")}`;
  return [
    `look=${lookingIn(server, folder)}`,
    `mkdir -m 0700 "$look" && cp -a --reflink=auto ${quote(folder)}/. "$look" &&`,
    '  (cd "$look" && rm -rf standby.signal recovery.signal recovery.conf postmaster.pid pg_replslot/*) &&',
    `  echo 'local all all trust' >"$look/look.hba" &&`,
    `  ${join(binDirectory, "pg_ctl")} start -w -D "$look" -l "$look/look.log" -o "${options}" &&`,
    `  psql -h "$look" -p 5555 -U ${quote(user)} -d postgres`,
  ];
}

function endingInWords({ binDirectory, ...server }: KnownServer, { folder }: KeptPlace): readonly string[] {
  return [
    `look=${lookingIn(server, folder)}`,
    `${join(binDirectory, "pg_ctl")} stop -w -m fast -D "$look" && rm -r "$look"`,
  ];
}

/** A short path, since a socket comes there. */
function lookingIn({ name }: Pick<KnownServer, "name">, kept: string): string {
  return quote(`/var/tmp/${name}-${/[^-]*$/.exec(kept)?.[0]}`);
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
