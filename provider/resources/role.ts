import type { Difference, Found } from "../../postgres/differences.js";
import { atLeast } from "../../postgres/versions.js";
import type { Context } from "../../servers/rollout/reporter.js";
import type { ResourceType } from "../protocol/resource.js";
import { say } from "../protocol/say.js";
import { same } from "../protocol/wire.js";
import { onWritable, type SqlArgs, type WritableSession } from "./sql.js";
import { leaveObject, readObject } from "./sqlObject.js";

export interface RoleArgs extends SqlArgs {
  readonly name: string;
  /** @default false */
  readonly superuser?: boolean;
  /** @default true */
  readonly login?: boolean;
  /** Not known to 9.0, where replication takes a superuser. @default false */
  readonly replication?: boolean;
  /** @default false */
  readonly createdb?: boolean;
  /** @default false */
  readonly createrole?: boolean;
  /** @default -1, no limit */
  readonly connectionLimit?: number;
  /** Roles whose member it is. @default none */
  readonly memberOf?: readonly string[];
  /** Kept on the server as a verifier. Left out: pgsite leaves the role's password alone. */
  readonly password?: string;
  /** The form that its password must be kept in, so that the rules by which it comes take it. @default any */
  readonly keptAs?: "scram-sha-256";
}

export interface RoleState extends RoleArgs {
  readonly superuser: boolean;
  readonly login: boolean;
  readonly replication: boolean;
  readonly createdb: boolean;
  readonly createrole: boolean;
  readonly connectionLimit: number;
  readonly memberOf: readonly string[];
  /** Whether the verifier on the server is the password's; the password itself is never shown. */
  readonly passwordIs?: "as declared" | "md5" | keyof typeof otherPasswords;
  /** The form that the password is kept in. No difference by itself: one follows where the rules take another. */
  readonly __kept?: Kept;
}

type Kept = "scram-sha-256" | "md5";

/** A role of a site: made and altered on whichever server takes writes, adopted where it exists, never dropped. */
export const role: ResourceType<RoleArgs, RoleState> = {
  token: "pgsite:index:Role",
  secrets: ["password", "administratorPassword"],
  packed: ["endpoints"],
  ways: ["endpoints"],

  id: (state) => `${state.site}/role:${state.name}`,

  async check(context, args, actual) {
    const state = {
      ...args,
      superuser: args.superuser ?? false,
      login: args.login ?? true,
      replication: args.replication ?? false,
      createdb: args.createdb ?? false,
      createrole: args.createrole ?? false,
      connectionLimit: args.connectionLimit ?? -1,
      memberOf: [...(args.memberOf ?? [])].sort(),
      ...(args.password === undefined ? {} : { passwordIs: "as declared" as const }),
      ...(actual?.__kept === undefined ? {} : { __kept: actual.__kept }),
    };
    if (actual !== undefined) await say(context, roleDifferences(actual, state));
    return { state };
  },

  create: (context, state) => apply(context, state, undefined),

  read: (context, _id, known) => readObject(context, "role", known, observe),

  update: (context, wanted, actual) => apply(context, wanted, actual),

  delete: (context, state) => leaveObject(context, "role", state),
};

function roleDifferences(is: RoleState, shall: RoleState): readonly Difference[] {
  const make = (part: string, there: Found, declared?: Found): Difference => ({
    object: { kind: "role", name: shall.name, part },
    there,
    ...(declared === undefined ? {} : { declared }),
    consequence: "SQL",
  });
  const attributes = (
    ["superuser", "login", "replication", "createdb", "createrole", "connectionLimit"] as const
  ).filter((one) => is[one] !== shall[one]);
  // The rules that are declared take the other form alone: it is changed before they are in force.
  const passwordDifference = (found: "md5" | keyof typeof otherPasswords) =>
    found === "md5"
      ? make("the form of the password", "md5", "scram-sha-256")
      : make("the password", { is: otherPasswords[found] });
  const list = (names: readonly string[]): Found => (names.length === 0 ? { is: "none" } : names.join(", "));
  const { passwordIs = "as declared" } = inForm(is, shall);
  return [
    ...attributes.map((one) => make(keywords[one], shown(is[one]), shown(shall[one]))),
    ...(same(is.memberOf, shall.memberOf) ? [] : [make("membership", list(is.memberOf), list(shall.memberOf))]),
    ...(shall.password === undefined || passwordIs === "as declared" ? [] : [passwordDifference(passwordIs)]),
  ];
}

/** The password as it is, held against the form that is declared. */
function inForm<T extends RoleState>(found: T, { keptAs }: RoleArgs): T {
  const isOther = found.passwordIs === "as declared" && keptAs !== undefined && found.__kept === "md5";
  return isOther ? { ...found, passwordIs: "md5" } : found;
}

const otherPasswords = { another: "another", none: "missing", "not known": "not comparable" } as const;

const keywords = {
  superuser: "SUPERUSER",
  login: "LOGIN",
  replication: "REPLICATION",
  createdb: "CREATEDB",
  createrole: "CREATEROLE",
  connectionLimit: "CONNECTION LIMIT",
} as const;

