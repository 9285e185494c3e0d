import { error, type Problem, warning } from "../problem.js";
import { atLeast, type Major } from "../versions.js";
import { findSetting, isCustomName } from "./catalogue.js";
import { Effective } from "./effective.js";
import { splitList } from "./lists.js";
import type { ResolvedSettings } from "./resolve.js";
import { knownTimeZone } from "./timeZones.js";

/** What the server does: `refuse` means that it does not start, `warn` that it starts and does not do what was meant. */
interface Rule {
  readonly from: Major;
  readonly until: Major;
  readonly outcome: "refuse" | "warn";
  /** The settings that take part; the first that was given is where the problem is reported. */
  readonly settings: readonly string[];
  /** True where the rule looks at values that were given alone, because the defaults break it without harm. */
  readonly given?: boolean;
  /** The problem in words, or undefined where all is well. */
  readonly broken: (values: Effective) => string | undefined;
}

const minimalHas = "wal_level minimal keeps too little WAL for";

function minimalWith(name: string, active: (values: Effective) => boolean): Rule["broken"] {
  return (values) =>
    values.is("wal_level", "minimal") && active(values)
      ? `${minimalHas} ${values.shown(name)}; say wal_level replica, or ${name} ${name.startsWith("max") ? "0" : "off"}`
      : undefined;
}

/** `a + b` must stay below `limit`. */
function below(names: readonly string[], limit: string): Rule["broken"] {
  return (values) => {
    const sum = names.reduce((total, name) => total + values.number(name), 0);
    if (sum < values.number(limit)) return undefined;
    return `${names.map((name) => values.shown(name)).join(" and ")} must be below ${values.shown(limit)}`;
  };
}

const recoveryTargets = [
  "recovery_target",
  "recovery_target_lsn",
  "recovery_target_name",
  "recovery_target_time",
  "recovery_target_xid",
];

function oneStatistic(name: string): Rule {
  return {
    from: "9.0",
    until: "18",
    outcome: "refuse",
    settings: ["log_statement_stats", name],
    broken: (values) =>
      values.on("log_statement_stats") && values.on(name)
        ? `log_statement_stats on cannot go with ${name} on, which it includes; keep one of them`
        : undefined,
  };
}

/**
 * The processes that share the limit MAX_BACKENDS, which is the largest value of max_connections. Until 17 the server adds
 * up at every line of the file, with the defaults of what stands further down: each counts with its default at least.
 */
function processes(names: readonly string[]): Rule["broken"] {
  return (values) => {
    const defaults = new Effective(values.major, {});
    const count = (name: string) =>
      atLeast(values.major, "18") ? values.number(name) : Math.max(values.number(name), defaults.number(name));
    const limit = findSetting(values.major, "max_connections")?.max ?? Number.POSITIVE_INFINITY;
    const sum = names.reduce((total, name) => total + count(name), 1);
    return sum > limit
      ? `${names.map((name) => `${name} ${count(name)}`).join(" + ")} + 1 is above ${limit}`
      : undefined;
  };
}

function timeZone(name: string): Rule {
  return {
    from: "9.0",
    until: "18",
    outcome: "warn",
    settings: [name],
    given: true,
    broken: (values) =>
      knownTimeZone(values.text(name))
        ? undefined
        : `"${values.text(name)}" is no time zone that pgsite knows; the server does not start where its host has none of this name`,
  };
}

