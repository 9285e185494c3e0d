import { certificatesIn, dayOf, judge, judgeAuthority, validityOf } from "../postgres/certificates/judge.js";
import { error, type Problem, warning } from "../postgres/problem.js";
import { type Major, majorOf } from "../postgres/versions.js";
import { sealed } from "./file.js";
import { privateKeyKey, type RawConfiguration, serversWithKey } from "./parse.js";
import type { StackDescription } from "./schema.js";
import type { Server, Site } from "./site.js";

/**
 * Everything that is wrong with given certificates and keys: with any of it a server would not start, or whoever
 * connects would refuse it. No message holds what was given.
 */
export function checkTls(
  description: StackDescription,
  raw: RawConfiguration,
  servers: readonly Server[],
  { complete, now }: { readonly complete: boolean; readonly now: Date },
): Problem[] {
  const { tls, upstream } = description;
  const stray = serversWithKey(raw).filter((name) => tls?.certificates !== "given" || !(name in description.servers));
  return [
    ...(upstream?.authority === undefined ? [] : authorityProblems("upstream.authority", upstream.authority, now)),
    ...(tls !== undefined && upstream !== undefined && upstream.authority === undefined
      ? [
          (tls.required ? error : warning)(
            "upstream.authority",
            `is missing: nothing proves to the servers here that ${upstream.server} is who answers them; give the PEM that pulumi stack output authority prints in its stack`,
          ),
        ]
      : []),
    ...ownAuthority(tls, now),
    ...(tls?.certificates === "given"
      ? servers.flatMap((server) => given(description, raw, server, complete, now))
      : []),
    ...(tls?.certificates === "given" ? [] : superfluousCertificates(description)),
    ...stray.map((name) =>
      error(
        privateKeyKey(name),
        tls?.certificates === "given"
          ? `there is no server "${name}" in this stack`
          : "goes with tls.certificates: given: declare that, or take the key away",
      ),
    ),
  ];
}

function ownAuthority(tls: StackDescription["tls"], now: Date): Problem[] {
  const path = "tls.authority";
  if (tls === undefined) return [];
  const { certificates, authority } = tls;
  if (certificates === "made") {
    return authority === undefined
      ? []
      : [error(path, "goes with given certificates: the stack that makes them makes an authority too; take it away")];
  }
  return authority === undefined
    ? [error(path, "is missing; give the PEM of the authority that signed the servers' certificates")]
    : authorityProblems(path, authority, now);
}

function authorityProblems(path: string, authority: string, now: Date): Problem[] {
  return judgeAuthority(authority, now).map(({ message }) => error(path, message));
}

function superfluousCertificates({ servers }: StackDescription): Problem[] {
  return Object.entries(servers)
    .filter(([, { certificate }]) => certificate !== undefined)
    .map(([name]) =>
      error(
        `servers.${name}.certificate`,
        "goes with tls.certificates: given: declare that, or take the certificate away",
      ),
    );
}

/** Days before its end at which a given certificate is warned of: whoever signs it needs time. */
const soon = 30;

function given(
  { servers, tls, postgresql }: StackDescription,
  raw: RawConfiguration,
  { name, address }: Server,
  complete: boolean,
  now: Date,
): Problem[] {
  const path = `servers.${name}.certificate`;
  const keyPath = privateKeyKey(name);
  const certificate = servers[name]?.certificate;
  const key = raw[`pgsite:${keyPath}`];
  const missingKey =
    key !== undefined
      ? []
      : [
          (complete ? error : warning)(
            keyPath,
            `the key of ${name}'s certificate is missing (pulumi config set --secret ${keyPath} <FILE)`,
          ),
        ];
  if (certificate === undefined) {
    return [error(path, "is missing; give its PEM, or declare tls.certificates: made"), ...missingKey];
  }
  const version = majorOf(postgresql) as Major;
  const authority = tls?.authority ?? "";
  const presented = {
    certificate,
    authority,
    server: name,
    address,
    version,
    ...(key === undefined || key === sealed ? {} : { key }),
  };
  const faults = judge(presented, now).map(({ about, message }) => error(about === "key" ? keyPath : path, message));
  return [...faults, ...(faults.length > 0 ? [] : endsSoon(path, certificate, now)), ...missingKey];
}

function endsSoon(path: string, certificate: string, now: Date): Problem[] {
  const [own] = certificatesIn(certificate);
  if (own === undefined) return [];
  const { to } = validityOf(own);
  const left = Math.floor((to.getTime() - now.getTime()) / 86_400_000);
  return left >= soon ? [] : [warning(path, `ends on ${dayOf(to)}, in ${left} days: have a new one signed`)];
}

/** The site as whoever connects to its servers needs it: what each of them must prove. */
export function withAuthority(site: Site, authority: string | undefined): Site {
  const { tls } = site;
  if (tls === undefined || authority === undefined) return site;
  const demand = { authority, required: tls.required };
  const proven = (server: Server) => ({ ...server, proof: { ...server.proof, tls: demand } });
  return { ...site, servers: site.servers.map(proven) };
}
