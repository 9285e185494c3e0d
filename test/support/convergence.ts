import fc from "fast-check";
import { catalogue } from "../../postgres/settings/catalogue.js";
import { resolveSettings } from "../../postgres/settings/resolve.js";
import type { Setting } from "../../postgres/settings/setting.js";
import { checkValue } from "../../postgres/settings/values.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import type { RolloutDeclaration, RolloutSite } from "./rolloutSite.js";
import { textFor } from "./settingValues.js";

type Texts = Readonly<Record<string, string>>;

/** What breaks the test's own sessions, its machine or its other settings, not pgsite. */
const leftOut =
  /^(?:statement_timeout|lock_timeout|transaction_timeout|idle_|default_transaction_|tcp_|client_|session_preload|local_preload|log_min_|log_error|huge_page|shared_memory|ssl|krb_|ldap|archive_|restore_|recovery_|primary_|synchronous_|synchronized_|sync_|hot_standby|max_standby|wal_receiver|wal_sender|wal_level|default_table|default_tablespace|temp_tablespaces|zero_damaged|ignore_|debug_|trace_|allow_|post_auth|pre_auth|authentication_|log_(?:destination|directory|filename|file|rotation|statement_stats|planner|parser|executor)|logging_collector|unix_|listen_|port|external_|dynamic_|data_|config_|hba_|ident_|promote_|stats_temp|fsync|full_page|wal_init|wal_recycle|wal_sync|wal_skip|wal_consistency|row_security|role|session_|search_path|jit|backtrace|max_stack|event_|exit_on|restart_after|remove_temp|oauth|io_|file_|summarize|idle_replication|geqo_seed|lc_|default_text|timezone_abbr|recursive|checkpoint_timeout|max_wal_size|min_wal_size|operator_prec|vacuum_defer|password_encryption|db_user|krb|shared_preload|syslog)/;

/** Of these a start takes some values only: no more than a small machine can give. */
const atStart: Readonly<Record<string, fc.Arbitrary<string>>> = {
  max_connections: fc.integer({ min: 25, max: 60 }).map(String),
  max_worker_processes: fc.integer({ min: 8, max: 20 }).map(String),
  max_prepared_transactions: fc.constantFrom("0", "1", "017", "0x10"),
  max_locks_per_transaction: fc.integer({ min: 64, max: 90 }).map(String),
  track_activity_query_size: fc.constantFrom("1024", "2kB", "4096B", "0.5MB"),
  wal_buffers: fc.constantFrom("-1", "64kB", "1MB", "16"),
  cluster_name: fc.constantFrom("a", "a b", "it's", "", "x#y"),
  shared_buffers: fc.constantFrom("8MB", "8192kB", "0.5GB", "1024"),
  track_commit_timestamp: fc.constantFrom("on", "off", "1", "tru", "NO"),
  wal_log_hints: fc.constantFrom("on", "of", "YES"),
  bonjour: fc.constantFrom("off", "no"),
};

const libraries: Readonly<Record<string, Readonly<Record<string, fc.Arbitrary<string>>>>> = {
  pg_stat_statements: {
    "pg_stat_statements.max": fc.constantFrom("100", "5000", "0x1000", "6000"),
    "pg_stat_statements.track": fc.constantFrom("all", "TOP", "none"),
    "pg_stat_statements.save": fc.constantFrom("on", "no", "0"),
  },
  auto_explain: {
    "auto_explain.log_min_duration": fc.constantFrom("-1", "250ms", "1s", "1min"),
    "auto_explain.log_analyze": fc.constantFrom("on", "false"),
    "auto_explain.log_format": fc.constantFrom("json", "XML"),
    "auto_explain.sample_rate": fc.constantFrom("0.5", "1", ".25", "1e-3"),
  },
  pg_prewarm: {
    "pg_prewarm.autoprewarm": fc.constantFrom("off", "0"),
    "pg_prewarm.autoprewarm_interval": fc.constantFrom("300s", "5min", "0"),
  },
  auth_delay: { "auth_delay.milliseconds": fc.constantFrom("0", "1", "1ms") },
};

function valid(major: Major, { name }: Setting, text: string): boolean {
  const layer = { source: "the test", path: "settings", values: { [name]: text } };
  return resolveSettings(major, [layer]).problems.every(({ severity }) => severity !== "error");
}

