import type { KnownServer } from "../../config/site.js";
import { floorSettings } from "../../postgres/settings/floors.js";
import { type Login, SqlUnreachable, withSession } from "../sql/session.js";
import { literal } from "../sql/sql.js";
import { namesOf } from "../sql/versions.js";

/** A standby's replay is paused. */
export interface Pause {
  /** With which it runs: those that a hot standby may not have below its primary. */
  readonly settings: Readonly<Record<string, string>>;
}

/** Whether a hot standby's replay is paused, by somebody or by itself. Undefined where it is not, or does not tell. */
export async function pauseOf(server: KnownServer, login: Login, signal?: AbortSignal): Promise<Pause | undefined> {
  const { replayPaused } = namesOf(server.version);
  if (replayPaused === null || !server.hotStandby) return undefined;
  try {
    return await withSession(server, login, signal === undefined ? {} : { signal }, async (session) => {
      const [row] = await session.query(
        `select (case when pg_is_in_recovery() then ${replayPaused} else false end)::text as paused`,
      );
      if (row?.paused !== "true") return undefined;
      const names = floorSettings(server.version).map(literal).join(", ");
      const rows = await session.query(`select name, setting from pg_settings where name in (${names})`);
      return { settings: Object.fromEntries(rows.map(({ name, setting }) => [name ?? "", setting ?? ""])) };
    });
  } catch (error) {
    if (error instanceof SqlUnreachable) return undefined;
    throw error;
  }
}
