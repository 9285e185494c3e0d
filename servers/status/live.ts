import type { FileStatus } from "../../hosts/host.js";
import { keyText } from "../../hosts/key.js";
import type { RunsWith } from "../../postgres/files/differences.js";
import { filedSettings, type Texts } from "../../postgres/files/facts.js";
import type { SettingContext } from "../../postgres/settings/setting.js";
import type { Address, SqlUnreachable } from "../sql/session.js";
import type { Live } from "./runningSettings.js";

/** How to reach a server over SQL. */
export interface LiveAccess {
  readonly address: Address;
  readonly administrator: string;
  readonly administratorPassword: string;
}

export type LiveAnswer = Live | SqlUnreachable;

/** How pgsite came into a server. */
export type Entry = Pick<Live, "superuser" | "way">;

/** Whether it came in as a superuser, by the way that is declared. */
export function isAsDeclared({ superuser, way }: Entry): boolean {
  return superuser && way.barred.length === 0;
}

/** Tells apart whom is asked, and as whom. */
export function keyOf({ address: to, ...login }: LiveAccess): string {
  const { name, address, port, proof, host, dataDirectory } = to;
  return keyText([name, address, port, proof, host, dataDirectory, login.administrator, login.administratorPassword]);
}

/**
 * What a running server says of itself, or why it says nothing.
 * @param shared through a session that whoever asks the same server at about the same time uses too
 */
export async function askLive(access: LiveAccess, signal: AbortSignal, shared: boolean): Promise<LiveAnswer> {
  const { askRunning } = await import("./runningSettings.js");
  const login = { user: access.administrator, password: access.administratorPassword };
  const { SqlUnreachable, withSession } = await import("../sql/session.js");
  const { withSharedSession } = await import("../sql/sharedSession.js");
  try {
    return await askRunning(access.address, login, signal, shared ? withSharedSession : withSession);
  } catch (error) {
    if (error instanceof SqlUnreachable) return error;
    throw error;
  }
}

export function isLive(answer: LiveAnswer | undefined): answer is Live {
  return answer !== undefined && "settings" in answer;
}

/**
 * Whether pg_hba.conf was touched after the server last read it: the rules in force, which no version shows, may then be
 * others than it holds now. A kernel stamps a file with a time that is past already, so what pgsite writes before it has
 * a server read its files never counts. A server that asks otherwise than its declared rules do, and so gives no session, has read
 * others.
 */
export function isUnread(live: LiveAnswer | undefined, access: FileStatus | undefined): boolean {
  if (live === undefined || access === undefined) return false;
  const failed = isLive(live) ? live.way.barred : [live];
  return (isLive(live) && access.changed > live.loaded) || failed.some(({ kind }) => kind === "unproven");
}

/** What lies in a session, or was decided before any file: it says nothing of what the files bring about. */
const ofNoFile = new Set([
  ...["override", "client", "session", "interactive", "test"],
  ...["global", "user", "database", "database user"],
]);

/** Settings that the server computes from its surroundings, or shows otherwise than it was given them. */
const computed = new Set([
  "max_stack_depth",
  "archive_command",
  "archive_library",
  "restore_command",
  "client_encoding",
]);

/** What a server runs with beside what its files say, both by the files' own names. */
export function runningBeside(live: Live, files: Texts): Promise<Readonly<Record<string, RunsWith>>> {
  return runningOtherwise(live, filedSettings(files));
}

/** The same of settings that were read, by lower-case name. */
export async function runningOtherwise(
  live: Pick<Live, "version" | "settings">,
  filed: ReadonlyMap<string, { readonly value: string }>,
): Promise<Readonly<Record<string, RunsWith>>> {
  const { findSetting } = await import("../../postgres/settings/catalogue.js");
  const { isChosen, startsToChange } = await import("../../postgres/settings/chosen.js");
  const { isShownAs } = await import("../../postgres/settings/values.js");
  const found = [...live.settings].flatMap(([name, { value, source, boot, context, facts }]) => {
    if (ofNoFile.has(source) || computed.has(name)) return [];
    const given = filed.get(name.toLowerCase())?.value;
    const chosen = isChosen(live.version, name, { value, source });
    if (given === undefined && chosen) return [];
    // What a library's setting may be, no table of ours knows.
    const own = facts && { ...facts, major: live.version, name, context: context as SettingContext, category: "" };
    const setting = findSetting(live.version, name) ?? own;
    const isDefault =
      given === undefined || given === boot || (setting !== undefined && isShownAs(setting, given, boot));
    // The default is what this build or machine makes of it, whether a file says it or nobody does (wal_buffers -1).
    if (isDefault && source === "default") return [];
    const expected = given ?? boot;
    const same =
      expected === value ||
      (setting !== undefined && isShownAs(setting, expected, value)) ||
      expected.toLowerCase() === value.toLowerCase();
    const giver = chosen && !startsToChange(live.version, name, undefined, given) ? "default" : source;
    return same ? [] : [[name, { value, source: giver }] as const];
  });
  return Object.fromEntries(found.sort(([left], [right]) => (left < right ? -1 : 1)));
}
