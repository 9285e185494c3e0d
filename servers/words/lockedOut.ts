import { type LockCode, type LockedOut, type Mended, mendOf, type Opened } from "../../postgres/lockedOut.js";

/** What keeps pgsite out, of a role. */
const locks: Readonly<Record<LockCode, (role: string) => string>> = {
  noRule: (role) => `no rule of pg_hba.conf in force lets ${role} in`,
  otherRules: (role) => `the rules of pg_hba.conf in force ask ${role} for another proof than the declared ones`,
  password: (role) =>
    `the password of ${role}, or the form that it is kept in, is not the declared one, or there is no such role`,
  role: (role) => `the role ${role} does not exist, or may not log in`,
  roleLimit: (role) => `the role ${role} has no session left under its connection limit`,
  noSuperuser: (role) => `the role ${role} is no superuser`,
  database: () => "the database postgres lets nobody in",
  login: () => "what the server runs at login fails",
  loginHangs: () => "what the server runs at login does not end",
  full: () => "all connections are in use, those for superusers too",
  elsewhere: () => "it does not listen where it is declared to",
};

/** By which way it is set right in the catalogue. */
const ways: Readonly<Record<Exclude<LockedOut["by"], "primary">, { readonly will: string; readonly was: string }>> = {
  session: {
    will: "in a session past what the server runs at login",
    was: "in a session past what it runs at login",
  },
  host: { will: "as the server's OS user", was: "as the server's OS user" },
  stop: {
    will: "in single-user mode, for which the server stands still for seconds, unless its declared rules and settings are enough",
    was: "in single-user mode, for which it stood still",
  },
};

/** `pgsite is kept out: … (the server's own words)` */
export function lockedOutInWords({ code, role, because }: LockedOut): string {
  return `pgsite is kept out: ${locks[code](role)} (${because})`;
}

/** What the next `up` does about it. */
export function mendInWords(lock: LockedOut): string {
  switch (mendOf(lock)) {
    case "rules":
      return "up installs the declared rules through the host";
    case "connections":
      return "up ends the session of a client that is idle";
    case "restart":
      return "up restarts it with its declared files";
    case "catalogue":
      return lock.by === "primary"
        ? "up installs its declared rules and settings, and sets the rest on the server that takes writes, from which it has that"
        : `up sets that ${ways[lock.by].will}`;
  }
}

/** What was done on a server. */
export function mendedInWords(server: string, mended: Mended): string {
  switch (mended.by) {
    case "rules":
      return `${server}: the declared pg_hba.conf was installed and read, so that pgsite comes in`;
    case "settings":
      return `${server}: settings that decide who comes in were given their declared values`;
    case "connections":
      return `${server}: all connections were in use, and one idle session of a client was ended`;
    case "catalogue": {
      const what = mended.opened.length === 0 ? "nothing was wrong" : mended.opened.map(openedInWords).join(", ");
      return `${server}: ${ways[mended.as].was}: ${what}`;
    }
  }
}

function openedInWords(opened: Opened): string {
  switch (opened.what) {
    case "renamed":
      return `the role ${opened.from} has its declared name again`;
    case "made":
      return "the administrator's role was made";
    case "password":
      return "the administrator's password was set";
    case "attributes":
      return "the administrator may log in as a superuser again";
    case "database":
      return "the database postgres lets in again";
    case "triggers":
      return `the login trigger ${opened.names.join(", ")} was disabled`;
    case "settings":
      return `${opened.names.join(", ")} of the administrator's sessions was reset`;
  }
}
