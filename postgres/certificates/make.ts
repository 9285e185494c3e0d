import { webcrypto } from "node:crypto";
import { isIP } from "node:net";

/** A certificate and its private key, both PEM. The key is a secret. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

export interface AuthorityOrder {
  /** Its common name. */
  readonly name: string;
  readonly validityDays: number;
  readonly now: Date;
}

export interface CertificateOrder {
  readonly authority: KeyPair;
  /** The server's name. */
  readonly name: string;
  /** Where clients connect to, an IP address or a host name. */
  readonly address: string;
  /** Ends with the authority at the latest. */
  readonly validityDays: number;
  /** `rsa` for servers before 9.4, which offer no curve by which a client could use an elliptic key. */
  readonly kind: "ec" | "rsa";
  readonly now: Date;
}

const algorithms = {
  ec: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  rsa: { name: "RSASSA-PKCS1-v1_5", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" },
} as const;

const day = 86_400_000;
/** Milliseconds by which another host's clock may be behind ours. */
const skew = 3_600_000;

/** An authority that signs servers' certificates and nothing else. */
export async function makeAuthority({ name, validityDays, now }: AuthorityOrder): Promise<KeyPair> {
  const x509 = await library();
  const keys = await newKeys("ec");
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [name] }],
    keys,
    signingAlgorithm: algorithms.ec,
    notBefore: new Date(now.getTime() - skew),
    notAfter: new Date(now.getTime() + validityDays * day),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
    ],
  });
  return { certificate: ended(certificate.toString("pem")), key: await pemOf(keys.privateKey) };
}

/**
 * A server's certificate with a new key. libpq before 15 compares an IP address with DNS names, before 9.5 with the
 * common name alone: so the address stands in all three places.
 */
export async function makeCertificate(order: CertificateOrder): Promise<KeyPair> {
  const { authority, name, address, validityDays, kind, now } = order;
  const x509 = await library();
  const issuer = new x509.X509Certificate(authority.certificate);
  const signingKey = await webcrypto.subtle.importKey("pkcs8", derOf(authority.key), algorithms.ec, false, ["sign"]);
  const keys = await newKeys(kind);
  const names = [...new Set([address, name])].map((value) => ({ type: "dns" as const, value }));
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [Buffer.byteLength(address) <= 64 ? address : name] }],
    issuer: issuer.subjectName,
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: algorithms.ec,
    notBefore: new Date(now.getTime() - skew),
    notAfter: new Date(Math.min(now.getTime() + validityDays * day, issuer.notAfter.getTime())),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer, false, webcrypto),
      new x509.SubjectAlternativeNameExtension([
        ...names,
        ...(isIP(address) === 0 ? [] : [{ type: "ip" as const, value: address }]),
      ]),
    ],
  });
  return { certificate: ended(certificate.toString("pem")), key: await pemOf(keys.privateKey) };
}

/** Loaded where it is used: it takes a third of a second. Its container for dependencies asks for a polyfill that it makes no use of. */
async function library() {
  const reflection = Reflect as Record<string, unknown>;
  for (const name of ["getMetadata", "getOwnMetadata", "defineMetadata"]) reflection[name] ??= () => undefined;
  const x509 = await import("@peculiar/x509");
  x509.cryptoProvider.set(webcrypto);
  return x509;
}

async function newKeys(kind: CertificateOrder["kind"]): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(algorithms[kind], true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key));
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join("\n")}\n-----END PRIVATE KEY-----\n`;
}

function derOf(pem: string): Buffer {
  return Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64");
}

function ended(text: string): string {
  return text.endsWith("\n") ? text : `${text}\n`;
}
