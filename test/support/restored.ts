import { join } from "node:path";
import type { Server } from "../../config/site.js";
import { type DrillEvent, type DrillOutcome, type DrillRequest, drill } from "../../servers/backups/drill.js";
import { type RestoreOutcome, type RestoreRequest, restore } from "../../servers/backups/restore.js";
import type { RestoreEvent, Way } from "../../servers/backups/restoreEvents.js";
import type { BackedUp } from "./backedUp.js";
import { debianPrograms, type OwnServer } from "./ownServer.js";

/** What a restore said, and how it ended. */
export interface Restored {
  readonly outcome: RestoreOutcome;
  readonly events: readonly RestoreEvent[];
  readonly ways: readonly Way[];
}

/** A server as the commands know it: by the transport of its host, and its folders. */
export function asServer({ server, control }: BackedUp): Server {
  const host = { name: "server2", transport: "local", address: "127.0.0.1", user: server.user } as const;
  return { name: "server2", host, controlDirectory: control } as unknown as Server;
}

/** What `pgsite restore` does. */
export async function restored(site: BackedUp, request: RestoreRequest): Promise<Restored> {
  const events: RestoreEvent[] = [];
  const outcome = await restore(asServer(site), request, {
    signal: new AbortController().signal,
    report: (event) => events.push(event),
  });
  return { outcome, events, ways: events.flatMap((event) => (event.code === "way" ? [event.way] : [])) };
}

/** What `pgsite drill` does. */
export async function drilled(
  site: BackedUp,
  request: DrillRequest = {},
  signal: AbortSignal = new AbortController().signal,
): Promise<{ readonly outcome: DrillOutcome; readonly events: readonly DrillEvent[] }> {
  const events: DrillEvent[] = [];
  const outcome = await drill(asServer(site), request, { signal, report: (event) => events.push(event) });
  return { outcome, events };
}

/**
 * All that is in some databases of a server, as programs that are not ours say it: definitions, roles, grants, settings (pg_dumpall),
 * and a checksum of each table's rows, each sequence, each materialized view and each large object.
 */
export async function contentOf(
  server: OwnServer,
  databases: readonly string[],
  clients: string = debianPrograms,
): Promise<Readonly<Record<string, unknown>>> {
  const definitions = await Promise.all([
    server.must([join(clients, "pg_dumpall"), "-g"]),
    ...databases.map((name) => server.must([join(clients, "pg_dump"), "-s", "-C", name])),
  ]);
  const rows = await Promise.all(databases.map(async (name) => [name, await checksums(server, name)] as const));
  return {
    definitions: definitions.map((text) => text.split("\n").filter((line) => !/^\\(un)?restrict /.test(line))),
    rows: Object.fromEntries(rows),
  };
}

async function checksums(server: OwnServer, database: string): Promise<readonly string[]> {
  const listed = await server.query(
    database,
    `set search_path = pg_catalog;
     select case when relkind = 'S' then format('select %L, last_value || '' '' || is_called from %s;', oid::regclass, oid::regclass)
       when not relispopulated then format('select %L, ''not populated'';', oid::regclass)
       else format('select %L, count(*) || '' '' || coalesce(md5(string_agg(md5(x::text), '''' order by md5(x::text))), '''') from only %s x;', oid::regclass, oid::regclass) end
     from pg_class where relkind in ('r', 'm', 'S') and relnamespace not in (select oid from pg_namespace where nspname ~ '^pg_' or nspname = 'information_schema') order by 1;
     select 'select ''large object ' || oid || ''', md5(lo_get(' || oid || '));' from pg_largeobject_metadata order by 1;`,
  );
  return (await server.query(database, `set extra_float_digits = 1;\n${listed}`)).split("\n");
}
