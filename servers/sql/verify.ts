import { type ConnectionOptions, checkServerIdentity } from "node:tls";
import type { Endpoint, Server, TlsDemand } from "../../config/site.js";
import type { Conninfo } from "../../postgres/files/conninfo.js";
import type { Asks } from "../../postgres/files/hba/index.js";
import { insistence } from "../../postgres/files/insistence.js";
import type { Major } from "../../postgres/versions.js";

/** TLS as libpq's verify-full has it: one of the authorities alone, and the address that was asked for. */
export function verifying(address: string, { authority }: TlsDemand): ConnectionOptions {
  return {
    ca: authority,
    rejectUnauthorized: true,
    checkServerIdentity: (_host, certificate) => checkServerIdentity(address, certificate),
  };
}

/** The file by which libpq on a server's host verifies another one, where that is required. */
export function authoritiesFor(
  { proof: { tls } }: Pick<Endpoint, "proof">,
  { tlsFiles }: Pick<Server, "tlsFiles">,
): { readonly authorities?: string } {
  if (tls === "none" || !tls.required || tlsFiles === undefined) return {};
  return { authorities: tlsFiles.authorities };
}

/** What libpq of this version insists on: the certificate where it is verified, and a proof as the server's rules ask for it. */
export function insisting(libpq: Major, authorities: string | undefined, asks: readonly Asks[]): Conninfo {
  const verified = authorities !== undefined;
  return {
    ...(verified ? { sslmode: "verify-full", sslrootcert: authorities } : {}),
    ...insistence(libpq, { verified, asks }),
  };
}

/** Whether a server said that it has no TLS. */
export function isPlain(error: unknown): boolean {
  return error instanceof Error && /server does not support SSL connections/.test(error.message);
}

/** OpenSSL's words for a certificate that nobody known has signed. */
const unsigned =
  /^(SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_(GET|VERIFY)_\w+|CERT_SIGNATURE_FAILURE)$/;

/** Why there is no encrypted session, and what to do; undefined where TLS is not the reason. */
export function brokenTls(error: unknown, address: string): string | undefined {
  const { code = "", message, reason } = error as Error & { readonly code?: string; readonly reason?: string };
  if (isPlain(error)) {
    return "offers no TLS, and nothing is said to it in clear: a server that runs without is brought there by tls.required: false first (docs/tls.md)";
  }
  if (code === "CERT_HAS_EXPIRED") {
    return "presents a certificate that has expired: pulumi up renews it (before 10 followed by pgsite stop and start); a given one is to be replaced in the stack file";
  }
  if (code === "CERT_NOT_YET_VALID")
    return "presents a certificate that is not valid yet: one of the two clocks is wrong";
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return `presents a certificate of another name than ${address} (${reason ?? message}): it is another server, or its certificate is to be made for that address`;
  }
  if (unsigned.test(code)) {
    return "presents a certificate that the declared authority did not sign: it is another server, or that authority is to be declared";
  }
  if (/^(ERR_SSL_|ERR_TLS_|CERT_)/.test(code) || /establishing an SSL connection/.test(message)) {
    return `gives no encrypted session: ${message}`;
  }
  return undefined;
}
