import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import type { Found } from "../differences.js";
import { atLeast, type Major } from "../versions.js";

/** A server's certificate beside everything that it must fit. */
export interface Presented {
  /** PEM: the server's own, then those between it and the authority. */
  readonly certificate: string;
  /** PEM of its private key; left out where nobody has it here. */
  readonly key?: string;
  /** PEM of the authorities, one or several. */
  readonly authority: string;
  /** Name of the server, and where clients connect to. */
  readonly server: string;
  readonly address: string;
  /** Whose libpq connects to it. */
  readonly version: Major;
}

/** What is wrong with a certificate, its key or an authority: each with the remedy, none with a key in it. */
export interface Fault {
  readonly about: "certificate" | "key" | "authority";
  readonly message: string;
}

const marks = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** The certificates of a PEM text, in order. @throws where one cannot be read */
export function certificatesIn(pem: string): readonly X509Certificate[] {
  return (pem.match(marks) ?? []).map((text) => new X509Certificate(text));
}

/** When a certificate begins and ends to be valid. */
export function validityOf(certificate: X509Certificate): { readonly from: Date; readonly to: Date } {
  return { from: new Date(certificate.validFrom), to: new Date(certificate.validTo) };
}

/** The day of a date, as people write it. */
export function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10);
}

/** The authorities of a PEM text, or what is wrong with it. */
export function judgeAuthority(pem: string, now: Date): readonly Fault[] {
  const authorities = readable(pem);
  const fault = (message: string): Fault => ({ about: "authority", message });
  if (authorities === undefined) {
    return [fault("is no certificate in PEM (-----BEGIN CERTIFICATE-----): give that of the authority, never its key")];
  }
  return authorities.flatMap((authority) => {
    const { to } = validityOf(authority);
    if (!authority.ca) return [fault(`${nameOf(authority)} is no authority's certificate (CA:TRUE is missing)`)];
    return to < now ? [fault(`${nameOf(authority)} ended on ${dayOf(to)}: give the one that came after it`)] : [];
  });
}

/** Everything that would make libpq or pgsite refuse a server with that certificate. */
export function judge(presented: Presented, now: Date): readonly Fault[] {
  const { server, address, version } = presented;
  const chain = readable(presented.certificate);
  const fault = (message: string): Fault => ({ about: "certificate", message });
  if (chain === undefined) {
    return [
      fault("is no certificate in PEM (-----BEGIN CERTIFICATE-----): give the server's own first"),
      ...keyFaults(presented),
    ];
  }
  const [own, ...between] = chain as [X509Certificate, ...X509Certificate[]];
  const { from, to } = validityOf(own);
  return [
    ...(to < now ? [fault(`ended on ${dayOf(to)}: have a new one signed`)] : []),
    ...(from > now ? [fault(`is not valid before ${dayOf(from)}: wait until then, or correct the clock`)] : []),
    ...(isSigned(own, between, readable(presented.authority) ?? [])
      ? []
      : [
          fault(
            `was signed by ${issuerOf(own)}, which tls.authority does not hold: add that authority, or have it signed by the one there`,
          ),
        ]),
    ...namesAddress(own, address, version).map((missing) =>
      fault(
        `does not name ${address}, the address of ${server} (it names ${own.subjectAltName ?? own.subject}): have it signed with ${missing}`,
      ),
    ),
    ...keyFaults(presented, own),
  ];
}

/** When a made certificate is renewed, in days. */
export interface Validity {
  readonly validityDays: number;
  readonly renewBeforeDays: number;
}

const day = 86_400_000;

/** Whether a made certificate stays: it is good, does not end soon, and not later than one that is made now. */
export function isKept(
  { certificate, key }: { readonly certificate: string; readonly key: string },
  about: Omit<Presented, "certificate" | "key">,
  { validityDays, renewBeforeDays }: Validity,
  now: Date,
): boolean {
  const own = readable(certificate)?.[0];
  if (own === undefined || judge({ ...about, certificate, key }, now).length > 0) return false;
  const left = validityOf(own).to.getTime() - now.getTime();
  return left > renewBeforeDays * day && left <= validityDays * day;
}

/** The certificate of a PEM text, by the end of its validity. */
export function foundCertificate(pem: string, now: Date): Found {
  const own = readable(pem)?.[0];
  if (own === undefined) return { is: pem.trim() === "" ? "missing" : "no certificate" };
  const { to } = validityOf(own);
  return { is: "certificate", ends: to.toISOString(), ended: to < now };
}

function keyFaults({ key }: Presented, own?: X509Certificate): readonly Fault[] {
  if (key === undefined) return [];
  const fault = (message: string): readonly Fault[] => [{ about: "key", message }];
  if (/ENCRYPTED/.test(key)) {
    return fault(
      "is protected by a passphrase, which a server that starts by itself cannot give: take it off (openssl pkey)",
    );
  }
  let read: KeyObject;
  try {
    read = createPrivateKey(key);
  } catch {
    return fault("is no private key in PEM (-----BEGIN PRIVATE KEY-----)");
  }
  return own === undefined || own.checkPrivateKey(read)
    ? []
    : fault("does not fit the certificate: give the key that it was made for");
}

function readable(pem: string): readonly X509Certificate[] | undefined {
  try {
    const found = certificatesIn(pem);
    return found.length === 0 ? undefined : found;
  } catch {
    return undefined;
  }
}

function isSigned(
  one: X509Certificate,
  between: readonly X509Certificate[],
  authorities: readonly X509Certificate[],
): boolean {
  const signs = (issuer: X509Certificate) => one.checkIssued(issuer) && one.verify(issuer.publicKey);
  if (authorities.some(signs)) return true;
  const next = between.find(signs);
  return (
    next !== undefined &&
    isSigned(
      next,
      between.filter((other) => other !== next),
      authorities,
    )
  );
}

/** How libpq of a version finds an IP address in a certificate ("fe-secure-common.c"). */
const rules: readonly { readonly from: Major; readonly looks: "names and addresses" | "names" | "common name" }[] = [
  { from: "9.0", looks: "common name" },
  { from: "9.5", looks: "names" },
  { from: "15", looks: "names and addresses" },
];

/** What a certificate lacks so that libpq of that version, and pgsite itself, take it for an address; in openssl's words. */
function namesAddress(own: X509Certificate, address: string, version: Major): readonly string[] {
  const looks = rules.findLast(({ from }) => atLeast(version, from))?.looks;
  const common = /^CN=(.*)$/m.exec(own.subject)?.[1];
  const names = (own.subjectAltName ?? "").split(", ").flatMap((one) => (one.startsWith("DNS:") ? [one.slice(4)] : []));
  if (looks === "common name" && common !== address) return [`CN=${address} (libpq before 9.5 looks at nothing else)`];
  if (isIP(address) === 0) return own.checkHost(address) === undefined ? [`subjectAltName=DNS:${address}`] : [];
  const alone = looks === "names" && !names.includes(address) && (names.length > 0 || common !== address);
  const wanted = [
    ...(own.checkIP(address) === undefined ? [`IP:${address}`] : []),
    ...(alone ? [`DNS:${address}`] : []),
  ];
  if (wanted.length === 0) return [];
  const why = alone ? " (libpq before 15 compares addresses with DNS names)" : "";
  return [`subjectAltName=${wanted.join(",")}${why}`];
}

function nameOf(certificate: X509Certificate): string {
  return certificate.subject.replaceAll("\n", ", ");
}

function issuerOf(certificate: X509Certificate): string {
  return certificate.issuer.replaceAll("\n", ", ");
}
