import { isIP } from "node:net";
import type { HostSpec } from "../hosts/host.js";
import { type Conninfo, renderConninfo } from "../postgres/files/conninfo.js";
import { autoFile, emptyAutoFile } from "../postgres/files/facts.js";
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
  renderHba,
  sortedAsks,
  staysHere,
  validateHba,
} from "../postgres/files/hba/index.js";
import { type Expected, insistence, isCredulous } from "../postgres/files/insistence.js";
import { placeSettings } from "../postgres/files/places.js";
import { renderConfiguration } from "../postgres/files/postgresqlConf.js";
import { renderRecovery } from "../postgres/files/recovery.js";
import { type Problem, warning } from "../postgres/problem.js";
import { splitList } from "../postgres/settings/lists.js";
import { type Layer, type Note, type ResolvedSettings, resolveSettings } from "../postgres/settings/resolve.js";
import { checkRules } from "../postgres/settings/rules.js";
import { atLeast, type Major } from "../postgres/versions.js";
import { prefixOf, tellingPrefix, voicesOf } from "../postgres/voice.js";
import { controlDirectoryOf, controlNames, controlPath } from "./controlDirectory.js";
import { type Includes, includeLines, spread } from "./includes.js";
import { defaultsOf, mandatoryOf } from "./layers.js";
import { type LayoutName, settingsIn } from "./layouts.js";
import type { AccessDescription } from "./schema.js";
import { notMade, type Proof, type Server, type ServerRole, type ServiceDeclaration, type TlsFiles } from "./site.js";

/** What the servers of a site have in common. */
export interface SiteFacts {
  readonly name: string;
  readonly version: Major;
  readonly administrator: string;
  readonly replicationRole: string;
  /** Method of the access rules that pgsite adds: `md5` or `scram-sha-256`. */
  readonly authentication: string;
  readonly disposable: boolean;
  /** Present where its servers offer TLS. */
  readonly tls?: { readonly required: boolean };
  /** Whether the authority of the upstream outside is known. */
  readonly verifiesUpstream: boolean;
}

/** A server as another one connects to it. */
export interface Peer {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** Whether its certificate is verified. */
  readonly verified: boolean;
  /** How its declared rules ask whoever replicates from it. */
  readonly asksReplicas: readonly Asks[];
}

/** The typed inputs of a server. */
export interface ServerInputs {
  readonly site: SiteFacts;
  readonly host: HostSpec;
  /** What is kept where it rejoins. @default all data */
  readonly keepDiverged?: "wal";
  /** Where it listens, as clients and standbys connect to it. */
  readonly address: string;
  readonly port: number;
  readonly dataDirectory: string;
  /** Where its configuration is. @default in the data directory */
  readonly configurationDirectory?: string;
  /** @default "plain" */
  readonly layout?: LayoutName;
  /** Folder of the server programs. */
  readonly binDirectory: string;
  /** What starts it with its machine. */
  readonly service: ServiceDeclaration;
  /** The distribution's own systemd unit, without `.service`. @default pgsite makes one */
  readonly unit?: string;
  /** The server that it replicates from unless it is the primary. */
  readonly upstream?: Peer;
  /** Every server of the site that it may ever connect to: what its passfile holds. */
  readonly peers: readonly Peer[];
  /** Addresses from which pgsite itself comes, beside its own host: the gateway of containers. */
  readonly administratorsFrom: readonly string[];
  /** Addresses of the servers that may replicate from it. */
  readonly replicas: readonly string[];
  /** Settings, the later layer over the earlier: by their own or portable names (wal_level, max_wal_senders, wal_keep_segments …). */
  readonly settings: readonly Layer[];
  /** Which settings stand in which included file, the later over the earlier. */
  readonly includes: readonly Includes[];
  /** The name under which it streams. @default its own */
  readonly applicationName?: string;
  /** Access rules in order, each with its path in the stack file. */
  readonly access: readonly { readonly path: string; readonly rule: AccessDescription }[];
  /** The stack's names for addresses. */
  readonly addressOf: Readonly<Record<string, string>>;
}

/** What its access rules are made from. */
export type RuleInputs = Pick<
  ServerInputs,
  "site" | "address" | "administratorsFrom" | "replicas" | "access" | "addressOf"
>;

/**
 * Renders a server from its typed inputs: its three files, its effective settings, and every problem of theirs.
 * The bytes depend on the inputs alone.
 */