/** Declared settings of every type and context, with those of libraries that are loaded and of some that are not. */
export function settingsFor(major: Major): fc.Arbitrary<Texts> {
  const plain = [...catalogue(major).values()].filter(
    (setting) =>
      !leftOut.test(setting.name) &&
      (setting.name in atStart ||
        !["postmaster", "internal", "backend", "superuser-backend"].includes(setting.context)) &&
      valid(major, setting, setting.default ?? ""),
  );
  const one = fc.constantFrom(...plain).chain((setting) =>
    (atStart[setting.name] ?? textFor(setting)).map((text) => {
      // What is refused without a server has tests of its own.
      const isTaken = checkValue(setting, text).ok && valid(major, setting, text);
      return [setting.name, isTaken ? text : (setting.default ?? "")] as const;
    }),
  );
  const library = fc.constantFrom(...Object.entries(libraries)).chain(([name, own]) =>
    fc
      .tuple(
        fc.integer({ min: 0, max: 3 }).map((rare) => rare > 0),
        fc
          .subarray(Object.entries(own), { minLength: 1 })
          .chain((some) => fc.tuple(...some.map(([key, value]) => value.map((text) => [key, text] as const)))),
      )
      .map(([isLoaded, values]) => ({ loads: isLoaded ? [name] : [], values })),
  );
  return fc
    .tuple(fc.array(one, { minLength: 3, maxLength: 12 }), fc.array(library, { maxLength: 2 }))
    .map(([settings, loaded]) => ({
      ...Object.fromEntries([...settings, ...loaded.flatMap(({ values }) => values)]),
      ...(loaded.some(({ loads }) => loads.length > 0)
        ? { shared_preload_libraries: [...new Set(loaded.flatMap(({ loads }) => loads))].join(", ") }
        : {}),
    }));
}

const methods: Readonly<Record<string, readonly string[]>> = {
  local: ["peer", "peer map=m", "md5", "reject"],
  host: ["md5", "scram-sha-256", "reject", "ident map=m", "ident"],
  hostssl: ["md5", "cert", "cert map=m", "md5 clientcert=CERT", "reject"],
};

/** Rules of every kind, some of which cannot match here: without TLS, without GSSAPI, of names that nobody has. */
export function rulesFor(major: Major): fc.Arbitrary<readonly string[]> {
  const types = [
    "local",
    "host",
    "hostssl",
    "hostnossl",
    ...(atLeast(major, "12") ? ["hostgssenc", "hostnogssenc"] : []),
  ];
  const places = [
    "192.0.2.0/24",
    "10.0.0.1/8",
    "samenet",
    "samehost",
    "all",
    "localhost",
    "::1/128",
    "10.0.0.0 255.0.0.0",
  ];
  const one = fc
    .constantFrom(...types)
    .chain((type) =>
      fc
        .tuple(
          fc.constantFrom("all", "app", "nobody_has", "sameuser", "replication", "a,b", '"all"', '"a b"'),
          fc.constantFrom("app", "+nobody_has", "nobody", '"odd ""name"""', "a,b"),
          fc.constantFrom(...places),
          fc.constantFrom(...((methods[type] ?? methods.host) as readonly string[])),
        )
        .map(([databases, users, place, method]) =>
          [type, databases, users, ...(type === "local" ? [] : [place]), method]
            .join(" ")
            .replace("CERT", atLeast(major, "12") ? "verify-ca" : "1"),
        ),
    );
  return fc.array(one, { maxLength: 5 });
}

export interface Outcome {
  readonly said: "converged" | "refused beforehand" | "named";
  readonly why?: string;
}

/**
 * Brings a declaration about and looks again. Where it converges, nothing is left that differs; where it does not, the `up` named
 * what cannot be. @throws where neither is so
 */
export async function outcomeOf(site: RolloutSite, wanted: RolloutDeclaration): Promise<Outcome> {
  try {
    site.declare(wanted);
  } catch (error) {
    return { said: "refused beforehand", why: (error as Error).message };
  }
  const failure = await site.up().then(
    () => undefined,
    (error: Error) => error.message,
  );
  if (failure !== undefined) {
    const names = Object.keys(wanted.settings);
    // What the step was to do names everything: why it failed comes after.
    const reason = failure.slice(failure.indexOf(" failed: ") + 1);
    if (!names.some((name) => reason.includes(name)) && !/pg_hba\.conf line/.test(reason)) {
      throw new Error(`up failed and named nothing of ${JSON.stringify(wanted)}: ${reason}`);
    }
    return { said: "named", why: reason };
  }
  const left = await site.differences();
  if (left.length > 0) throw new Error(`${JSON.stringify(wanted)} leaves differences:\n${left.join("\n")}`);
  return { said: "converged" };
}
