import { isDirect } from "../../hosts/host.js";
import { defined } from "../../postgres/defined.js";
import { admits, asksOf, parseHba, renderHbaLine } from "../../postgres/files/hba/index.js";
import { maskedAt, secretsInAccess } from "../../postgres/secrets/index.js";
import { compareVerifier } from "../../postgres/verifier.js";
import type { Major } from "../../postgres/versions.js";
import type { WayTaken } from "../../postgres/wayTaken.js";
import { type Address, type Login, type Session, SqlUnreachable, withSession } from "../sql/session.js";
import { literal } from "../sql/sql.js";

/** Milliseconds until a session must stand, and until it must answer. */
const patience = 3000;

/** A server as it is to let pgsite in. */
export interface Entry {
  readonly server: string;
  readonly version: Major;
  /** As it is declared. */
  readonly address: Address;
  /** What pg_hba.conf is declared to hold. */
  readonly rules: string;
  readonly login: Login;
}

/**
 * Whether a change would keep out whoever comes now, asked of a server that still lets it in.
 * @param at where it is now @returns undefined where it would not, and where nobody can be asked
 */
export async function wayTaken(entry: Entry, at: Address, now: Login): Promise<WayTaken | undefined> {
  const { login } = entry;
  try {
    return await withSession(at, now, { timeout: patience, queryTimeout: patience }, async (session) => {
      const another = login.user === now.user ? undefined : await byAdministrator(session, now.user, login);
      return another ?? (session.way.by === "direct" ? byRules(entry, await cameFrom(session, login)) : undefined);
    });
  } catch (error) {
    if (error instanceof SqlUnreachable) return undefined;
    throw error;
  }
}

/** Only over the network: from the server's own host pgsite's own rules let it in, which come first. */
function byRules(entry: Entry, now: Awaited<ReturnType<typeof cameFrom>>): WayTaken | undefined {
  const { server, version, address, login, rules } = entry;
  const { user: administrator } = login;
  const { host } = address;
  if (host === undefined || now === undefined || !isDirect(host)) return undefined;
  const { entries } = parseHba(rules, { major: version });
  const all = entries.flatMap(({ rule }) => rule ?? []);
  const user = { user: administrator, replicates: false, database: "postgres" };
  const { keptAs, from } = now;
  const { tls } = address.proof;
  const encrypted = tls === "none" ? false : tls.required ? true : undefined;
  const way = { from, ...defined({ encrypted }) };
  const found = admits(
    all,
    { ...user, to: address.address, ...way },
    // Where pgsite's own rule asks by SCRAM, its password is kept so before the rules are in force.
    keptAs === undefined || `${asksOf(all, { ...user, to: "127.0.0.1" })}` === "scram-sha-256" ? {} : { keptAs },
  );
  if (found.lets !== "no") return undefined;
  const at = entries.find(({ rule }) => rule !== undefined && rule === found.rule);
  const text = found.rule === undefined ? "" : renderHbaLine(found.rule);
  const rule = at === undefined ? {} : { rule: { line: at.line, text: maskedAt(text, secretsInAccess(text)).text } };
  return { code: "rules", server, host: host.name, administrator, ...way, ...rule };
}

/** From where a session comes, as the server sees it, and how it keeps a role's password; undefined where it is none over TCP. */
async function cameFrom(session: Session, { user }: Login) {
  const [row] = await session.query(
    `select host(inet_client_addr()) as "from", (select left(rolpassword, 3) from pg_authid where rolname = ${literal(user)}) as kept`,
  );
  if (row?.from == null) return undefined;
  const keptAs = row.kept === "SCR" ? ("scram-sha-256" as const) : row.kept === "md5" ? ("md5" as const) : undefined;
  return { from: row.from, ...defined({ keptAs }) };
}

/** Whether another administrator could do what pgsite does. */
async function byAdministrator(
  session: Session,
  before: string,
  { user, password }: Login,
): Promise<WayTaken | undefined> {
  const [found] = await session.query(
    `select rolsuper::text as super, rolcanlogin::text as login, rolpassword as kept from pg_authid where rolname = ${literal(user)}`,
  );
  const taken = (lacks: Extract<WayTaken, { code: "administrator" }>["lacks"]): WayTaken => {
    return { code: "administrator", administrator: user, before, lacks };
  };
  if (found === undefined) return taken("role");
  if (found.super !== "true") return taken("superuser");
  if (found.login !== "true") return taken("login");
  // Without one a preview says by itself that it is missing.
  if (password === "") return undefined;
  const same = found.kept == null ? "another" : await compareVerifier(found.kept, password, user);
  return same === "another" ? taken("password") : undefined;
}
