import * as pulumi from "@pulumi/pulumi";
import type { ResolvedStack } from "../config/resolve.js";
import type { StackDescription } from "../config/schema.js";
import type { TlsDemand } from "../config/site.js";
import { Authority } from "../provider/sdk/index.js";

/** What the servers of a stack prove who they are with. */
export interface Trust {
  /** PEM of the authority of this stack's servers; absent where they offer no TLS. */
  readonly authority?: pulumi.Output<string>;
  /** PEM of all authorities by which a server of this stack verifies its upstream. */
  readonly authorities: pulumi.Output<string>;
  /** What whoever connects to a server of this stack demands. */
  readonly demand?: pulumi.Output<TlsDemand>;
  /** What a server's certificate is made from, or what was given. */
  certificateOf(server: string): CertificateInputs | undefined;
}

export interface CertificateInputs {
  readonly authority: pulumi.Output<string>;
  readonly authorityKey?: pulumi.Output<string>;
  readonly givenCertificate?: string;
  readonly givenKey?: pulumi.Output<string>;
  readonly validityDays: number;
  readonly renewBeforeDays: number;
}

/** Makes the stack's authority, or takes the one that was given; undefined where nothing has to do with TLS. */
export function trustOf(
  { description, site }: ResolvedStack,
  keyOf: (server: string) => pulumi.Output<string> | undefined,
  options: pulumi.CustomResourceOptions,
): Trust | undefined {
  const { tls, upstream } = description;
  const outside = upstream?.authority;
  if (tls === undefined) {
    if (outside === undefined) return undefined;
    return { authorities: pulumi.output(ended(outside)), certificateOf: () => undefined };
  }
  const made =
    tls.certificates === "made"
      ? new Authority(`${site.name}-authority`, { site: site.name, stack: site.stack }, options)
      : undefined;
  const authority = made?.certificate ?? pulumi.output(tls.authority ?? "");
  return {
    authority,
    authorities: authority.apply((own) => [own, outside ?? ""].map(ended).join("")),
    demand: authority.apply((pem) => ({ authority: pem, required: tls.required })),
    certificateOf: (server) => ({
      authority,
      ...(made === undefined ? given(description, server, keyOf) : { authorityKey: made.key }),
      validityDays: tls.validityDays,
      renewBeforeDays: tls.renewBeforeDays,
    }),
  };
}

function given(
  { servers }: StackDescription,
  server: string,
  keyOf: (server: string) => pulumi.Output<string> | undefined,
) {
  const givenCertificate = ended(servers[server]?.certificate ?? "");
  return { givenCertificate, givenKey: (keyOf(server) ?? pulumi.secret("")).apply(ended) };
}

/** A file's text ends with a line break. */
function ended(pem: string): string {
  return pem === "" || pem.endsWith("\n") ? pem : `${pem}\n`;
}
