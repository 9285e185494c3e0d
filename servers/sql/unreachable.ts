import { HostError, HostUnreachable } from "../../hosts/host.js";
import { NotPiped } from "../../hosts/pipe.js";
import { lockOfRefusal, type Refusal } from "../../postgres/lockedOut.js";
import type { Unanswered, UnreachableKind } from "../../postgres/serverProblems.js";
import { shownInLine } from "../../postgres/shown.js";
import type { Failed } from "./connection.js";
import { Unproven } from "./judgedConnection.js";
import { brokenTls } from "./verify.js";
import type { WayKind } from "./way.js";

/** A server runs and has neither an address nor a Unix socket. */
export class NowhereListening extends Error {}

/** A server gave no session. `kind` says what that tells about it. */
export class SqlUnreachable extends Error {
  constructor(
    readonly server: string,
    readonly kind: UnreachableKind,
    reason: string,
    options?: ErrorOptions,
  ) {
    super(shownInLine(reason), options);
    this.name = "SqlUnreachable";
  }

  get said(): Unanswered {
    return { kind: this.kind, because: this.message };
  }
}

/**
 * Whether what the server runs at each login failed, or does not end: nothing else takes long once it has its answer. Of its OS
 * user a server that is alive asks none.
 */
export function failsAtLogin({ kind, cause }: SqlUnreachable, { by }: { readonly by: WayKind }): boolean {
  const { answered, accepted, code, routine } = (cause ?? {}) as Partial<Failed> & Refusal;
  if (kind === "timeout") return answered === true || by === "owner";
  return accepted === true && lockOfRefusal({ code, routine }) === "login";
}

/** What was attempted: for the words of a failure. */
export interface Attempt {
  readonly server: string;
  /** By the stack's name for it. */
  readonly host: string | undefined;
  readonly by: WayKind | undefined;
  /** By the name that its certificate is to have. */
  readonly address: string;
  /** `db1 (192.0.2.1:5432)` */
  readonly at: string;
  readonly user: string;
  readonly asks: readonly string[];
  readonly encrypted: boolean;
  /** Milliseconds. */
  readonly timeout: number;
  /** Whether the other end said anything at all. */
  readonly heard: boolean;
  /** Whether no server is known to run. */
  readonly down: boolean;
}

/** What a server refuses by, for each SQLSTATE; `routine` of its source where one stands for several (in any language). */
const refusals: readonly (readonly [code: string, routine: string | undefined, kind: UnreachableKind])[] = [
  ["28P01", undefined, "password"],
  ["28000", "ClientAuthentication", "noRule"],
  ["28000", "InitializeSessionUserId", "role"],
  ["53300", undefined, "full"],
  ["3D000", undefined, "noDatabase"],
];

/** Why there is no session, by what the connection failed with. */
export function unreachable(attempt: Attempt, error: unknown): SqlUnreachable {
  const { code, message, routine } = error as { code?: string; message: string; routine?: string };
  const make = (kind: UnreachableKind, reason: string) =>
    new SqlUnreachable(attempt.server, kind, `${attempt.at} ${reason}`, { cause: error });
  if (error instanceof NowhereListening)
    return make("refused", "listens nowhere: on no address, and on no Unix socket");
  if (error instanceof HostUnreachable) return make("host", `is not asked: ${message}`);
  if (error instanceof NotPiped) return make(error.why === "refused" ? "refused" : "silent", notPiped(attempt, error));
  if (code === "ECONNREFUSED") return make("refused", "refuses connections: no server listens there");
  if (code === "ETIMEDOUT" || /timeout expired|Connection terminated due to connection timeout/.test(message)) {
    return make("timeout", `does not answer within ${attempt.timeout / 1000} s`);
  }
  if (code === "EHOSTUNREACH" || code === "ENETUNREACH" || code === "ENOTFOUND" || code === "EADDRNOTAVAIL") {
    return make("timeout", `cannot be reached (${code})`);
  }
  // By the words of `pg`, which has nothing to answer with; a server says nothing of it.
  if (/client password must be a/.test(message))
    return make("password", `asks for the password of ${attempt.user}, and none is given`);
  if (error instanceof Unproven) return make("unproven", unprovenBy(error, attempt.asks));
  const known = refusals.find(([state, from]) => state === code && (from === undefined || from === routine))?.[2];
  if (known !== undefined) return make(known, `does not let ${attempt.user} in: ${message}`);
  const broken = attempt.encrypted ? brokenTls(error, attempt.address) : undefined;
  if (broken !== undefined) return make("tls", broken);
  if (code === "57P03") return make("cannotConnectNow", `answers "${message}"`);
  if (code?.startsWith("28") === true) return make("authentication", `does not let ${attempt.user} in: ${message}`);
  if (
    attempt.by === "forwarded" &&
    !attempt.heard &&
    (code === undefined || code === "ECONNRESET" || code === "EPIPE")
  ) {
    return attempt.down
      ? make("refused", "refuses connections: no server listens there")
      : make("silent", "gives no session: the connection ended before its first byte");
  }
  if (error instanceof HostError) return make("silent", `gives no session: ${message}`);
  return make("other", `gives no session: ${message}`);
}

function notPiped({ host, by }: Attempt, { why, message }: NotPiped): string {
  const otherwise =
    by === "owner"
      ? "install it there"
      : `and its sshd lets nobody forward: allow the one (AllowTcpForwarding local), install the other there, or have SQL go over the network (hosts.${host}.sessions: direct)`;
  const words = {
    refused: `refuses connections: no server listens there (${message})`,
    foreign: `is not asked: ${message}, and is not believed`,
    noProgram: `is not asked: ${message}, ${otherwise}`,
  };
  return words[why];
}

function unprovenBy({ asked }: Unproven, asks: readonly string[]): string {
  if (asked === "half") return "breaks off the proof of who it is, and is not believed: it is no PostgreSQL server";
  const words = {
    password: "asks for the password in clear",
    md5: "asks for the password by md5",
    none: "asks for no password",
  };
  const says = `${words[asked as keyof typeof words]}, and gets none`;
  if (asked === "password" && asks.includes(asked)) {
    return `${says}: its rules (password, ldap, pam, radius, bsd) are answered within TLS alone; declare tls, or another method for pgsite`;
  }
  return `${says}: its declared rules ask by ${asks.join(", ")}. Another server answers there, or its pg_hba.conf or the role's verifier is not as declared`;
}
