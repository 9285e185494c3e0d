import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from "node:crypto";
import { saslprep } from "@mongodb-js/saslprep";
import { atLeast, type Major } from "./versions.js";

/**
 * What a server keeps of a role's password: never the password itself. SCRAM-SHA-256 as RFC 5802 and PostgreSQL's
 * scram-common.c have it, md5 as PostgreSQL's documentation of pg_authid says.
 */

/** The verifier that a role of this version is given: SCRAM where the version has it, md5 before. */
export function verifierFor(major: Major, role: string, password: string): string {
  return atLeast(major, "10") ? scramVerifier(password) : md5Verifier(password, role);
}

export interface ScramOptions {
  /** @default 16 random bytes */
  readonly salt?: Buffer;
  /** @default 4096, PostgreSQL's own */
  readonly iterations?: number;
}

/** `SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY`, for CREATE ROLE … PASSWORD; 10 and later. */
export function scramVerifier(password: string, options: ScramOptions = {}): string {
  const { salt = randomBytes(16), iterations = 4096 } = options;
  const salted = pbkdf2Sync(prepared(password), salt, iterations, 32, "sha256");
  const storedKey = createHash("sha256").update(hmac(salted, "Client Key")).digest("base64");
  const serverKey = hmac(salted, "Server Key").toString("base64");
  return `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${storedKey}:${serverKey}`;
}

/** `md5` and the hash of password and role name, for CREATE ROLE … PASSWORD; every version. */
export function md5Verifier(password: string, role: string): string {
  return `md5${createHash("md5").update(password).update(role).digest("hex")}`;
}

/** Whether a verifier, as pg_authid.rolpassword has it, was made from this password. A plain text there never matches. */
export function matchesVerifier(verifier: string, password: string, role: string): boolean {
  const scram = /^SCRAM-SHA-256\$([1-9]\d{0,8}):([^$]+)\$/.exec(verifier);
  const own =
    scram === null
      ? md5Verifier(password, role)
      : scramVerifier(password, { iterations: Number(scram[1]), salt: Buffer.from(scram[2] as string, "base64") });
  const [a, b] = [Buffer.from(own), Buffer.from(verifier)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

/** SASLprep where it applies; PostgreSQL takes the bytes as they are where it does not. */
function prepared(password: string): string {
  try {
    return saslprep(password);
  } catch {
    return password;
  }
}
