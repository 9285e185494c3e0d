import type { Difference } from "../../postgres/differences.js";
import { secretsInValue } from "../../postgres/secrets/index.js";
import {
  byWhom,
  listElements,
  type SessionSettings,
  type SettingsByWhom,
  sameText,
  sessionDifferences,
} from "../../postgres/settings/session.js";
import type { Major } from "../../postgres/versions.js";
import type { Context } from "../../servers/rollout/reporter.js";
import type { ResourceType } from "../protocol/resource.js";
import { say } from "../protocol/say.js";
import { onWritable, type SqlArgs, type WritableSession } from "./sql.js";

export interface AccessArgs extends SqlArgs {
  readonly version: string;
  /** Roles that the stack declares: their own attributes are theirs to say. */
  readonly roles: readonly string[];
  /** Settings by role and by database; whatever else there is of them is undone. */
  readonly declared: readonly SessionSettings[];
}

export interface AccessState extends AccessArgs {
  /** Superusers that nobody declared, beside the one that initdb made. */
  readonly superusers: readonly string[];
  readonly settings: SettingsByWhom;
}

/** Who may more than the stack says, and which settings sessions begin with: one for a whole site. It never drops a role. */
export const access: ResourceType<AccessArgs, AccessState> = {
  token: "pgsite:index:Access",
  secrets: ["administratorPassword"],
  packed: ["endpoints"],
  ways: ["endpoints"],
  // settings[WHOM][NAME], declared[INDEX].settings[NAME]
  secretsAt: (path, text) =>
    path[0] === "settings" || path[2] === "settings" ? secretsInValue(`${path.at(-1)}`, text) : [],

  id: (state) => `${state.site}/access`,

  async check(context, args, actual) {
    const version = args.version as Major;
    const settings = byWhom(args.declared);
    const found = actual ?? (await firstLook(context, args));
    if (found !== undefined) {
      const superusers = found.superusers.map((name): Difference => {
        return {
          object: { kind: "role", name },
          there: { is: "superuser" },
          declared: { is: "nowhere" },
          consequence: "SQL",
        };
      });
      const all = sessionDifferences(version, found.settings, settings);
      // What a new site has not got yet is no difference: a first preview says what is there and would be undone.
      const differences = actual === undefined ? all.filter(isSet) : all;
      await say(context, [...superusers, ...differences]);
    }
    return { state: { ...args, superusers: [], settings: inTheirWords(version, settings, actual?.settings ?? {}) } };
  },

  create: (context, state) => onWritable(context, state, (session) => apply(session, state)),

  async read(context, _id, known) {
    if (known === undefined) throw new Error("access cannot be imported by its id");
    return onWritable(context, known, async (session) => ({ ...known, ...(await observe(session, known)) }), {
      reading: true,
    });
  },

  update: (context, wanted, before) => onWritable(context, wanted, (session) => apply(session, wanted), { before }),

  async delete() {
    // Roles and their settings stay as they are.
  },
};

/**
 * What a stack that was never brought up would undo on servers that run already. A look of a few seconds at most: where
 * none takes writes there is nothing to be said.
 */
async function firstLook(context: Context, args: AccessArgs): Promise<Observed | undefined> {
  try {
    return await onWritable(context, args, (session) => observe(session, args), { reading: true });
  } catch {
    return undefined;
  }
}

/** Whether somebody set what differs. */
function isSet({ there }: Difference): boolean {
  return typeof there === "string" || there.is !== "setting" || there.value !== undefined;
}

type Observed = Pick<AccessState, "superusers" | "settings">;

/** Values that mean the same are no difference, however they are written. */
function inTheirWords(version: Major, wanted: SettingsByWhom, actual: SettingsByWhom): SettingsByWhom {
  const same = (whom: string, name: string, value: string) => {
    const found = actual[whom]?.[name];
    return found !== undefined && sameText(version, name, found, value) ? found : value;
  };
  return Object.fromEntries(
    Object.entries(wanted).map(([whom, settings]) => [
      whom,
      Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, same(whom, name, value)])),
    ]),
  );
}

async function observe(session: WritableSession, args: AccessArgs): Promise<Observed> {
  // 10 is the role that initdb made (BOOTSTRAP_SUPERUSERID), which cannot do without.
  const superusers = await session.query("select rolname from pg_roles where rolsuper and oid <> 10 order by 1");
  const names = superusers.map(({ rolname }) => rolname ?? "");
  return {
    superusers: names.filter((name) => name !== args.administrator && !args.roles.includes(name)),
    settings: byWhom(await settingsOf(session)),
  };
}

async function settingsOf(session: WritableSession): Promise<readonly SessionSettings[]> {
  const rows = await session.query(
    `select r.rolname as role, d.datname as database, c.config from (
       select setrole, setdatabase, unnest(setconfig) as config from pg_db_role_setting) c
       left join pg_roles r on r.oid = c.setrole left join pg_database d on d.oid = c.setdatabase
      where (c.setrole = 0 or r.oid is not null) and (c.setdatabase = 0 or d.oid is not null)
      order by 1, 2, 3`,
  );
  const found = new Map<string, { role?: string; database?: string; settings: Record<string, string> }>();
  for (const { role, database, config } of rows) {
    const key = JSON.stringify([role, database]);
    const one = found.get(key) ?? {
      ...(role == null ? {} : { role }),
      ...(database == null ? {} : { database }),
      settings: {},
    };
    const equals = config?.indexOf("=") ?? 0;
    one.settings[config?.slice(0, equals) ?? ""] = config?.slice(equals + 1) ?? "";
    found.set(key, one);
  }
  return [...found.values()];
}

async function apply(session: WritableSession, wanted: AccessState): Promise<AccessState> {
  const { identifier, literal } = await import("../../servers/sql/sql.js");
  const { superusers } = await observe(session, wanted);
  const real = await settingsOf(session);
  const version = session.version;
  const target = ({ role, database }: SessionSettings) => {
    if (role === undefined && database !== undefined) return `ALTER DATABASE ${identifier(database)}`;
    const place = database === undefined ? "" : ` IN DATABASE ${identifier(database)}`;
    return `ALTER ROLE ${role === undefined ? "ALL" : identifier(role)}${place}`;
  };
  const find = (all: readonly SessionSettings[], { role, database }: SessionSettings) =>
    all.find((one) => one.role === role && one.database === database)?.settings ?? {};
  await session.query("begin");
  for (const name of superusers) await session.query(`ALTER ROLE ${identifier(name)} NOSUPERUSER`);
  for (const one of real) {
    const kept = find(wanted.declared, one);
    for (const name of Object.keys(one.settings).filter((setting) => !(setting in kept))) {
      await session.query(`${target(one)} RESET ${qualified(name, identifier)}`);
    }
  }
  for (const one of wanted.declared) {
    const there = find(real, one);
    for (const [name, value] of Object.entries(one.settings)) {
      if (sameText(version, name, there[name], value)) continue;
      const elements = listElements(name, value)?.map(literal);
      const text = elements === undefined || elements.length === 0 ? literal(value) : elements.join(", ");
      await session.query(`${target(one)} SET ${qualified(name, identifier)} TO ${text}`);
    }
  }
  await session.query("commit");
  return wanted;
}

/** An extension's setting has a dot between two identifiers. */
function qualified(name: string, identifier: (part: string) => string): string {
  return name.split(".").map(identifier).join(".");
}
