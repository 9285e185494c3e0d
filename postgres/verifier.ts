import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { saslprep } from "@mongodb-js/saslprep";
import { mostIterations } from "./iterations.js";
import { atLeast, type Major } from "./versions.js";

/**
 * What a server keeps of a role's password: never the password itself. SCRAM-SHA-256 as RFC 5802 and PostgreSQL's
 * scram-common.c have it, md5 as PostgreSQL's documentation of pg_authid says.
 */

/** Bytes of the longest verifier that PostgreSQL takes (MAX_ENCRYPTED_PASSWORD_LEN); older versions kept longer ones. */
export const longestVerifier = 512;

/** The verifier that a role of this version is given: SCRAM where the version has it, md5 before. */
export async function verifierFor(major: Major, role: string, password: string): Promise<string> {
  return atLeast(major, "10") ? scramVerifier(password) : md5Verifier(password, role);
}

export interface ScramOptions {
  /** @default 16 random bytes */
  readonly salt?: Buffer;
  /** @default 4096, PostgreSQL's own */
  readonly iterations?: number;
}

/** On a thread of its own, so that nothing waits that need not. */
const derived = promisify(pbkdf2);

/** `SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY`, for CREATE ROLE … PASSWORD; 10 and later. */
export async function scramVerifier(password: string, options: ScramOptions = {}): Promise<string> {
  const { salt = randomBytes(16), iterations = 4096 } = options;
  const salted = await derived(prepared(password), salt, iterations, 32, "sha256");
  const storedKey = createHash("sha256").update(hmac(salted, "Client Key")).digest("base64");
  const serverKey = hmac(salted, "Server Key").toString("base64");
  return `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${storedKey}:${serverKey}`;
}

/** `md5` and the hash of password and role name, for CREATE ROLE … PASSWORD; every version. */
export function md5Verifier(password: string, role: string): string {
  return `md5${createHash("md5").update(password).update(role).digest("hex")}`;
}

/** What a verifier says of a password; `unknown` where it would take more iterations than `mostIterations` to find out. */
export type Comparison = "same" | "another" | "unknown";

const scramPattern = /^SCRAM-SHA-256\$([1-9]\d{0,9}):([A-Za-z0-9+/]+={0,2})\$/;

/**
 * Compares a verifier, as pg_authid.rolpassword has it, with a password. Whatever stands there, it takes no longer than
 * `mostIterations` do. A plain text there is another password's, since no version that has one says so.
 */
export async function compareVerifier(verifier: string, password: string, role: string): Promise<Comparison> {
  if (Buffer.byteLength(verifier) > longestVerifier) return "another";
  const scram = scramPattern.exec(verifier);
  if (scram === null) return same(md5Verifier(password, role), verifier);
  const iterations = Number(scram[1]);
  if (iterations > mostIterations) return "unknown";
  return same(await scramVerifier(password, { iterations, salt: Buffer.from(scram[2] as string, "base64") }), verifier);
}

function same(own: string, verifier: string): Comparison {
  const [a, b] = [Buffer.from(own), Buffer.from(verifier)];
  return a.length === b.length && timingSafeEqual(a, b) ? "same" : "another";
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