function shown(value: boolean | number): string {
  return typeof value === "number" ? `${value}` : value ? "on" : "off";
}

async function observe(session: WritableSession, known: RoleState): Promise<RoleState | undefined> {
  const { longestVerifier } = await import("../../postgres/verifier.js");
  const hasReplication = atLeast(session.version, "9.1");
  const [found] = await session.query(
    `select rolsuper, rolcanlogin, rolcreatedb, rolcreaterole, rolconnlimit,
            substr(rolpassword, 1, ${longestVerifier + 1}) as rolpassword,
            ${hasReplication ? "rolreplication" : "null as rolreplication"}
       from pg_authid where rolname = $1`,
    [known.name],
  );
  if (found === undefined) return undefined;
  const { password } = known;
  const verifier = found.rolpassword ?? undefined;
  const { __kept: _before, ...rest } = known;
  const state: RoleState = {
    ...rest,
    superuser: found.rolsuper === "t",
    login: found.rolcanlogin === "t",
    replication: hasReplication ? found.rolreplication === "t" : known.replication,
    createdb: found.rolcreatedb === "t",
    createrole: found.rolcreaterole === "t",
    connectionLimit: Number(found.rolconnlimit),
    memberOf: await memberships(session, known.name),
    ...(password === undefined ? {} : { passwordIs: await compare(verifier, password, known.name) }),
    ...(verifier === undefined ? {} : { __kept: keptAs(verifier) }),
  };
  return inForm(state, known);
}

async function compare(verifier: string | undefined, password: string, name: string) {
  if (verifier === undefined) return "none" as const;
  const { compareVerifier } = await import("../../postgres/verifier.js");
  return compared[await compareVerifier(verifier, password, name)];
}

function keptAs(verifier: string): Kept {
  return verifier.startsWith("SCRAM-SHA-256$") ? "scram-sha-256" : "md5";
}

const compared = { same: "as declared", another: "another", unknown: "not known" } as const;

async function memberships(session: WritableSession, name: string): Promise<readonly string[]> {
  const rows = await session.query(
    `select distinct g.rolname from pg_auth_members m join pg_roles g on g.oid = m.roleid
       join pg_roles r on r.oid = m.member where r.rolname = $1`,
    [name],
  );
  return rows.map(({ rolname }) => rolname ?? "").sort();
}

async function apply(context: Context, wanted: RoleState, before: RoleState | undefined): Promise<RoleState> {
  const [{ identifier, literal }, { inTransaction }] = await Promise.all([
    import("../../servers/sql/sql.js"),
    import("../../servers/takeover/unlogged.js"),
  ]);
  return onWritable(
    context,
    wanted,
    async (session) => {
      const found = await observe(session, wanted);
      // One that is as declared is not touched: taking over what exists changes nothing.
      if (found !== undefined && same({ ...found, __kept: wanted.__kept }, wanted)) return found;
      const flag = (on: boolean, word: string) => (on ? word : `NO${word}`);
      const options = [
        flag(wanted.superuser, "SUPERUSER"),
        flag(wanted.login, "LOGIN"),
        flag(wanted.createdb, "CREATEDB"),
        flag(wanted.createrole, "CREATEROLE"),
        ...(atLeast(session.version, "9.1") ? [flag(wanted.replication, "REPLICATION")] : []),
        `CONNECTION LIMIT ${Math.trunc(wanted.connectionLimit)}`,
      ];
      const name = identifier(wanted.name);
      const joined = wanted.memberOf.filter((one) => found?.memberOf.includes(one) !== true);
      const left = found?.memberOf.filter((one) => !wanted.memberOf.includes(one)) ?? [];
      const keeps = wanted.password === undefined || found?.passwordIs === "as declared";
      const verifier = keeps ? undefined : await verifierFor(session, wanted);
      const change = () =>
        inTransaction(
          session,
          [
            `${found === undefined ? "CREATE" : "ALTER"} ROLE ${name} ${options.join(" ")}`,
            ...joined.map((group) => `GRANT ${identifier(group)} TO ${name}`),
            ...left.map((group) => `REVOKE ${identifier(group)} FROM ${name}`),
          ],
          verifier === undefined ? undefined : `ALTER ROLE ${name} ENCRYPTED PASSWORD ${literal(verifier)}`,
        );
      if (verifier === undefined || wanted.password === undefined) await change();
      else {
        const { changingPassword } = await import("../../servers/data/passwordFiles.js");
        await changingPassword(wanted.endpoints, wanted.name, wanted.password, change);
      }
      return { ...wanted, ...(verifier === undefined ? {} : { __kept: keptAs(verifier) }) };
    },
    { before },
  );
}

/** The form that its rules take, else the one that the server itself would store, so that nothing ever sends or logs the plain password. */
async function verifierFor(session: WritableSession, { name, password = "", keptAs }: RoleState): Promise<string> {
  const { md5Verifier, scramVerifier } = await import("../../postgres/verifier.js");
  if (keptAs !== undefined) return scramVerifier(password);
  const [row] = await session.query("select current_setting('password_encryption') as method");
  return row?.method === "scram-sha-256" ? scramVerifier(password) : md5Verifier(password, name);
}
