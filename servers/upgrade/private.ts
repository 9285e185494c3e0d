import { join } from "node:path";
import type { Host } from "../../hosts/host.js";
import { quote } from "../../hosts/quote.js";
import { bypassingLogin } from "../../postgres/settings/wayIn.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import { tail } from "./said.js";

/**
 * A server that is started for an upgrade alone: it listens on no address, its sockets are in a folder of its own OS user's, and
 * its access file lets in whoever comes there. So no password, no rule of the site and no certificate has a say in it.
 */
export interface PrivateServer {
  readonly version: Major;
  /** Folder of its programs. */
  readonly programs: string;
  readonly dataDirectory: string;
  /** Where its postgresql.conf is, if not among the data. */
  readonly configuration?: string | undefined;
  readonly port: number;
  /** The role with OID 10. */
  readonly user: string;
  /** What it is told over its files. */
  readonly options: Readonly<Record<string, string>>;
}

/** Where private servers and the programs that work on them are. */
export interface Workplace {
  readonly host: Host;
  /** The working folder (0700). */
  readonly work: string;
  /** The folder of sockets (0700). */
  readonly sockets: string;
  /** Folder of psql, pg_dump … of the new version. */
  readonly clients: string;
  readonly signal: AbortSignal;
}

/** By which a folder's access file is known; what psql gets no word of. */
export const letsIn = "local all all trust\n";

/** Any two will do: nothing but sockets has them. */
export const ports = { old: 50432, new: 50433 } as const;

const minute = 60_000;
/** Recovery after a crash may take long; how long, nobody knows. */
const starting = 24 * 60 * minute;

/** What every private server is told. Nobody waits for standbys of a server that has none, and nobody's program is called. */
export function privateOptions(version: Major, work: string, sockets: string): Readonly<Record<string, string>> {
  return {
    listen_addresses: "",
    [atLeast(version, "9.3") ? "unix_socket_directories" : "unix_socket_directory"]: sockets,
    unix_socket_permissions: "0700",
    hba_file: join(work, "pg_hba.conf"),
    external_pid_file: "",
    logging_collector: "off",
    log_destination: "stderr",
    bonjour: "off",
    ...(atLeast(version, "9.1") ? { synchronous_standby_names: "" } : {}),
  };
}

/** For pg_ctl's `-o` and pg_upgrade's `-o` and `-O`, which give it to a shell. */
export function asOptions(options: Readonly<Record<string, string>>): string {
  return Object.entries(options)
    .map(([name, value]) => `-c ${quote(`${name}=${value}`)}`)
    .join(" ");
}

/** @throws with its own words */
export async function startPrivate(at: Workplace, server: PrivateServer): Promise<void> {
  const { host, work, sockets, signal } = at;
  const log = logOf(at, server);
  await host.remove(log);
  const given = {
    ...privateOptions(server.version, work, sockets),
    port: `${server.port}`,
    ...(server.configuration === undefined
      ? {}
      : { config_file: join(server.configuration, "postgresql.conf"), data_directory: server.dataDirectory }),
    ...server.options,
  };
  const start = [join(server.programs, "pg_ctl"), "start", "-w", "-t", "86400", "-D", server.dataDirectory, "-l", log];
  const argv = ["setsid", ...start, "-o", asOptions(given)];
  const { code, stdout, stderr } = await host.run(argv, { cwd: work, timeout: starting, signal });
  signal.throwIfAborted();
  if (code === 0) return;
  const said = (await host.readTail(log, 4000)) ?? "";
  throw new Error(
    `PostgreSQL ${server.version} does not start on ${server.dataDirectory}: ${tail(said || stdout + stderr)}`,
  );
}

export async function stopPrivate(at: Workplace, server: PrivateServer): Promise<void> {
  const argv = [join(server.programs, "pg_ctl"), "stop", "-w", "-t", "86400", "-m", "fast", "-D", server.dataDirectory];
  const { code, stdout, stderr } = await at.host.run(argv, { cwd: at.work, timeout: starting });
  if (code !== 0)
    throw new Error(`PostgreSQL ${server.version} on ${server.dataDirectory} does not stop: ${tail(stdout + stderr)}`);
}

/** Runs `act` while it runs; it is stopped whatever happens, and that it does not stop is told only where all else went well. */
export async function whilePrivate<T>(at: Workplace, server: PrivateServer, act: () => Promise<T>): Promise<T> {
  await startPrivate(at, server);
  let done: T;
  try {
    done = await act();
  } catch (error) {
    await stopPrivate(at, server).catch(() => undefined);
    throw error;
  }
  await stopPrivate(at, server);
  return done;
}

function logOf({ work }: Workplace, { port }: PrivateServer): string {
  return join(work, `server-${port}.log`);
}

/** By which programs come to a private server. */
export function connection({ sockets }: Workplace, { port, user }: PrivateServer): readonly string[] {
  return ["-h", sockets, "-p", `${port}`, "-U", user];
}

/**
 * What programs that connect are given: whatever roles and databases have set, nothing of it keeps an upgrade from its work, and no
 * function of an application's is taken for the catalogue's.
 */
export function surroundings({ version }: PrivateServer): Readonly<Record<string, string>> {
  const lockTimeout = atLeast(version, "9.3") ? { lock_timeout: "0" } : {};
  const options = { ...bypassingLogin(version), ...lockTimeout, search_path: "pg_catalog" };
  const words = Object.entries(options).map(([name, value]) => `-c ${name}=${value}`);
  return { PGOPTIONS: words.join(" "), PGCLIENTENCODING: "UTF8", PGCONNECT_TIMEOUT: "60" };
}

/** Characters that no name or value of a catalogue has. */
const [field, record, nothing] = ["\x1f", "\x1e", "\x1d"];

/** One query's rows. Statements of other kinds are run too. @param timeout milliseconds @default a day @throws with the server's words */
export async function ask(
  at: Workplace,
  server: PrivateServer,
  database: string,
  sql: string,
  timeout = starting,
): Promise<readonly (readonly (string | null)[])[]> {
  const argv = [
    ...[join(at.clients, "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"],
    ...["-F", field as string, "-R", record as string, "-P", `null=${nothing}`, ...connection(at, server)],
    ...["-d", named(database), "-f", "-"],
  ];
  const given = { cwd: at.work, input: sql, env: surroundings(server), timeout, signal: at.signal };
  const { code, stdout, stderr } = await at.host.run(argv, given);
  at.signal.throwIfAborted();
  if (code !== 0) throw new Error(`${database}: ${tail(stderr || stdout)}`);
  const text = stdout.endsWith("\n") ? stdout.slice(0, -1) : stdout;
  if (text === "") return [];
  return text
    .split(record as string)
    .map((row) => row.split(field as string).map((one) => (one === nothing ? null : one)));
}

/** A database for a program's `-d`, which takes what has an equals sign in it for a connection string. */
export function named(database: string): string {
  return `dbname='${database.replaceAll(/[\\']/g, "\\$&")}'`;
}
