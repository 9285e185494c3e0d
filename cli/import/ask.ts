import { predefinedRoles } from "../../postgres/predefinedRoles.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import { type Address, type Login, type Row, type Session, withSession } from "../../servers/sql/session.js";
import { majorOfServer } from "../../servers/sql/versions.js";
import { readFilesOf, refusedLines } from "../../servers/status/refused.js";
import { type LiveSetting, runningSettings } from "../../servers/status/runningSettings.js";

/** What only SQL tells, asked of the server that takes writes. */
export interface Contents {
  readonly roles: readonly FoundRole[];
  readonly databases: readonly FoundDatabase[];
  readonly ownSettings: readonly OwnSetting[];
  readonly initdb: { readonly locale: string; readonly encoding: string; readonly dataChecksums: boolean };
}

/** One of ALTER ROLE, ALTER DATABASE or ALTER ROLE … IN DATABASE … SET. */
export interface OwnSetting {
  readonly role?: string;
  readonly database?: string;
  readonly name: string;
  readonly value: string;
}

export interface FoundRole {
  readonly name: string;
  readonly login: boolean;
  readonly superuser: boolean;
  readonly replication: boolean;
  readonly createdb: boolean;
  readonly createrole: boolean;
  readonly connectionLimit: number;
  readonly memberOf: readonly string[];
  /** How its password is kept; it cannot be read. */
  readonly password: "none" | "md5" | "scram-sha-256" | "plain";
  /** What a stack file cannot say of a role: `VALID UNTIL`, `BYPASSRLS`, `NOINHERIT`. */
  readonly more: readonly string[];
}

export interface FoundDatabase {
  readonly name: string;
  readonly owner: string;
  readonly encoding: string;
  readonly collate: string;
  readonly ctype: string;
  readonly connectionLimit: number;
  readonly tablespace: string;
  readonly isTemplate: boolean;
  readonly schemas: readonly FoundSchema[];
}

export interface FoundSchema {
  readonly name: string;
  readonly owner: string;
}

/** A setting that a running server does not run with although its files say so, or the reverse. */
export interface Running {
  readonly inRecovery: boolean;
  /** Names of settings that were changed in the files and wait for a restart (9.5 and later). */
  readonly pendingRestart: readonly string[];
  /** Lines of its files that the server itself does not take (9.5 and later): `postgresql.conf line 3: syntax error`. */
  readonly refused: readonly string[];
  readonly version: Major;
  readonly settings: ReadonlyMap<string, LiveSetting>;
  /** Replication slots (9.4 and later). */
  readonly slots: readonly string[];
  /** Its rules let the administrator in by its OS user alone. */
  readonly barredByRules: boolean;
}

/** @throws SqlUnreachable */
export function askRunning(endpoint: Address, login: Login): Promise<Running> {
  return withSession(endpoint, login, {}, async (session) => {
    const [self] = await session.query(
      "select pg_is_in_recovery()::text as recovery, current_setting('server_version_num') as number",
    );
    const version = majorOfServer(self?.number ?? "");
    const temporary = atLeast(version, "10") ? "where not temporary" : "";
    const slots = atLeast(version, "9.4")
      ? await session.query(`select slot_name from pg_replication_slots ${temporary} order by 1`)
      : [];
    const reading = await readFilesOf(session, version);
    const settings = await runningSettings(session, version);
    return {
      inRecovery: self?.recovery === "true",
      pendingRestart: [...settings].flatMap(([name, { pending }]) => (pending ? [name] : [])).sort(),
      refused: await refusedLines(session, reading, settings),
      version,
      settings,
      barredByRules: session.way.barred.some(({ kind }) => kind === "noRule" || kind === "unproven"),
      slots: slots.map(({ slot_name }) => slot_name ?? ""),
    };
  });
}

/** What initdb makes: left out of a stack file, save where it has settings of its own. */
const initial = new Set(["postgres", "template0", "template1"]);

/** @throws SqlUnreachable, and where the role may not read pg_authid: it is no superuser */
export async function askContents(endpoint: Address, login: Login): Promise<Contents> {
  const contents = await askCluster(endpoint, login);
  const databases: FoundDatabase[] = [];
  for (const database of contents.databases) {
    const schemas = database.letsIn ? await askSchemas(endpoint, login, database.name) : [];
    const isSaid =
      !initial.has(database.name) ||
      schemas.length > 0 ||
      contents.ownSettings.some((one) => one.database === database.name);
    if (isSaid) databases.push({ ...database, schemas });
  }
  return { ...contents, databases };
}

/** Those that somebody made: no extension's, none of PostgreSQL's own, none of pgsite's. Whoever owns the database may not bend the question. */
async function askSchemas(endpoint: Address, login: Login, database: string): Promise<readonly FoundSchema[]> {
  return withSession(endpoint, login, { database }, async (session) => {
    const rows = await session.query(
      `select n.nspname as name, r.rolname as owner
         from pg_catalog.pg_namespace n join pg_catalog.pg_roles r on r.oid operator(pg_catalog.=) n.nspowner
        where n.nspname operator(pg_catalog.!~) '^pg_'
          and n.nspname operator(pg_catalog.<>) all (array['public', 'information_schema', 'pgsite_migration']::pg_catalog.name[])
          and not exists (select 1 from pg_catalog.pg_depend d
                where d.classid operator(pg_catalog.=) 'pg_catalog.pg_namespace'::pg_catalog.regclass
                  and d.objid operator(pg_catalog.=) n.oid and d.deptype operator(pg_catalog.=) 'e')
        order by 1`,
    );
    return rows.map(({ name, owner }) => ({ name: name ?? "", owner: owner ?? "" }));
  });
}

