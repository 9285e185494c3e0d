import type { UpgradeOutcome } from "../../postgres/upgrade/model.js";
import { namesToAsk, settingsOutcome } from "../../postgres/upgrade/outcome.js";
import type { Live } from "../sql/counters.js";
import { withSession } from "../sql/session.js";
import { literal } from "../sql/sql.js";
import type { Journal } from "./journal.js";

/** What the upgrade was, now that clients have the new server. Undefined where its journal is of a pgsite that measured nothing. */
export async function outcomeOf(
  { server, login, signal }: Live,
  journal: Journal,
): Promise<UpgradeOutcome | undefined> {
  const { taken, times, to, settings, plan, served } = journal;
  if (taken === undefined || times.stopped === undefined) return undefined;
  const stopped = Date.parse(times.stopped);
  const said = plan?.settings ?? [];
  const names = ["", ...namesToAsk(settings, said).map((name) => name.toLowerCase())];
  return withSession(server, login, { signal }, async (session) => {
    const [clock] = await session.query(
      "select extract(epoch from pg_catalog.clock_timestamp() - pg_catalog.pg_postmaster_start_time())::text as age",
    );
    // Where nobody of ours saw it start, the server itself knows how long ago that was, whatever its clock says.
    const since = served === undefined ? Date.now() - Number(clock?.age) * 1000 : Date.parse(served);
    const rows = await session.query(
      `select pg_catalog.lower(name) as name, pg_catalog.current_setting(name) as value from pg_catalog.pg_settings where pg_catalog.lower(name) in (${names.map(literal).join(", ")})`,
    );
    const has = new Map(rows.map(({ name, value }) => [name ?? "", value ?? ""]));
    return {
      ...taken,
      downtime: Math.max(0, Math.round((since - stopped) / 100) / 10),
      settings: settingsOutcome(to, settings, said, has),
    };
  });
}
