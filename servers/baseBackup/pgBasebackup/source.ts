import { atLeast, type Major } from "../../../postgres/versions.js";
import { type Address, type Login, withSession } from "../../sql/session.js";
import { whoAreYou } from "../../sql/writable.js";

/** What the server to be copied says of itself. */
export interface SourceState {
  readonly version: Major;
  /** From 9.6 on. */
  readonly systemIdentifier?: string;
  readonly logDirectory: string;
  /** Bytes of all tablespaces. */
  readonly size: number;
  readonly tablespaces: readonly { readonly oid: string; readonly location: string; readonly size: number }[];
  readonly freeWalSenders: number;
  /** 0 where the version has none. */
  readonly freeSlots: number;
  /** Whether its files may be read by its group (initdb -g). */
  readonly groupRead: boolean;
}

/** Milliseconds: the size of many files is asked for. */
const patience = 5 * 60_000;

/** Asks it over SQL, as a superuser. @throws SqlUnreachable */
export async function askSource(endpoint: Address, login: Login, signal: AbortSignal): Promise<SourceState> {
  return withSession(endpoint, login, { queryTimeout: patience, signal }, async (session) => {
    const { inRecovery, version, systemIdentifier } = await whoAreYou(session);
    if (inRecovery) throw new Error(`${endpoint.name} went into recovery: run again`);
    const slots = atLeast(version, "9.4")
      ? "current_setting('max_replication_slots')::int - (select count(*) from pg_replication_slots)"
      : "0";
    const [row] = await session.query(
      "select current_setting('log_directory') as log, (select sum(pg_tablespace_size(oid)) from pg_tablespace)::text as size," +
        " (current_setting('max_wal_senders')::int - (select count(*) from pg_stat_replication))::text as senders," +
        ` (${slots})::text as slots,` +
        " (select setting from pg_settings where name = 'data_directory_mode') as mode",
    );
    const location = atLeast(version, "9.2") ? "pg_tablespace_location(oid)" : "spclocation";
    const tablespaces = await session.query(
      `select oid::text as oid, ${location} as location, pg_tablespace_size(oid)::text as size from pg_tablespace where ${location} like '/%' order by 1`,
    );
    return {
      version,
      ...(systemIdentifier === undefined ? {} : { systemIdentifier }),
      logDirectory: row?.log ?? "",
      size: Number(row?.size ?? 0),
      tablespaces: tablespaces.map(({ oid, location, size }) => ({
        oid: oid ?? "",
        location: location ?? "",
        size: Number(size ?? 0),
      })),
      freeWalSenders: Number(row?.senders ?? 0),
      freeSlots: Number(row?.slots ?? 0),
      groupRead: (Number.parseInt(row?.mode ?? "0", 8) & 0o040) !== 0,
    };
  });
}
