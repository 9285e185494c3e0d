import { randomBytes } from "node:crypto";
import { controlPath } from "../../config/controlDirectory.js";
import type { Server, Site } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { renderPassfile } from "../../postgres/files/passfile.js";
import { atLeast, type Major, majorOf } from "../../postgres/versions.js";
import type { Login, Session } from "../sql/session.js";
import { authoritiesFor, insisting } from "../sql/verify.js";
import { DumpRefused } from "./refused.js";

/** A client program of a host's. */
export interface Client {
  readonly path: string;
  /** As it says: `15.18`. */
  readonly version: string;
  readonly major: Major;
}

type Named = Pick<Server, "name" | "binDirectory" | "version">;

const finding =
  'name=$1; shift; for folder; do [ -x "$folder/$name" ] && { echo "$folder/$name"; exit; }; done; command -v "$name"';

/** A program of the server's folder, else of the stack's folder of clients, else of PATH. @throws DumpRefused where there is none, or only one that is too old */
export async function clientOf(
  host: Host,
  server: Named,
  site: Pick<Site, "clientDirectory">,
  program: "pg_dump" | "pg_restore" | "psql",
  needed: Major = server.version,
): Promise<Client> {
  const folders = [server.binDirectory, ...(site.clientDirectory === undefined ? [] : [site.clientDirectory])];
  const { stdout } = await host.run(["sh", "-c", finding, "sh", program, ...folders]);
  const path = stdout.trim();
  if (path === "") throw new DumpRefused({ code: "no program", program, host: host.name, folders });
  const said = await host.run([path, "--version"]);
  // `pg_dump (PostgreSQL) 15.18 (Debian …)`: a name of the program, and its version, in every language.
  const version = /\(PostgreSQL\) (\d+(?:\.\d+)*)/.exec(said.stdout)?.[1] ?? "";
  const major = majorOf(version);
  if (major === undefined) throw new Error(`${path} on ${host.name} does not say its version: ${said.stderr.trim()}`);
  if (!atLeast(major, needed))
    throw new DumpRefused({ code: "program too old", program, path, version, server: server.name, needed });
  return { path, version, major };
}

/** How a client program on a server's own host comes to it, as the session did that asked: its environment, without a password. */
export interface WayIn {
  readonly env: Readonly<Record<string, string>>;
  /** Takes away the password file. */
  close(): Promise<void>;
}

/**
 * Lets client programs in by the way that a session has found: by the server's Unix socket as its OS user, or by its address, with a
 * password file (0600) that is there as long as they run.
 */
export async function wayIn(options: {
  readonly host: Host;
  readonly server: Server;
  readonly session: Pick<Session, "way">;
  readonly login: Login;
  readonly database: string;
  readonly libpq: Major;
  readonly application: string;
}): Promise<WayIn> {
  const { host, server, session, login, database, libpq, application } = options;
  const { by, at, role } = session.way;
  const base = {
    PGUSER: role,
    PGDATABASE: database,
    PGAPPNAME: application,
    PGCONNECT_TIMEOUT: "10",
    // Whatever the OS user keeps for itself.
    PGSERVICE: "",
    PGOPTIONS: "",
  };
  const env = Object.fromEntries(Object.entries(base).filter(([, value]) => value !== ""));
  if (by === "owner") {
    const [, folder = "", port = ""] = /^(.*)\/\.s\.PGSQL\.(\d+)$/.exec(at) ?? [];
    return { env: { ...env, PGHOST: folder, PGPORT: port }, close: async () => undefined };
  }
  const cut = at.lastIndexOf(":");
  const [address, port] = [at.slice(0, cut), at.slice(cut + 1)];
  const { authorities } = authoritiesFor(server, server);
  const { sslmode, sslrootcert, channel_binding, require_auth } = insisting(libpq, authorities, server.proof.asks);
  const passfile = `${controlPath(server, "clientPassfile")}.${randomBytes(6).toString("hex")}`;
  const line = { host: address, port: Number(port), database: "*", user: role, password: login.password };
  // A certificate is of the declared address; the connection goes where the server listens.
  const named = sslmode === undefined ? { PGHOST: address } : { PGHOST: server.address, PGHOSTADDR: address };
  await host.makeDirectory(server.controlDirectory);
  await host.writeFile(
    passfile,
    renderPassfile(sslmode === undefined ? [line] : [line, { ...line, host: server.address }]),
  );
  const insisted = {
    PGSSLMODE: sslmode,
    PGSSLROOTCERT: sslrootcert,
    PGCHANNELBINDING: channel_binding,
    PGREQUIREAUTH: require_auth,
  };
  const given = Object.entries(insisted).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return {
    env: { ...env, ...named, PGPORT: port, PGPASSFILE: passfile, ...Object.fromEntries(given) },
    close: () => host.remove(passfile),
  };
}
