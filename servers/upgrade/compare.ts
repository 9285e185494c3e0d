import { atLeast } from "../../postgres/versions.js";
import { openDatabasesSql } from "../sql/counters.js";
import { literal } from "../sql/sql.js";
import { clusterSql, databaseSql, sequencesSql } from "./compareSql.js";
import { ask, type PrivateServer, type Workplace } from "./private.js";

/** What a cluster holds: by `DATABASE KIND NAME`, or `KIND NAME` of the cluster itself. */
export type Contents = ReadonlyMap<string, string>;

/** What is not on the other side as it was here. */
interface ContentDifference {
  readonly what: string;
  readonly before?: string;
  readonly after?: string;
}

/** What the old and the new cluster are compared by: both run privately, so that nobody changes anything meanwhile. */
export async function contentsOf(at: Workplace, server: PrivateServer): Promise<Contents> {
  const contents = new Map<string, string>();
  const take = (prefix: string, rows: readonly (readonly (string | null)[])[]) => {
    for (const [kind = "", name = "", value = ""] of rows) contents.set(`${prefix}${kind} ${name}`, value ?? "");
  };
  // Names of an old version's own make would count as differences: nothing is folded, all is qualified.
  take("", await ask(at, server, "template1", clusterSql(server.version)));
  for (const database of await databasesOf(at, server)) {
    const prefix = `${database}: `;
    take(prefix, await ask(at, server, database, databaseSql(server.version)));
    const listing = sequencesSql(server.version);
    if (listing === undefined) continue;
    const sequences = await ask(at, server, database, listing);
    const values = sequences.map(
      ([quoted, name]) =>
        `select 'sequence', ${literal(name ?? "")}, case when is_called then last_value::text else '' end from ${quoted}`,
    );
    if (values.length > 0) take(prefix, await ask(at, server, database, values.join("\nunion all\n")));
  }
  return contents;
}

/** Those that let anybody in; template1 too. */
export async function databasesOf(at: Workplace, server: PrivateServer): Promise<readonly string[]> {
  return (await ask(at, server, "template1", openDatabasesSql)).map(([name]) => name ?? "");
}

/** What only one version asks for is not compared. */
export function differencesOf(
  before: Contents,
  after: Contents,
  { from, installUser }: { readonly from: PrivateServer["version"]; readonly installUser: string },
): readonly ContentDifference[] {
  const isCompared = (what: string) => {
    // Of the cluster itself: no database stands before it.
    if (what.startsWith("provider ")) return atLeast(from, "15");
    if (what.startsWith("locale ")) return atLeast(from, "16");
    if (atLeast(from, "10")) return true;
    const kind = what.replace(/^.*?: /, "");
    if (/^count (statistics objects|publications|subscriptions)/.test(kind)) return false;
    if (/^privileges/.test(kind)) return atLeast(from, "9.5");
    if (/^count policies/.test(kind)) return atLeast(from, "9.5");
    if (/^count event triggers/.test(kind)) return atLeast(from, "9.3");
    return !/^(extension|count foreign servers)/.test(kind) || atLeast(from, "9.1");
  };
  const all = [...new Set([...before.keys(), ...after.keys()])].filter(isCompared).sort();
  return all.flatMap((what): ContentDifference[] => {
    const [was, is] = [before.get(what), after.get(what)];
    if (was === is) return [];
    // Attributes that the old version had not are as the new one makes them.
    if (
      what.startsWith("role ") &&
      was !== undefined &&
      is !== undefined &&
      sameRole(was, is, what === `role ${installUser}`)
    )
      return [];
    return [{ what, ...(was === undefined ? {} : { before: was }), ...(is === undefined ? {} : { after: is }) }];
  });
}

/** The install user is initdb's: what it may is all there is. */
function sameRole(before: string, after: string, isInstallUser: boolean): boolean {
  const [was, is] = [before.split(" "), after.split(" ")];
  return was.every((word, index) => word === is[index] || word === "-" || (isInstallUser && index < 7));
}
