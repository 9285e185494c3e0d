import { join } from "node:path";
import { type Conninfo, renderConninfo } from "../../../postgres/files/conninfo.js";
import type { Asks } from "../../../postgres/files/hba/index.js";
import { atLeast, type Major } from "../../../postgres/versions.js";
import type { Address } from "../../sql/session.js";
import { insisting } from "../../sql/verify.js";
import type { Tablespace } from "../target.js";

/** What pg_basebackup is to do. */
export interface Order {
  readonly version: Major;
  /** Folder of the target's server programs. */
  readonly binDirectory: string;
  readonly source: Pick<Address, "name" | "address" | "port">;
  /** How it may ask for a proof. */
  readonly asks: readonly Asks[];
  /** PEM file on the target's host by which the source is verified. @default it is not */
  readonly authorities?: string;
  /** The replication role; its password is in PGPASSFILE. */
  readonly user: string;
  /** An absent or empty folder. */
  readonly into: string;
  /** An absent or empty folder for the WAL, if that is to be elsewhere: from `ratesFrom` on. */
  readonly walInto?: string;
  readonly label: string;
  /** How the WAL of the time of the copy comes: over a second connection, or at the end. */
  readonly wal: "stream" | "fetch";
  /** False where no temporary replication slot is to be had. */
  readonly slot: boolean;
  readonly tablespaces: readonly Tablespace[];
  /** Bytes a second. */
  readonly rateLimit?: number;
}

/** The program's path. */
export function programOf({ binDirectory }: Pick<Order, "binDirectory">): string {
  return join(binDirectory, "pg_basebackup");
}

/** The first version with --max-rate, --tablespace-mapping and a folder for the WAL. */
export const ratesFrom: Major = "9.4";

/**
 * pg_basebackup's command line. It neither syncs, which happens once at the end, nor writes a manifest (13 and later),
 * which a copy by other ways has not either, nor what makes a standby: pgsite does.
 */
export function pgBasebackup(order: Order): readonly string[] {
  const { version, source, rateLimit } = order;
  const from = (major: Major, ...options: string[]) => (atLeast(version, major) ? options : []);
  const moved = order.tablespaces.filter(({ location, to }) => location !== to);
  return [
    programOf(order),
    "--pgdata",
    order.into,
    ...(atLeast(version, "9.3")
      ? ["--dbname", renderConninfo({ ...connection(order), ...alive })]
      : ["--host", source.address, "--port", `${source.port}`, "--username", order.user]),
    "--no-password",
    "--checkpoint=fast",
    "--label",
    order.label,
    "--progress",
    ...(atLeast(version, "9.2") ? ["-X", order.wal] : ["--xlog"]),
    ...(order.walInto === undefined ? [] : [`${atLeast(version, "10") ? "--waldir" : "--xlogdir"}=${order.walInto}`]),
    ...(rateLimit === undefined ? [] : from(ratesFrom, `--max-rate=${Math.floor(rateLimit / 1024)}`)),
    ...moved.flatMap(({ location, to }) => from(ratesFrom, `--tablespace-mapping=${escaped(location)}=${escaped(to)}`)),
    ...from("10", "--no-sync", ...(order.slot ? [] : ["--no-slot"])),
    ...from("13", "--no-manifest"),
  ];
}

function connection({ version, source, user, authorities, asks }: Order): Conninfo {
  return { host: source.address, port: `${source.port}`, user, ...insisting(version, authorities, asks) };
}

/** The same for versions that take no connection string. */
export function environmentOf({ authorities }: Pick<Order, "authorities">): Readonly<Record<string, string>> {
  return authorities === undefined ? {} : { PGSSLMODE: "verify-full", PGSSLROOTCERT: authorities };
}

/** Questions whether the other end is still there, in seconds: a cut line is known within 25. */
const alive = { keepalives_idle: "10", keepalives_interval: "5", keepalives_count: "3" };

function escaped(path: string): string {
  return path.replaceAll("=", "\\=");
}

/** How far it is, in bytes: a line of --progress. */
export function progressIn(line: string): { readonly done: number; readonly total: number } | undefined {
  const found = /^\s*(\d+)\/(\d+) kB \(\d+%\)/.exec(line);
  return found === null ? undefined : { done: Number(found[1]) * 1024, total: Number(found[2]) * 1024 };
}

/** What it says went wrong, in one line. */
export function complaintIn(lines: readonly string[]): string {
  const said = lines.map((line) => line.replace(/^pg_basebackup: (error: )?/, "").trim()).filter((line) => line !== "");
  const errors = lines.flatMap((line, index) => (/error:|FATAL|could not/.test(line) ? [said[index] ?? ""] : []));
  return (errors.length > 0 ? errors.slice(0, 2) : said.slice(-1)).join("; ") || "it says nothing";
}
