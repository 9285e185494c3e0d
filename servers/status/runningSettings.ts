import { defined } from "../../postgres/defined.js";
import type { Setting, SettingType } from "../../postgres/settings/setting.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import { type Address, type Login, type Session, SqlUnreachable, withSession } from "../sql/session.js";
import { majorOfServer } from "../sql/versions.js";
import type { Taken } from "../sql/way.js";
import { readFilesOf, refusedLines } from "./refused.js";

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
  /** Of a library's setting, which the server alone knows: what it may be. */
  readonly facts?: Pick<Setting, "type" | "unit" | "values">;
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
    const late = error instanceof Error && isLate(error);
    const reason = late
      ? `does not answer within ${patience / 1000} s`
      : `gives no answer: ${error instanceof Error ? error.message : error}`;
    const at = `${address.name} (${address.address}:${address.port})`;
    throw new SqlUnreachable(address.name, late ? "timeout" : "other", `${at} ${reason}`, { cause: error });
  }
}

/** By what the server cancels a statement with (query_canceled), or in the words of `pg`, which has waited for so long. */
function isLate(error: Error & { readonly code?: string }): boolean {
  return error.code === "57014" || (error.code === undefined && /timeout/i.test(error.message));
}

async function ask(session: Session): Promise<Live> {
  const [self] = await session.query(
    `select current_setting('server_version_num') as number, pg_is_in_recovery()::text as recovery,
            extract(epoch from pg_conf_load_time())::text as loaded, current_setting('is_superuser') as superuser`,
  );
  const version = majorOfServer(self?.number ?? "");
  const reading = await readFilesOf(session, version);
  const settings = await runningSettings(session, version);
  return {
    version,
    inRecovery: self?.recovery === "true",
    superuser: self?.superuser === "on",
    loaded: Number(self?.loaded) * 1000,
    settings,
    refused: await refusedLines(session, reading, settings),
    way: session.way,
  };
}

/** Every row of pg_settings, by name. */
export async function runningSettings(session: Session, version: Major): Promise<Live["settings"]> {
  const pending = atLeast(version, "9.5") ? "pending_restart" : "false";
  const rows = await session.query(
    `select name, setting, source, boot_val, context, ${pending} as pending,
            case when name like '%.%' then vartype end as type, unit, array_to_string(enumvals, ',') as words from pg_settings`,
  );
  return new Map(
    rows.map(({ name, setting, source, boot_val, context, pending: waits, type, unit, words }) => [
      name ?? "",
      {
        value: setting ?? "",
        source: source ?? "",
        boot: boot_val ?? "",
        context: context ?? "",
        pending: waits === "t",
        ...(type == null
          ? {}
          : {
              facts: { type: type as SettingType, ...defined({ unit: unit ?? undefined, values: words?.split(",") }) },
            }),
      },
    ]),
  );
}
