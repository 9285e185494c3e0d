import { isIP } from "node:net";
import {
  type Asks,
  asksOf,
  asksOfMethod,
  closedTypes,
  type HbaFacts,
  type HbaName,
  type HbaRule,
  literalName,
  parseHbaLine,
  sortedAsks,
  staysHere,
  validateHba,
} from "../postgres/files/hba/index.js";
import { type Problem, warning } from "../postgres/problem.js";
import { splitList } from "../postgres/settings/lists.js";
import { atLeast, type Major } from "../postgres/versions.js";
import { bootstrapSuperuser } from "./bootstrapSuperuser.js";
import type { RuleInputs, SiteFacts } from "./inputs.js";
import type { AccessDescription } from "./schema.js";
import { notMade, type Proof } from "./site.js";

export interface AccessRules {
  readonly rules: readonly HbaRule[];
  /** Of those that the stack declares: where. */
  readonly pathOf: ReadonlyMap<HbaRule, string>;
  readonly problems: readonly Problem[];
}

/**
 * pg_hba.conf: the database's OS user locally (as the superuser of that name), pgsite's administrator from the server's own host, what the stack
 * declares, and the servers that may replicate. The same in every role, so that a change of role needs no new rules.
 */
export function accessRules(
  inputs: RuleInputs,
  facts: HbaFacts,
  /** listen_addresses. */
  listens = "*",
): AccessRules {
  const { site, osUser, addressOf } = inputs;
  const local = atLeast(site.version, "9.1") ? "peer" : "ident";
  const any: HbaName = { text: "all", literal: false };
  const host = { type: "host", method: site.authentication, options: [] } as const;
  const own: HbaRule[] = [
    {
      type: "local",
      databases: [any],
      users: [literalName(bootstrapSuperuser(site.administrator, osUser))],
      method: local,
      options: [],
    },
    ...ownSources(site.version, listens, inputs.administratorsFrom).map((address) => ({
      ...host,
      databases: [any],
      users: [literalName(site.administrator)],
      address,
    })),
  ];
  const required = site.tls?.required === true;
  const replication = inputs.replicas.map(
    (address): HbaRule => ({
      ...host,
      type: required ? "hostssl" : "host",
      databases: [{ text: "replication", literal: false }],
      users: [literalName(site.replicationRole)],
      address: sourceOf(address),
    }),
  );
  const problems: Problem[] = [];
  const pathOf = new Map<HbaRule, string>();
  const declared = inputs.access.flatMap(({ path, rule: description }): HbaRule[] => {
    const parsed =
      typeof description === "string"
        ? parseHbaLine(description, path)
        : { rule: ruleOf(description, site), problems: [] };
    problems.push(...parsed.problems);
    if (parsed.rule === undefined) return [];
    const named = parsed.rule.address === undefined ? undefined : addressOf[parsed.rule.address];
    const rule = named === undefined ? parsed.rule : { ...parsed.rule, address: sourceOf(named) };
    const found = validateHba(rule, site.version, path, facts);
    problems.push(...found, ...(required ? letsPlainIn(rule, path) : []));
    pathOf.set(rule, path);
    return found.some(({ severity }) => severity === "error") ? [] : [rule];
  });
  problems.push(...replication.flatMap((rule) => validateHba(rule, site.version, "hosts", facts)));
  const distinct = new Map([...own, ...declared, ...replication].map((rule) => [JSON.stringify(rule), rule]));
  return { rules: [...distinct.values()], pathOf, problems };
}

/**
 * From where pgsite comes that is on the server's own host: to loopback, where it listens there; else to an address of the
 * host's own, and then from the same. A running server of 9.0 does not say where it listens, and is asked at its declared address.
 */
function ownSources(version: Major, listens: string, more: readonly string[]): readonly string[] {
  const others = !atLeast(version, "9.1") || (splitList(listens) ?? []).some((one) => !isHeardByLoopback(one));
  return [...new Set([sourceOf("127.0.0.1"), ...(others ? ["samehost"] : []), ...more.map(sourceOf)])];
}

/** Whether a server that listens there is reached from 127.0.0.1 (`ownAddress` says at which address). */
function isHeardByLoopback(address: string): boolean {
  return ["*", "0.0.0.0", "localhost"].includes(address) || (isIP(address) === 4 && address.startsWith("127."));
}

function letsPlainIn(rule: HbaRule, path: string): Problem[] {
  const { type, method } = rule;
  if (closedTypes.has(type) || method === "reject" || staysHere(rule)) return [];
  return [warning(path, `${type} also lets in whoever asks for no encryption: make it hostssl`)];
}

/** The address from which a host connects, as an access rule says it. On Linux, any 127.0.0.x connects from 127.0.0.1. */
function sourceOf(address: string): string {
  const family = isIP(address);
  if (family === 4) return address.startsWith("127.") ? "127.0.0.1/32" : `${address}/32`;
  return family === 6 ? `${address}/128` : address;
}

/** A rule given by its columns. A name in double quotes is only a name, as in the file itself. */
function ruleOf(rule: Exclude<AccessDescription, string>, site: SiteFacts): HbaRule {
  const names = (list: string | readonly string[]) =>
    [list]
      .flat()
      .map((text): HbaName => (/^".*"$/.test(text) ? literalName(text.slice(1, -1)) : { text, literal: false }));
  return {
    type: rule.type,
    databases: names(rule.database),
    users: names(rule.user),
    ...(rule.address === undefined ? {} : { address: rule.address }),
    method: rule.method ?? site.authentication,
    options: Object.entries(rule.options ?? {}).map(([name, value]) => ({ name, value })),
  };
}

/** How a server with these rules may ask whoever replicates from it. */
export function asksReplicasOf(inputs: RuleInputs): readonly Asks[] {
  return asksFor(inputs, accessRules(inputs, {}).rules, { user: inputs.site.replicationRole, replicates: true });
}

/** From where pgsite, or a standby, comes is not known: it may come by the rule for loopback too, through its host. */
function asksFor(
  { site, address }: RuleInputs,
  rules: readonly HbaRule[],
  who: { readonly user: string; readonly replicates: boolean },
): readonly Asks[] {
  const encrypted = site.tls === undefined ? { encrypted: false } : site.tls.required ? { encrypted: true } : {};
  const found = asksOf(rules, { ...who, to: address, ...encrypted });
  return sortedAsks([...found, ...asksOfMethod(site.authentication)]);
}

/** What a server must prove. The authority by which is known once it is made. */
export function proofOf(inputs: RuleInputs, rules: readonly HbaRule[]): Proof {
  const { tls, administrator, replicationRole } = inputs.site;
  return {
    tls: tls === undefined ? "none" : { authority: notMade, required: tls.required },
    asks: asksFor(inputs, rules, { user: administrator, replicates: false }),
    asksReplicas: asksFor(inputs, rules, { user: replicationRole, replicates: true }),
  };
}
