import { type Conninfo, renderConninfo, takesWrites } from "../postgres/files/conninfo.js";
import { autoFile, emptyAutoFile } from "../postgres/files/facts.js";
import { renderHba } from "../postgres/files/hba/index.js";
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
import { accessRules, proofOf } from "./accessRules.js";
import { controlDirectoryOf, controlNames, controlPath } from "./controlDirectory.js";
import { includeLines, spread } from "./includes.js";
import type { Peer, ServerInputs, SiteFacts } from "./inputs.js";
import { defaultsOf, mandatoryOf } from "./layers.js";
import { settingsIn } from "./layouts.js";
import type { Server, ServerRole, TlsFiles } from "./site.js";
import { checkWayIn } from "./wayIn.js";

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
    {
      source: "pgsite's defaults",
      path: "",
      defaults: true,
      values: { ...defaultsOf(version, site), ...ofLayout.defaults },
    },
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
              primary_conninfo: conninfoOf(
                inputs.applicationName ?? name,
                inputs.upstream,
                passfile,
                site,
                tlsFiles,
                inputs.alternatives,
              ),
            }),
      },
    },
  ];
  const resolved = resolveSettings(version, layers);
  const { postgresql, recovery } = resolved;
  const { main, included, problems: misplaced } = spread(version, postgresql, inputs.includes);
  const facts = {
    sslOn: postgresql.ssl === "on",
    oauthValidators: splitList(postgresql.oauth_validator_libraries ?? "") ?? [],
  };
  const rules = accessRules(inputs, facts, postgresql.listen_addresses);
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
      ...(inputs.alternatives === undefined ? {} : { alternatives: inputs.alternatives.map((peer) => peer.name) }),
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
      ...checkWayIn(name, inputs, resolved, rules),
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
  alternatives: readonly Peer[] = [],
): { readonly connection: Conninfo; readonly expected: Expected } {
  const verifies = upstream.verified && tlsFiles !== undefined;
  const all = [upstream, ...alternatives];
  const connection = {
    host: all.map(({ address }) => address).join(","),
    port: all.map(({ port }) => port).join(","),
    ...(alternatives.length === 0 ? {} : { target_session_attrs: takesWrites(site.version) }),
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
