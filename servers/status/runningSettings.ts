import { atLeast, type Major } from "../../postgres/versions.js";
import { type Address, type Login, type Row, type Session, SqlUnreachable, withSession } from "../sql/session.js";
import { majorOfServer } from "../sql/versions.js";
import type { Taken } from "../sql/way.js";

/** What a running server says of its own configuration, asked in one session. */
export interface Live {
  readonly version: Major;
  readonly inRecovery: boolean;
  /** Whether the administrator is a superuser there. */
  readonly superuser: boolean;
  /** When it last read its files (pg_conf_load_time): milliseconds since 1970 by its host's clock. */
  readonly loaded: number;
  /** Every row of pg_settings, by name. */
  readonly settings: ReadonlyMap<string, LiveSetting>;
  /** What its own reading of the files finds wrong (9.5 and later; of pg_hba.conf from 10 on): `pg_hba.conf line 7: …`, `postgresql.conf: …`. */
  readonly refused: readonly string[];
  /** By which way it was asked. */
  readonly way: Taken;
}

export interface LiveSetting {
  /** In the setting's base unit. */
  readonly value: string;
  /** As pg_settings has it: `configuration file`, `command line`, `environment variable`, `default` … */
  readonly source: string;
  /** What the server would use if nobody said anything. */
  readonly boot: string;
  /** When it may change, as pg_settings has it: `postmaster` is at a start alone. */
  readonly context: string;
  /** Another value waits for a restart (9.5 and later). */
  readonly pending: boolean;
}

/** Milliseconds until a server must have given a session, and for each question. */
const patience = 3000;

/** @throws SqlUnreachable; a server that hangs after it gave a session is one that does not answer in time */
export async function askRunning(
  address: Address,
  login: Login,
  signal?: AbortSignal,
  connect: typeof withSession = withSession,
): Promise<Live> {
  const options = { timeout: patience, queryTimeout: patience, ...(signal === undefined ? {} : { signal }) };
  try {
    return await connect(address, login, options, ask);
  } catch (error) {
    if (error instanceof SqlUnreachable) throw error;
    signal?.throwIfAborted();
    const late = error instanceof Error && /timeout/i.test(error.message);
    const reason = late
      ? `does not answer within ${patience / 1000} s`
      : `gives no answer: ${error instanceof Error ? error.message : error}`;
    const at = `${address.name} (${address.address}:${address.port})`;
    throw new SqlUnreachable(address.name, late ? "timeout" : "other", `${at} ${reason}`, { cause: error });
  }
}

async function ask(session: Session): Promise<Live> {
  const [self] = await session.query(
    `select current_setting('server_version_num') as number, pg_is_in_recovery()::text as recovery,
            extract(epoch from pg_conf_load_time())::text as loaded, current_setting('is_superuser') as superuser`,
  );
  const version = majorOfServer(self?.number ?? "");
  const pending = atLeast(version, "9.5") ? "pending_restart" : "false";
  const rows = await session.query(
    `select name, setting, source, boot_val, context, ${pending} as pending from pg_settings`,
  );
  return {
    version,
    inRecovery: self?.recovery === "true",
    superuser: self?.superuser === "on",
    loaded: Number(self?.loaded) * 1000,
    settings: new Map(
      rows.map(({ name, setting, source, boot_val, context, pending: waits }) => [
        name ?? "",
        {
          value: setting ?? "",
          source: source ?? "",
          boot: boot_val ?? "",
          context: context ?? "",
          pending: waits === "t",
        },
      ]),
    ),
    refused: await refusedLines(session, version),
    way: session.way,
  };
}

/**
 * A value that waits for a restart counts as an error in pg_file_settings; it is none. A row without a file is of one that
 * cannot be opened, or of a setting that was taken out and waits for a restart; only the first names the file.
 */
const wrongSettings = `select sourcefile as file, sourceline::text as line, error from pg_file_settings
   where error is not null and error <> 'setting could not be applied'
     and (sourcefile is not null or position(current_setting('config_file') in error) > 0)`;

/**
 * Of a rule for encrypted connections that cannot match, because the server offers none, it remarks the same in the same column;
 * it takes the rule. The remark is of hba.c, and in no other language there.
 */
function wrongRules(version: Major): string {
  const file = atLeast(version, "16") ? "file_name" : "'pg_hba.conf'";
  return `select ${file} as file, line_number::text as line, error from pg_hba_file_rules
     where error is not null and error not like 'host%ssl record cannot match because %' and error not like 'host%gssenc record cannot match because %'`;
}

async function refusedLines(session: Session, version: Major): Promise<readonly string[]> {
  if (!atLeast(version, "9.5")) return [];
  if (!atLeast(version, "10")) return (await session.query(wrongSettings)).map(asLine).sort();
  try {
    const rows = await session.query(`${wrongSettings} union all ${wrongRules(version)}`);
    return rows.map(asLine).sort();
  } catch (error) {
    // The view fails as a whole where pg_hba.conf is not there, or the server may not read it.
    if (!isFromServer(error)) throw error;
    const rows = await session.query(wrongSettings);
    return [...rows.map(asLine), `pg_hba.conf: ${error.message}`].sort();
  }
}

/** `pg_hba.conf line 7: …`, or of a whole file `postgresql.conf: …`. */
export function asLine({ file, line, error }: Row): string {
  const name = file?.split("/").at(-1) ?? "postgresql.conf";
  return `${name}${line == null ? "" : ` line ${line}`}: ${error}`;
}

/** An error with a SQLSTATE: the session goes on. */
function isFromServer(error: unknown): error is Error {
  return error instanceof Error && "code" in error && /^[0-9A-Z]{5}$/.test(`${error.code}`);
}
