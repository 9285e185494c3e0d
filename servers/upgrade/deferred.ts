import type { UpgradeFacts } from "../../postgres/upgrade/model.js";
import { canBeScheduled } from "../migrate/install.js";
import { loginOf } from "../rollout/site.js";
import { withSession } from "../sql/session.js";
import { identifier } from "../sql/sql.js";
import type { Acting } from "./acting.js";
import { isDeferred, relations } from "./deferredSql.js";
import { historyOf } from "./history.js";
import type { Journal } from "./journal.js";
import { NotPrepared } from "./prepare.js";
import { ask, type PrivateServer, type Workplace } from "./private.js";
import { asBefore } from "./switch.js";

/** By database: tables whose rows the dump leaves out, as pg_dump's patterns of one table each. */
export type Deferred = Readonly<Record<string, ReadonlySet<string>>>;

/**
 * By name, and not by pattern: a pattern of pg_dump's would fit sequences too, whose values it then leaves out, and views that are
 * then not filled. The old server runs privately, so that no table is made any more.
 */
export async function deferredTables(at: Workplace, old: PrivateServer, { plan }: Journal): Promise<Deferred> {
  const found: Record<string, ReadonlySet<string>> = {};
  for (const [database, patterns] of Object.entries(plan?.deferred ?? {})) {
    if (patterns.length === 0) continue;
    const rows = await ask(
      at,
      old,
      database,
      `select n.nspname, c.relname from ${relations} where ${isDeferred(patterns)}`,
    );
    found[database] = new Set(rows.map(([schema, table]) => `${identifier(schema ?? "")}.${identifier(table ?? "")}`));
  }
  return found;
}

/** What would keep history from being left out, or from following: looked for while the old server runs. @throws NotPrepared */
export async function refuseWhatCannotFollow(acting: Acting, journal: Journal, facts: UpgradeFacts): Promise<void> {
  const { context, args, server, host } = acting;
  const history = historyOf(acting, journal);
  if (history === undefined) return;
  const no = (reason: string) => new NotPrepared(server.name, reason);
  if (!(await canBeScheduled(server.host))) {
    throw no(
      `${host.name} has neither systemd nor cron nor a crontab program, so nothing would bring the history there: install cron`,
    );
  }
  const login = loginOf(args);
  for (const [database, patterns] of Object.entries(history.databases)) {
    if (!facts.cluster.databases.some(({ name }) => name === database)) {
      throw no(`there is no database "${database}", of which upgrade.defer names tables`);
    }
    await withSession(asBefore(server, journal), login, { database, signal: context.signal }, async (session) => {
      for (const pattern of patterns) {
        const [one] = await session.query(`select from ${relations} where ${isDeferred([pattern])} limit 1`);
        if (one === undefined) {
          await context.log(
            "warning",
            `upgrade.defer: no table of ${database} is ${pattern}: nothing of it is deferred`,
          );
        }
      }
      const referring = await session.query(
        `select k.conname as key, k.conrelid::regclass::text as by, k.confrelid::regclass::text as to from pg_catalog.pg_constraint k where k.contype = 'f' and exists (select 1 from ${relations} where c.oid = k.confrelid and ${isDeferred(patterns)}) and not exists (select 1 from ${relations} where c.oid = k.conrelid and ${isDeferred(patterns)}) order by 2, 1`,
      );
      if (referring.length === 0) return;
      const said = referring.slice(0, 10).map(({ key, by, to }) => `${key} of ${by}, to ${to}`);
      throw no(
        `rows of ${database} that are brought at once refer to some that are to follow (${said.join("; ")}): defer these tables too, or none of both`,
      );
    });
  }
}
