import { atLeast, type Major } from "../versions.js";

interface Row {
  readonly name: string;
  readonly from?: Major;
  /** What a session of pgsite's sets it to for itself, where the server would not let it in otherwise. */
  readonly bypass?: string;
  /** Said of a role or a database, it keeps out whoever logs in there. */
  readonly ofRoles?: true;
}

/** Settings that decide who comes in, or what happens to him at login; a reload is enough for each. */
const rows: readonly Row[] = [
  { name: "local_preload_libraries", bypass: "", ofRoles: true },
  { name: "session_preload_libraries", from: "9.4", bypass: "", ofRoles: true },
  { name: "event_triggers", from: "17", bypass: "off" },
  { name: "statement_timeout", bypass: "0", ofRoles: true },
  { name: "default_transaction_read_only", bypass: "off", ofRoles: true },
  { name: "role", ofRoles: true },
  { name: "authentication_timeout" },
];

function of(version: Major): readonly Row[] {
  return rows.filter(({ from }) => from === undefined || atLeast(version, from));
}

/** Settings of the files that are put right at once where they keep pgsite out. */
export function wayInSettings(version: Major): readonly string[] {
  return of(version).flatMap(({ name }) => (name === "role" ? [] : [name]));
}

/** Settings by role and database that are taken away where they keep pgsite out. */
export function wayInOfRoles(version: Major): readonly string[] {
  return of(version).flatMap(({ name, ofRoles }) => (ofRoles === true ? [name] : []));
}

/** What a superuser's session, or single-user mode, sets for itself: then nothing runs at its login. */
export function bypassingLogin(version: Major): Readonly<Record<string, string>> {
  return Object.fromEntries(
    of(version).flatMap(({ name, bypass }) => (bypass === undefined ? [] : [[name, bypass] as const])),
  );
}