type FoundCluster = Omit<Contents, "databases"> & {
  readonly databases: readonly (Omit<FoundDatabase, "schemas"> & { readonly letsIn: boolean })[];
};

function askCluster(endpoint: Address, login: Login): Promise<FoundCluster> {
  return withSession(endpoint, login, {}, async (session) => {
    const [self] = await session.query("select current_setting('server_version_num') as number");
    const version = majorOfServer(self?.number ?? "");
    const column = (from: Parameters<typeof atLeast>[1], name: string) =>
      atLeast(version, from) ? `${name}::text as ${name}` : `'false' as ${name}`;
    const roles = await session.query(
      `select oid::text as oid, rolname, rolsuper::text, rolcanlogin::text, rolcreatedb::text, rolcreaterole::text,
              rolinherit::text, rolconnlimit::text, substr(rolpassword, 1, 36) as rolpassword,
              rolvaliduntil::text as until,
              ${column("9.1", "rolreplication")}, ${column("9.5", "rolbypassrls")}
         from pg_authid
        where rolcanlogin or rolsuper or oid in (select setrole from pg_db_role_setting)
           or oid in (select roleid from pg_auth_members)
           or oid in (select refobjid from pg_shdepend where refclassid = 'pg_authid'::regclass and deptype = 'o')
        order by rolname`,
    );
    const memberships = await session.query(
      "select distinct m.member::text as member, g.rolname from pg_auth_members m join pg_roles g on g.oid = m.roleid order by 2",
    );
    const databases = await session.query(
      `select d.datname, r.rolname as owner, pg_encoding_to_char(d.encoding) as encoding, d.datcollate, d.datctype,
              d.datconnlimit::text, t.spcname, d.datistemplate::text, d.datallowconn::text
         from pg_database d join pg_roles r on r.oid = d.datdba join pg_tablespace t on t.oid = d.dattablespace
        order by d.datname`,
    );
    const own = await ownSettings(session);
    const template = databases.find(({ datname }) => datname === "template0");
    return {
      roles: roles
        .filter(({ rolname }) => !predefinedRoles(version).includes(rolname ?? ""))
        .map((row) => roleOf(row, memberships)),
      databases: databases.map((row) => ({
        name: row.datname ?? "",
        owner: row.owner ?? "",
        encoding: row.encoding ?? "",
        collate: row.datcollate ?? "",
        ctype: row.datctype ?? "",
        connectionLimit: Number(row.datconnlimit),
        tablespace: row.spcname ?? "",
        isTemplate: row.datistemplate === "true",
        letsIn: row.datallowconn === "true",
      })),
      ownSettings: own,
      initdb: {
        locale: template?.datcollate ?? "C",
        encoding: template?.encoding ?? "UTF8",
        dataChecksums: await checksums(session),
      },
    };
  });
}

function roleOf(row: Row, memberships: readonly Row[]): FoundRole {
  const { rolpassword: verifier } = row;
  return {
    name: row.rolname ?? "",
    login: row.rolcanlogin === "true",
    superuser: row.rolsuper === "true",
    replication: row.rolreplication === "true",
    createdb: row.rolcreatedb === "true",
    createrole: row.rolcreaterole === "true",
    connectionLimit: Number(row.rolconnlimit),
    memberOf: memberships.filter(({ member }) => member === row.oid).map(({ rolname }) => rolname ?? ""),
    password:
      verifier == null
        ? "none"
        : verifier.startsWith("SCRAM-SHA-256$")
          ? "scram-sha-256"
          : /^md5[0-9a-f]{32}$/.test(verifier)
            ? "md5"
            : "plain",
    more: [
      ...(row.until == null || row.until === "infinity" ? [] : [`VALID UNTIL ${row.until}`]),
      ...(row.rolbypassrls === "true" && row.rolsuper !== "true" ? ["BYPASSRLS"] : []),
      ...(row.rolinherit === "true" ? [] : ["NOINHERIT"]),
    ],
  };
}

async function ownSettings(session: Session): Promise<OwnSetting[]> {
  const rows = await session.query(
    `select r.rolname as role, d.datname as database, unnest(s.setconfig) as setting
       from pg_db_role_setting s left join pg_roles r on r.oid = s.setrole left join pg_database d on d.oid = s.setdatabase
      order by 1, 2, 3`,
  );
  return rows.map(({ role, database, setting }) => {
    const text = setting ?? "";
    const equals = text.indexOf("=");
    return {
      ...(role == null ? {} : { role }),
      ...(database == null ? {} : { database }),
      name: text.slice(0, equals),
      value: text.slice(equals + 1),
    };
  });
}

/** A setting from 9.3 on. */
async function checksums(session: Session): Promise<boolean> {
  const [row] = await session.query("select setting from pg_settings where name = 'data_checksums'");
  return row?.setting === "on";
}