/** The settings against each other, as real servers of 9.0 to 18 were seen to take them. */
const rules: readonly Rule[] = [
  {
    from: "9.0",
    until: "18",
    outcome: "refuse",
    settings: ["wal_level", "max_wal_senders"],
    broken: minimalWith("max_wal_senders", (values) => values.number("max_wal_senders") > 0),
  },
  {
    from: "9.0",
    until: "18",
    outcome: "refuse",
    settings: ["wal_level", "archive_mode"],
    broken: minimalWith("archive_mode", (values) => values.on("archive_mode")),
  },
  {
    from: "17",
    until: "18",
    outcome: "refuse",
    settings: ["wal_level", "summarize_wal"],
    broken: minimalWith("summarize_wal", (values) => values.on("summarize_wal")),
  },
  {
    from: "9.4",
    until: "18",
    outcome: "warn",
    settings: ["wal_level", "max_replication_slots"],
    broken: minimalWith(
      "max_replication_slots",
      (values) => values.has("max_replication_slots") && values.number("max_replication_slots") > 0,
    ),
  },
  {
    from: "9.0",
    until: "18",
    outcome: "warn",
    settings: ["wal_level", "hot_standby"],
    broken: minimalWith("hot_standby", (values) => values.has("hot_standby") && values.on("hot_standby")),
  },
  {
    from: "9.5",
    until: "18",
    outcome: "warn",
    settings: ["min_wal_size", "max_wal_size"],
    broken: (values) =>
      values.number("min_wal_size") > values.number("max_wal_size")
        ? `${values.shown("min_wal_size")} is above ${values.shown("max_wal_size")}, which then decides`
        : undefined,
  },
  {
    from: "17",
    until: "18",
    outcome: "warn",
    settings: ["sync_replication_slots"],
    broken: (values) =>
      values.on("sync_replication_slots") &&
      (!values.on("hot_standby_feedback") || values.text("primary_slot_name") === "")
        ? "sync_replication_slots on does nothing without hot_standby_feedback on and a primary_slot_name"
        : undefined,
  },
  {
    from: "9.1",
    until: "11",
    outcome: "refuse",
    settings: ["max_wal_senders", "max_connections"],
    broken: below(["max_wal_senders"], "max_connections"),
  },
  {
    from: "9.1",
    until: "18",
    outcome: "refuse",
    settings: ["superuser_reserved_connections", "max_connections"],
    broken: below(["superuser_reserved_connections"], "max_connections"),
  },
  {
    from: "11",
    until: "11",
    outcome: "refuse",
    settings: ["max_wal_senders", "superuser_reserved_connections", "max_connections"],
    broken: below(["superuser_reserved_connections", "max_wal_senders"], "max_connections"),
  },
  {
    from: "16",
    until: "18",
    outcome: "refuse",
    settings: ["reserved_connections", "superuser_reserved_connections", "max_connections"],
    broken: below(["superuser_reserved_connections", "reserved_connections"], "max_connections"),
  },
  {
    from: "12",
    until: "18",
    outcome: "refuse",
    settings: recoveryTargets,
    // An empty target that stands after the real one is refused too, and rendering sorts.
    broken: (values) => {
      const given = recoveryTargets.filter((name) => values.has(name));
      const real = given.some((name) => values.text(name) !== "");
      return real && given.length > 1
        ? `${given.join(" and ")} are given together; the server takes one of them`
        : undefined;
    },
  },
  {
    from: "9.0",
    until: "11",
    outcome: "warn",
    settings: recoveryTargets,
    broken: (values) => {
      const targets = recoveryTargets.filter((name) => values.text(name) !== "");
      return targets.length > 1
        ? `${targets.join(" and ")} are given together; the server follows one of them and ignores the others`
        : undefined;
    },
  },
  ...["log_parser_stats", "log_planner_stats", "log_executor_stats"].map(oneStatistic),
  {
    from: "9.1",
    until: "9.3",
    outcome: "refuse",
    settings: ["max_connections", "autovacuum_max_workers"],
    broken: processes(["max_connections", "autovacuum_max_workers"]),
  },
  {
    from: "9.4",
    until: "11",
    outcome: "refuse",
    settings: ["max_connections", "autovacuum_max_workers", "max_worker_processes"],
    broken: processes(["max_connections", "autovacuum_max_workers", "max_worker_processes"]),
  },
  {
    from: "12",
    until: "17",
    outcome: "refuse",
    settings: ["max_connections", "max_wal_senders", "autovacuum_max_workers", "max_worker_processes"],
    broken: processes(["max_connections", "autovacuum_max_workers", "max_worker_processes", "max_wal_senders"]),
  },
  {
    from: "18",
    until: "18",
    outcome: "refuse",
    settings: ["max_connections", "max_wal_senders", "autovacuum_worker_slots", "max_worker_processes"],
    broken: processes(["max_connections", "autovacuum_worker_slots", "max_worker_processes", "max_wal_senders"]),
  },
  ...["min_wal_size", "max_wal_size"].map(
    (name): Rule => ({
      from: "11",
      until: "18",
      outcome: "refuse",
      settings: [name],
      broken: (values) =>
        values.number(name) < 32
          ? `${values.shown(name)} is below two WAL segments; allowed: at least 32MB`
          : undefined,
    }),
  ),
  {
    from: "9.0",
    until: "18",
    outcome: "warn",
    settings: ["archive_mode", "archive_command", "archive_library"],
    broken: (values) =>
      values.on("archive_mode") && values.text("archive_command") === "" && values.text("archive_library") === ""
        ? "archive_mode on without archive_command keeps every WAL segment until the disk is full"
        : undefined,
  },
  {
    from: "15",
    until: "18",
    outcome: "warn",
    settings: ["archive_library", "archive_command"],
    broken: (values) =>
      values.text("archive_library") !== "" && values.text("archive_command") !== ""
        ? "archive_library and archive_command are given together; keep one of them"
        : undefined,
  },
  {
    from: "9.0",
    until: "18",
    outcome: "warn",
    settings: ["ssl"],
    broken: (values) =>
      values.on("ssl") && !values.has("ssl_cert_file")
        ? "ssl on without ssl_cert_file needs server.crt and server.key in the data directory, or the server does not start"
        : undefined,
  },
  {
    from: "9.0",
    until: "18",
    outcome: "warn",
    settings: ["max_stack_depth"],
    broken: (values) =>
      values.number("max_stack_depth") > 7680
        ? `${values.shown("max_stack_depth")} is above 7680kB, which the usual stack limit of 8MB allows; the server refuses more than ulimit -s less 512kB`
        : undefined,
  },
  timeZone("TimeZone"),
  timeZone("log_timezone"),
];

