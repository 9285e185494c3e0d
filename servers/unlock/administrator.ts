import type { Opened } from "../../postgres/lockedOut.js";
import { wayInOfRoles } from "../../postgres/settings/wayIn.js";
import { compareVerifier, verifierFor } from "../../postgres/verifier.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import type { Login, Row } from "../sql/session.js";
import { identifier, literal } from "../sql/sql.js";

/** Runs statements one after the other, as a superuser; the rows of the last. */
export type Sql = (statements: readonly string[]) => Promise<readonly Row[]>;

/** The superuser that initdb made (BOOTSTRAP_SUPERUSERID). */
const bootstrap = "10";

/** Makes the administrator's role and its database let it in. Statements of its own, so that it may be run again. */
export async function openForAdministrator(sql: Sql, version: Major, login: Login): Promise<readonly Opened[]> {
  const roles = await rolesWith(sql, login);
  const triggers = atLeast(version, "17") ? await loginTriggers(sql) : [];
  const settings = await settingsInTheWay(sql, version, login);
  const closed = await sql(["select datname from pg_database where datname = 'postgres' and not datallowconn"]);
  const steps = [
    ...(await ofRole(roles, version, login)),
    ...triggers.map((name) => ({
      statement: `ALTER EVENT TRIGGER ${identifier(name)} DISABLE`,
      opened: { what: "triggers", names: [name] } as const,
    })),
    ...settings,
    ...(closed.length === 0 ? [] : openDatabase(version)),
  ];
  if (steps.length > 0) {
    const before = atLeast(version, "9.1") ? ["SET synchronous_commit = local"] : [];
    await sql([...before, ...steps.map(({ statement }) => statement)]);
  }
  return steps.flatMap(({ opened }) => opened ?? []);
}

interface Step {
  readonly statement: string;
  readonly opened?: Opened;
}

/** Superusers, and the administrator whatever he is; as text, also where a column may be null. */
function rolesWith(sql: Sql, { user }: Login): Promise<readonly Row[]> {
  return sql([
    `select oid::text as oid, rolname::text as name, rolsuper::text as super, rolcanlogin::text as login, rolconnlimit::text as sessions, coalesce(rolvaliduntil < now(), false)::text as expired, coalesce(rolpassword, '')::text as verifier from pg_authid where rolsuper or rolname = ${literal(user)} order by 1`,
  ]);
}

async function ofRole(roles: readonly Row[], version: Major, login: Login): Promise<readonly Step[]> {
  const name = identifier(login.user);
  const verifier = async () => literal(await verifierFor(version, login.user, login.password));
  const replication = atLeast(version, "9.1") ? " REPLICATION" : "";
  const own = roles.find((role) => role.name === login.user);
  if (own === undefined) {
    const renamed = await renamedFrom(roles, login);
    const make: Step =
      renamed === undefined
        ? { statement: `CREATE ROLE ${name} SUPERUSER LOGIN${replication}`, opened: { what: "made" } }
        : {
            // Nobody can rename the role that he is, and in single-user mode it may be this one.
            statement: `UPDATE pg_authid SET rolname = ${literal(login.user)} WHERE rolname = ${literal(renamed)}`,
            opened: { what: "renamed", from: renamed },
          };
    // A new name takes a password away that is kept by md5.
    return [make, { statement: `ALTER ROLE ${name} SUPERUSER LOGIN CONNECTION LIMIT -1 PASSWORD ${await verifier()}` }];
  }
  const wrong = own.super !== "true" || own.login !== "true" || Number(own.sessions) >= 0 || own.expired === "true";
  const until = own.expired === "true" ? " VALID UNTIL 'infinity'" : "";
  const attributes: readonly Step[] = wrong
    ? [
        {
          statement: `ALTER ROLE ${name} SUPERUSER LOGIN CONNECTION LIMIT -1${until}`,
          opened: { what: "attributes" },
        },
      ]
    : [];
  const kept = `${own.verifier ?? ""}`;
  // A rule for SCRAM takes no other form, and a rule for md5 takes SCRAM too.
  const form = atLeast(version, "10") ? kept.startsWith("SCRAM-SHA-256$") : kept !== "";
  if (form && (await compareVerifier(kept, login.password, login.user)) === "same") return attributes;
  const statement = `ALTER ROLE ${name} PASSWORD ${await verifier()}`;
  return [...attributes, { statement, opened: { what: "password" } }];
}

/** Under which name a superuser goes now that was the administrator: the one with his password, else the one that initdb made. */
async function renamedFrom(roles: readonly Row[], { user, password }: Login): Promise<string | undefined> {
  for (const { name, verifier, super: superuser } of roles) {
    if (name == null || verifier == null || verifier === "" || superuser !== "true") continue;
    if ((await compareVerifier(verifier, password, user)) === "same") return name;
  }
  // By another name than its own the administrator is another role, which may be the database's OS user.
  if (user !== "postgres") return undefined;
  return roles.find(({ oid }) => oid === bootstrap)?.name ?? undefined;
}

async function loginTriggers(sql: Sql): Promise<readonly string[]> {
  const rows = await sql([
    "select evtname::text as name from pg_event_trigger where evtevent = 'login' and evtenabled <> 'D' order by 1",
  ]);
  return rows.flatMap(({ name }) => name ?? []);
}

/** Said of the role, of the database, of both or of all: each is what it is for one of these alone. */
async function settingsInTheWay(sql: Sql, version: Major, { user }: Login): Promise<readonly Step[]> {
  const names = wayInOfRoles(version).map(literal).join(", ");
  const rows = await sql([
    `select coalesce(r.rolname::text, '') as role, coalesce(d.datname::text, '') as database, split_part(c.config, '=', 1) as name from (select setrole, setdatabase, unnest(setconfig) as config from pg_db_role_setting) c left join pg_roles r on r.oid = c.setrole left join pg_database d on d.oid = c.setdatabase where split_part(c.config, '=', 1) in (${names}) and (c.setrole = 0 or r.rolname = ${literal(user)}) and (c.setdatabase = 0 or d.datname = 'postgres') order by 1, 2, 3`,
  ]);
  return rows.map(({ role, database, name }) => ({
    statement: `${targetOf(role ?? "", database ?? "")} RESET ${identifier(name ?? "")}`,
    opened: { what: "settings", names: [name ?? ""] },
  }));
}

function targetOf(role: string, database: string): string {
  if (role === "" && database !== "") return `ALTER DATABASE ${identifier(database)}`;
  const whom = role === "" ? "ALL" : identifier(role);
  return `ALTER ROLE ${whom}${database === "" ? "" : ` IN DATABASE ${identifier(database)}`}`;
}

function openDatabase(version: Major): readonly Step[] {
  const allow = atLeast(version, "9.5")
    ? "ALTER DATABASE postgres WITH ALLOW_CONNECTIONS true"
    : "UPDATE pg_database SET datallowconn = true WHERE datname = 'postgres'";
  return [{ statement: allow, opened: { what: "database" } }];
}