export function describeServer(
  role: ServerRole,
  name: string,
  inputs: ServerInputs,
): { readonly server: Server; readonly problems: readonly Problem[]; readonly notes: readonly Note[] } {
  const { site, dataDirectory } = inputs;
  const { version } = site;
  const controlDirectory = controlDirectoryOf(dataDirectory);
  const passfile = controlPath({ controlDirectory }, "passfile");
  const tlsFiles = site.tls === undefined && !site.verifiesUpstream ? undefined : tlsFilesOf(inputs, controlDirectory);
  const ofLayout = settingsIn({ ...inputs, version });
  const layers: Layer[] = [
    { source: "pgsite's defaults", path: "", defaults: true, values: { ...defaultsOf(version), ...ofLayout.defaults } },
    ...inputs.settings,
    {
      source: "pgsite",
      path: "",
      mandatory: true,
      decidedBy: {
        port: `servers.${name}.port`,
        primary_conninfo: "the upstream",
        hot_standby: `servers.${name}.role`,
        ssl: "tls",
        ssl_cert_file: "tls",
        ssl_key_file: "tls",
        external_pid_file: "the layout",
      },
      values: {
        ...mandatoryOf(role, version),
        ...ofLayout.mandatory,
        ...(site.tls === undefined || tlsFiles === undefined ? {} : tlsSettings(version, tlsFiles)),
        port: inputs.port,
        ...(inputs.upstream === undefined || role === "primary"
          ? {}
          : {
              primary_conninfo: conninfoOf(inputs.applicationName ?? name, inputs.upstream, passfile, site, tlsFiles),
            }),
      },
    },
  ];
  const resolved = resolveSettings(version, layers);
  const { postgresql, recovery } = resolved;
  const { main, included, problems: misplaced } = spread(version, postgresql, inputs.includes);
  const rules = accessRules(inputs, {
    sslOn: postgresql.ssl === "on",
    oauthValidators: splitList(postgresql.oauth_validator_libraries ?? "") ?? [],
  });
  const header = [
    `Server ${name} of the site ${site.name}: written by pgsite.`,
    "Change the stack file instead: what is changed here shows in the next preview.",
  ];

  return {
    server: {
      name,
      role,
      host: inputs.host,
      address: inputs.address,
      port: inputs.port,
      dataDirectory,
      ...(inputs.configurationDirectory === undefined ? {} : { configurationDirectory: inputs.configurationDirectory }),
      ...(inputs.layout === undefined ? {} : { layout: inputs.layout }),
      ...(inputs.applicationName === undefined ? {} : { applicationName: inputs.applicationName }),
      controlDirectory,
      binDirectory: inputs.binDirectory,
      version,
      passfile,
      proof: proofOf(inputs, rules.rules),
      ...(tlsFiles === undefined ? {} : { tlsFiles }),
      hotStandby: (postgresql.hot_standby ?? (atLeast(version, "10") ? "on" : "off")) === "on",
      ...(inputs.keepDiverged === undefined ? {} : { keepDiverged: inputs.keepDiverged }),
      disposable: site.disposable,
      ...(inputs.service.manager === "none" ? {} : { service: inputs.service }),
      ...(inputs.unit === undefined ? {} : { unit: inputs.unit }),
      settings: postgresql,
      ...slotOf(postgresql.primary_slot_name ?? recovery.primary_slot_name),
      ...(inputs.upstream === undefined || role === "primary" ? {} : { upstream: inputs.upstream.name }),
      files: {
        "postgresql.conf":
          renderConfiguration({ ...main, ...placeSettings(inputs) }, { header }) + includeLines(Object.keys(included)),
        ...Object.fromEntries(
          Object.entries(included).map(([file, values]) => [file, renderConfiguration(values, { header })]),
        ),
        "pg_hba.conf": renderHba(rules.rules, { header }),
        // Whatever ALTER SYSTEM said is drift, and a base backup brings what was said on its source.
        ...(atLeast(version, "9.4") ? { [autoFile]: emptyAutoFile } : {}),
        ...renderRecovery(version, { standby: role !== "primary", parameters: recovery, header }),
      },
    },
    problems: [
      ...givesPasswords(name, inputs),
      ...resolved.problems,
      ...misplaced,
      ...checkRules(version, resolved, `servers.${name}.settings`),
      ...(inputs.peers.some((peer) => peer.name !== name) ? logProblems(version, resolved) : []),
      ...rules.problems,
    ],
    notes: resolved.notes,
  };
}

/** A log that is no evidence for a failover: better known before the night. */
function logProblems(version: Major, { postgresql, origins }: ResolvedSettings): Problem[] {
  if (voicesOf(version, postgresql) !== undefined) return [];
  const path = origins.log_line_prefix ?? origins.log_destination ?? "settings.log_line_prefix";
  return [
    warning(
      path,
      `with "${prefixOf(version, postgresql)}" clients can write what looks like the server's own lines, so nothing tells a failover how the stream from a lost primary ended, and its loss has to be accepted; say "${tellingPrefix(version)}" (a reload), or have log_destination name csvlog, with logging_collector`,
    ),
  ];
}

