import type { Holder } from "../../postgres/dumps/model.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import type { Session } from "../sql/session.js";

/** pg_dump's own lock, AccessShareLock, waits for this one alone: held, or waited for by somebody who came before. */
const blocking = "AccessExclusiveLock";

/** Who keeps the sessions of an application from their locks, in the session's own database; undefined where nobody does. */
export async function holderOf(session: Session, version: Major, application: string): Promise<Holder | undefined> {
  const pid = atLeast(version, "9.2") ? "pid" : "procpid";
  const [row] = await session.query(
    `select coalesce(n.nspname || '.' || c.relname, 'a relation') as relation, h.granted::text as granted, h.pid::text as pid,
            coalesce(a.usename::text, '') as usename, coalesce(a.application_name, '') as application, host(a.client_addr) as from_,
            coalesce(extract(epoch from now() - a.xact_start), 0)::int::text as seconds
       from pg_locks w
       join pg_stat_activity o on o.${pid} = w.pid and o.application_name = $1
       join pg_locks h on h.relation = w.relation and h.database = w.database and h.pid <> w.pid and h.mode = '${blocking}'
       left join pg_stat_activity a on a.${pid} = h.pid
       left join pg_class c on c.oid = w.relation
       left join pg_namespace n on n.oid = c.relnamespace
      where not w.granted and w.locktype = 'relation'
      order by h.granted desc, a.xact_start limit 1`,
    [application],
  );
  if (row === undefined) return undefined;
  return {
    relation: row.relation ?? "",
    granted: row.granted === "true",
    pid: Number(row.pid),
    user: row.usename ?? "",
    application: row.application ?? "",
    ...(row.from_ == null ? {} : { from: row.from_ }),
    seconds: Number(row.seconds),
  };
}
