/** How pgsite is kept out of a server that runs, as data. Its sentences are made in servers/words/lockedOut.ts. */

/** What undoes a lock, the mildest first. */
export type Mend =
  /** The declared rules are installed and read. */
  | "rules"
  /** SQL, by whatever way in is left: attributes of a role or a database, or what runs at login. */
  | "catalogue"
  /** A client's idle session is ended. */
  | "connections"
  /** The rollout restarts it with its declared files. */
  | "restart";

const mends = {
  /** No rule lets the administrator in, or one says `reject`. */
  noRule: "rules",
  /** The rules in force ask for another proof than the declared ones. */
  otherRules: "rules",
  /** The password, the form that it is kept in, or the role itself: a server does not tell which. */
  password: "catalogue",
  /** The role is gone, or may not log in. */
  role: "catalogue",
  /** The role has as many sessions as it may. */
  roleLimit: "catalogue",
  /** The role is no superuser any more. */
  noSuperuser: "catalogue",
  /** Nobody may connect to the database `postgres`, or no more than do. */
  database: "catalogue",
  /** What runs at login fails: a library, a trigger. */
  login: "catalogue",
  /** What runs at login does not end. */
  loginHangs: "catalogue",
  /** Every connection is in use, those for superusers too. */
  full: "connections",
  /** It listens at another place than declared. */
  elsewhere: "restart",
} as const satisfies Readonly<Record<string, Mend>>;

export type LockCode = keyof typeof mends;

export interface LockedOut {
  readonly code: LockCode;
  /** The administrator's role. */
  readonly role: string;
  /** What the server said, or what the connection failed with. */
  readonly because: string;
  /**
   * The way that is left: `session`, the administrator's own, past what the server runs at login; `host`, the server's OS user;
   * `stop`: single-user mode alone, for which the server is stopped; `primary`: it is in recovery and has its catalogue from the
   * server that takes writes.
   */
  readonly by: "session" | "host" | "stop" | "primary";
}

export function mendOf({ code }: Pick<LockedOut, "code">): Mend {
  return mends[code];
}

/** How a session was refused, as the protocol tells it. */
export interface Refusal {
  /** SQLSTATE. */
  readonly code?: string | undefined;
  /** The function of the server that refused, which no language changes. */
  readonly routine?: string | undefined;
}

interface Row extends Refusal {
  readonly lock: LockCode;
}

/** By SQLSTATE, and where several refuse by the same one, the function: auth.c, miscinit.c, postinit.c; the first that matches. */
const refusals: readonly Row[] = [
  { code: "28000", routine: "ClientAuthentication", lock: "noRule" },
  { code: "28000", routine: "auth_failed", lock: "otherRules" },
  { code: "28000", lock: "role" },
  { code: "28P01", lock: "password" },
  { code: "53300", routine: "InitializeSessionUserId", lock: "roleLimit" },
  { code: "53300", routine: "CheckMyDatabase", lock: "database" },
  { code: "53300", lock: "full" },
  { code: "55000", lock: "database" },
];

/** States that pass, and those of which a lock is no explanation. */
const passing = /^(57P0[123]|3D000|08)/;

/** Which lock a server's refusal is; undefined where it is none. */
export function lockOfRefusal({ code, routine }: Refusal): LockCode | undefined {
  if (code === undefined || !/^[0-9A-Z]{5}$/.test(code) || passing.test(code)) return undefined;
  const row = refusals.find((one) => one.code === code && (one.routine === undefined || one.routine === routine));
  return row?.lock ?? "login";
}

/** What is done in a server's catalogue so that the administrator comes in. */
export type Opened =
  | { readonly what: "renamed"; readonly from: string }
  | { readonly what: "made" | "password" | "attributes" | "database" }
  | { readonly what: "triggers" | "settings"; readonly names: readonly string[] };

/** What was done on a server so that pgsite comes in. */
export type Mended =
  | { readonly by: "rules" | "settings" | "connections" }
  /** `as`: by the way that was left, as `LockedOut` names it. */
  | { readonly by: "catalogue"; readonly opened: readonly Opened[]; readonly as: Exclude<LockedOut["by"], "primary"> };