/** primary_slot_name, which until 11 stands in recovery.conf. */
function slotOf(slot: string | undefined): { slot?: string } {
  return slot === undefined || slot === "" ? {} : { slot };
}

/** How a standby connects: without a password, which is in its passfile (named here from 10 on, before by PGPASSFILE). */
export function conninfoOf(...given: Parameters<typeof connectionOf>): string {
  const { connection, expected } = connectionOf(...given);
  return renderConninfo({ ...connection, ...insistence(given[3].version, expected) });
}

/** The same without what its libpq insists on, and what any libpq is to insist on. */
export function connectionOf(
  name: string,
  upstream: Peer,
  passfile: string,
  site: SiteFacts,
  tlsFiles: TlsFiles | undefined,
): { readonly connection: Conninfo; readonly expected: Expected } {
  const verifies = upstream.verified && tlsFiles !== undefined;
  const connection = {
    host: upstream.address,
    port: `${upstream.port}`,
    user: site.replicationRole,
    application_name: name,
    ...(atLeast(site.version, "10") ? { passfile } : {}),
    ...(verifies ? { sslmode: "verify-full", sslrootcert: tlsFiles.authorities } : {}),
  };
  return { connection, expected: { verified: verifies, asks: upstream.asksReplicas } };
}

/** What libpq cannot be told not to do. The passwords of a site that is disposable are of no use to anybody. */
function givesPasswords(name: string, { site, peers }: ServerInputs): Problem[] {
  const others = peers.filter((peer) => peer.name !== name);
  if (site.disposable || !others.some((peer) => isCredulous(site.version, peer))) return [];
  const who = `the libpq of PostgreSQL ${site.version}, by which standbys connect,`;
  const message = `${who} gives its password in clear to whoever listens at a server's address and asks for it: TLS that is required keeps it from that, or PostgreSQL 16 (docs/tls.md)`;
  return [warning("tls", message)];
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
function proofOf(inputs: RuleInputs, rules: readonly HbaRule[]): Proof {
  const { tls, administrator, replicationRole } = inputs.site;
  return {
    tls: tls === undefined ? "none" : { authority: notMade, required: tls.required },
    asks: asksFor(inputs, rules, { user: administrator, replicates: false }),
    asksReplicas: asksFor(inputs, rules, { user: replicationRole, replicates: true }),
  };
}

/** Beside the data; before 9.2, which knows no other place, in them. */
function tlsFilesOf({ site, dataDirectory }: ServerInputs, controlDirectory: string): TlsFiles {
  const folder = atLeast(site.version, "9.2") ? controlDirectory : dataDirectory;
  return {
    certificate: `${folder}/${controlNames.certificate}`,
    key: `${folder}/${controlNames.key}`,
    authorities: controlPath({ controlDirectory }, "authorities"),
  };
}

function tlsSettings(version: Major, { certificate, key }: TlsFiles): Readonly<Record<string, string | boolean>> {
  return { ssl: true, ...(atLeast(version, "9.2") ? { ssl_cert_file: certificate, ssl_key_file: key } : {}) };
}

/**
 * pg_hba.conf: the database's OS user locally, pgsite's administrator over loopback, what the stack declares, and
 * the servers that may replicate. The same in every role, so that a change of role needs no new rules.
 */
function accessRules(inputs: RuleInputs, facts: HbaFacts): { rules: HbaRule[]; problems: Problem[] } {
  const { site, addressOf } = inputs;
  const local = atLeast(site.version, "9.1") ? "peer" : "ident";
  const any: HbaName = { text: "all", literal: false };
  const host = { type: "host", method: site.authentication, options: [] } as const;
  const own: HbaRule[] = [
    { type: "local", databases: [any], users: [literalName("postgres")], method: local, options: [] },
    ...["127.0.0.1", ...inputs.administratorsFrom].map((address) => ({
      ...host,
      databases: [any],
      users: [literalName(site.administrator)],
      address: sourceOf(address),
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
    return found.some(({ severity }) => severity === "error") ? [] : [rule];
  });
  problems.push(...replication.flatMap((rule) => validateHba(rule, site.version, "hosts", facts)));
  const distinct = new Map([...own, ...declared, ...replication].map((rule) => [JSON.stringify(rule), rule]));
  return { rules: [...distinct.values()], problems };
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
