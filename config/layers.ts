import type { SettingValue } from "../postgres/settings/values.js";
import { atLeast, type Major } from "../postgres/versions.js";
import { tellingPrefix } from "../postgres/voice.js";
import type { ServerRole } from "./site.js";

type Values = Readonly<Record<string, SettingValue>>;

interface Row {
  readonly from?: Major;
  readonly until?: Major;
  readonly values: Values;
}

/** What pgsite sets where a stack says nothing, and PostgreSQL's own default does not give. A log that is evidence is such a need. */
const defaults: readonly Row[] = [
  { values: { listen_addresses: "*" } },
  { from: "10", until: "13", values: { password_encryption: "scram-sha-256" } },
];

/** What replication needs. */
const followed: readonly Row[] = [
  { values: { wal_level: "replica", max_wal_senders: 10, hot_standby: true } },
  { until: "12", values: { wal_keep_segments: 64 } },
  { from: "13", values: { wal_keep_size: "1GB" } },
];

/**
 * What a standalone server has in place of that: base backups are made of it too, two at once, each with a session for its WAL. So
 * its WAL is not `minimal`, and it has senders; but it keeps no WAL for anybody who follows it.
 */
const alone: readonly Row[] = [{ values: { wal_level: "replica", max_wal_senders: 4 } }];

/** What a role decides, whatever the stack says. */
const mandatory: readonly (Row & { readonly roles: readonly ServerRole[] })[] = [
  { roles: ["mirror"], values: { hot_standby: true } },
  // Before 12 a standby follows its upstream to a new timeline only when told; before 9.3 it cannot over streaming.
  { roles: ["standby", "mirror"], from: "9.3", until: "11", values: { recovery_target_timeline: "latest" } },
];

export function defaultsOf(version: Major, { standalone = false } = {}): Values {
  return {
    ...merged([...defaults, ...(standalone ? alone : followed)], version),
    log_line_prefix: tellingPrefix(version),
  };
}

export function mandatoryOf(role: ServerRole, version: Major): Values {
  return merged(
    mandatory.filter(({ roles }) => roles.includes(role)),
    version,
  );
}

function merged(rows: readonly Row[], version: Major): Values {
  const valid = rows.filter(
    ({ from, until }) =>
      (from === undefined || atLeast(version, from)) && (until === undefined || atLeast(until, version)),
  );
  return Object.assign({}, ...valid.map(({ values }) => values)) as Values;
}