function spans(rule: Rule, major: Major): boolean {
  return atLeast(major, rule.from) && atLeast(rule.until, major);
}

/** 9.0 and 9.1 refuse a setting with a dot unless custom_variable_classes lists what stands before it. */
function undeclaredClasses(values: Effective): readonly (readonly [string, string])[] {
  if (atLeast(values.major, "9.2")) return [];
  const classes = splitList(values.text("custom_variable_classes")) ?? [];
  return Object.keys(values.given)
    .filter((name) => isCustomName(name) && !classes.includes(name.replace(/\..*/, "")))
    .map((name) => [name, `until 9.1 custom_variable_classes must list "${name.replace(/\..*/, "")}"`]);
}

/**
 * The rules between settings of one server, over the values in force: what was given, and the version's defaults for the
 * rest. Errors are what a real server of the version refuses at start, warnings what it takes and does not do. A rule none
 * of whose settings was given is not asked. `path` is where a problem stands when the setting's own origin is not known.
 */
export function checkRules(
  major: Major,
  resolved: Pick<ResolvedSettings, "postgresql" | "recovery" | "origins">,
  path = "settings",
): Problem[] {
  const values = new Effective(major, { ...resolved.postgresql, ...resolved.recovery });
  const at = (name: string) => resolved.origins[name] ?? `${path}.${name}`;
  const problems = undeclaredClasses(values).map(([name, message]) => error(at(name), message));
  for (const rule of rules) {
    const first = rule.settings.find((name) => values.has(name));
    if (!spans(rule, major) || first === undefined) continue;
    const message = rule.broken(values);
    if (message !== undefined) problems.push((rule.outcome === "refuse" ? error : warning)(at(first), message));
  }
  return problems;
}

export { floorSettings, standbyFloor } from "./floors.js";
