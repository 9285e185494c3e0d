import type { Conninfo } from "./conninfo.js";
import { error, nearest, type Problem } from "./problem.js";
import { atLeast, type Major } from "./versions.js";

interface Span {
  readonly from: Major;
  readonly until?: Major;
}

function since(from: Major, ...names: readonly string[]): readonly (readonly [string, Span])[] {
  return names.map((name) => [name, { from }] as const);
}

/**
 * Connection parameters of libpq by version (PostgreSQL: "Parameter Key Words"). What came or went from 11 on was asked of
 * the libpq of real servers of 10 to 18; the earlier rows follow the documentation.
 */
const parameters: ReadonlyMap<string, Span> = new Map([
  ...since("9.0", "host", "hostaddr", "port", "dbname", "user", "password", "application_name"),
  ...since("9.0", "fallback_application_name", "connect_timeout", "options", "service", "replication"),
  ...since("9.0", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"),
  ...since("9.0", "sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "krbsrvname", "gsslib"),
  ["tty", { from: "9.0", until: "13" }] as const,
  ...since("9.1", "client_encoding", "requirepeer"),
  ...since("9.2", "sslcompression"),
  ...since("10", "passfile", "target_session_attrs"),
  ...since("12", "gssencmode", "tcp_user_timeout"),
  ...since("13", "channel_binding", "ssl_min_protocol_version", "ssl_max_protocol_version", "sslpassword"),
  ...since("14", "sslcrldir", "sslsni"),
  ...since("16", "gssdelegation", "load_balance_hosts", "require_auth", "sslcertmode"),
  ...since("17", "sslnegotiation"),
  ...since("18", "max_protocol_version", "min_protocol_version", "oauth_client_id", "oauth_client_secret"),
  ...since("18", "oauth_issuer", "oauth_scope", "scram_client_key", "scram_server_key", "sslkeylogfile"),
]);

/**
 * Parameters that the libpq of a version does not know: a standby with one of them never connects, and says so in its log
 * alone. Problems name the parameter below `path` (`upstream.gssencmode`) and never show a value.
 */
export function checkConninfo(conninfo: Conninfo, major: Major, path: string): Problem[] {
  return Object.entries(conninfo).flatMap(([name, value]) => {
    if (value === undefined) return [];
    const message = unknown(name, major);
    return message === undefined ? [] : [error(`${path}.${name}`, message)];
  });
}

function unknown(name: string, major: Major): string | undefined {
  const span = parameters.get(name);
  if (span === undefined) {
    const near = nearest(name, [...parameters.keys()]);
    return `"${name}" is no connection parameter${near === undefined ? "" : ` (did you mean ${near}?)`}`;
  }
  if (!atLeast(major, span.from)) return `${name} comes with ${span.from}; ${major} does not know it`;
  return span.until === undefined || atLeast(span.until, major) ? undefined : `${name} ended with ${span.until}`;
}
