import prettyBytes from "pretty-bytes";
import { anotherSecret } from "../../postgres/secrets/index.js";
import { shownInLine } from "../../postgres/shown.js";
import type { SettingChange, UpgradePlan } from "../../postgres/upgrade/model.js";
import type { Finding } from "../status/report.js";
import { secondsInWords } from "./backups.js";
import { refusedUpgradeInWords } from "./upgradeRefusals.js";
import { list, wayInWords } from "./upgradeWays.js";

/** What an upgrade would do, one line each; or why it does not. */
export function upgradeLines(plan: UpgradePlan): readonly string[] {
  if (plan.because === "mirrors") return mirrorLines(plan);
  return [
    `${plan.server}: PostgreSQL ${plan.from} → ${plan.to}`,
    ...plan.refusals.map((refusal) => `refused: ${refusedUpgradeInWords(plan, refusal)}`),
    ...(plan.refusals.some(({ code }) => code === "downgrade" || code === "stopped") ? [] : detailLines(plan)),
  ];
}

/** The same as one text: its first line stands beside the resource. */
export function upgradeText(plan: UpgradePlan): string {
  const [title = "", ...lines] = upgradeLines(plan);
  return [`the upgrade of ${title}:`, ...lines.map((line) => `  ${line}`)].join("\n");
}

export function underWayInWords({ server, from, to, phase }: UnderWay): string {
  const isBefore = phase === "prepared" || phase === "stopped";
  const next = isBefore ? "begins it again, the old server first" : "goes on from there";
  return `the upgrade of ${server}, PostgreSQL ${from} → ${to}, was cut off (${phase}): pulumi up ${next}`;
}

type UnderWay = Extract<Finding, { readonly kind: "upgrade under way" }>;
type OfStandbys = Extract<Finding, { readonly kind: "upgrade of standbys" }>;

export function ofStandbysInWords({ servers, to }: OfStandbys): string {
  const have = servers.length === 1 ? "has" : "have";
  return `${list(servers)} ${have} data of another version than ${to}, which the primary has: they are set aside, and seeded anew`;
}

/** Of standbys that come back long after, when nothing is left of the upgrade. */
export function olderStandbyInWords(servers: readonly string[], to: string): string {
  const it = servers.length === 1 ? "its" : "their";
  return `${list(servers)} ${servers.length === 1 ? "has" : "have"} data of another version than ${to}, which the primary has, and that upgrade is committed: move ${it} data directory away, and run pulumi up, which seeds ${it.replace("its", "it").replace("their", "them")} anew`;
}

function mirrorLines(plan: UpgradePlan): readonly string[] {
  const refused = plan.refusals.map((refusal) => `refused: ${refusedUpgradeInWords(plan, refusal)}`);
  const { standbys, from, space } = plan;
  const done = [
    `the way: ${standbys.length === 1 ? "it is" : "each of them is"} stopped, set aside with its data of ${from}, and seeded anew from the upstream; until then it answers nobody`,
    `space: ${prettyBytes(space.needed)} needed beside the data, ${prettyBytes(space.free)} free`,
  ];
  return [`${list(standbys)}: PostgreSQL ${from} → ${plan.to}`, ...(refused.length > 0 ? refused : done)];
}

function detailLines(plan: UpgradePlan): readonly string[] {
  return [
    `the way: ${wayInWords(plan.way)} (${becauseInWords(plan)})`,
    rollbackInWords(plan),
    `space: ${prettyBytes(plan.space.needed)} needed beside the data, ${prettyBytes(plan.space.free)} free`,
    `nobody is served for about ${secondsInWords(plan.downtime)}, by the data's size: an estimate`,
    checkInWords(plan),
    backupInWords(plan),
    ...settingLines(plan.settings),
    ...extensionLines(plan),
    statisticsInWords(plan),
    ...collationLines(plan),
    ...(plan.slotsLost.length === 0
      ? []
      : [`logical slots that are lost: ${list(plan.slotsLost)}. Whoever follows by them begins anew`]),
    ...deferredLines(plan),
    ...standbyLines(plan),
    ...afterLines(plan),
  ];
}

function becauseInWords({ because, way }: UpgradePlan): string {
  switch (because) {
    case "asked":
      return "as upgrade.method says";
    case "can clone":
      return "the file system shares blocks, so that it takes neither time nor space";
    case "cannot clone":
      return way === "copy" ? "the file system shares no blocks" : "nothing is cloned";
    case "no pg_upgrade":
      return "programs that pg_upgrade takes are missing";
    case "too old for pg_upgrade":
      return "pg_upgrade does not take data as old as these";
    case "mirrors":
      return "the stack mirrors another";
    case "deferred":
      return "tables of upgrade.defer follow later, and pg_upgrade brings all at once";
  }
}

function rollbackInWords({ keepsRollback, from }: UpgradePlan): string {
  return keepsRollback
    ? `a way back: data and programs of ${from} stay until pgsite upgrade commit; pgsite upgrade rollback returns to them, without what was written since`
    : `NO way back: as soon as the new server has run, the data of ${from} cannot be started again`;
}

function checkInWords({ check }: UpgradePlan): string {
  switch (check.code) {
    case "clean":
      return "pg_upgrade --check, run against the running server: the clusters are compatible";
    case "refused":
      return "pg_upgrade --check, run against the running server: it refuses";
    case "not run": {
      const said = check.said === undefined ? "" : ` (${shownInLine(check.said.join(" "))})`;
      switch (check.why) {
        case "way":
          return "pg_upgrade --check: not run, since a dump does not go by it";
        case "no programs":
          return `pg_upgrade --check: not run, since its programs are not all there, or others may change them${said}. The up runs it before anything stops`;
        case "not running":
          return "pg_upgrade --check: not run, since the server is stopped";
        case "cannot connect":
          return `pg_upgrade --check: not run, since the server does not let it in by its socket without a password${said}. It is run as soon as the server is stopped, which starts again if it refuses`;
      }
    }
  }
}

function backupInWords({ backup }: UpgradePlan): string {
  return backup === "declared"
    ? "first of all a backup is made, as the stack declares it; if that is not good, nothing is upgraded"
    : "no backup is made first: the stack declares none (backups:)";
}

function settingLines(changes: readonly SettingChange[]): readonly string[] {
  const defaults = changes.filter((change) => change.kind === "default");
  const others = changes.flatMap((change): string[] => {
    if (change.kind === "default") return [];
    return [`setting: ${changeInWords(change)}`];
  });
  if (defaults.length === 0) return others;
  const shown = defaults.map(({ name, from, to }) => `${name} ${quoted(from)} → ${quoted(to)}`);
  return [...others, `defaults that are others now, of what the stack does not set: ${shown.join("; ")}`];
}

function changeInWords(change: Exclude<SettingChange, { readonly kind: "default" }>): string {
  const { name } = change;
  if (change.kind === "declared") {
    const now = change.from === change.to ? anotherSecret : `→ ${quoted(change.to)}`;
    return `${name} ${quoted(change.from)} ${now}, as the stack says`;
  }
  const was = `${name} ${quoted(change.value)}`;
  switch (change.kind) {
    case "renamed":
      return `${was} → ${change.to} ${quoted(change.toValue)}`;
    case "vanishes":
      return `${was} vanishes${change.instead === undefined ? "" : `: ${change.instead}`}`;
    case "undeclared":
      return `${was} does not come along, since the stack does not say it${change.to === undefined ? "" : `: ${quoted(change.to)} from then on`}`;
  }
}

const quoted = (text: string) => (/^[^\s;:]+$/.test(text) ? text : `'${shownInLine(text)}'`);

function extensionLines({ extensions }: UpgradePlan): readonly string[] {
  const changed = extensions.filter(({ from, to }) => to !== undefined && to !== from);
  const same = [
    ...new Set(extensions.filter(({ from, to }) => to === from).map(({ name, from }) => `${name} ${from}`)),
  ];
  return [
    ...changed.map(({ database, name, from, to }) => `extension ${name} in ${database}: ${from} → ${to}`),
    ...(same.length === 0 ? [] : [`extensions that stay as they are: ${list(same)}`]),
  ];
}

function statisticsInWords({ statistics }: UpgradePlan): string {
  switch (statistics) {
    case "kept":
      return "the planner's statistics are kept";
    case "kept but extended":
      return "the planner's statistics are kept; those of CREATE STATISTICS are made again (ANALYZE) while the server works";
    case "made again":
      return "the planner's statistics are made again (ANALYZE, in stages) while the server works: until then plans may be poor";
  }
}

function collationLines({ collations }: UpgradePlan): readonly string[] {
  return collations.map(
    ({ database, name, was, is }) =>
      `collation ${name} in ${database}: its library is ${is} and was ${was} when indexes were made: those are made again (REINDEX)`,
  );
}

function deferredLines({ deferred }: UpgradePlan): readonly string[] {
  const named = Object.entries(deferred).filter(([, patterns]) => patterns.length > 0);
  return named.map(
    ([database, patterns]) =>
      `rows that follow while the new server works (pgsite migrate status): in ${database} ${list(patterns)}`,
  );
}

function standbyLines({ standbys, from }: UpgradePlan): readonly string[] {
  if (standbys.length === 0) return [];
  const are = standbys.length === 1 ? "is" : "are";
  return [
    `${list(standbys)} ${are} stopped, set aside with the data of ${from}, and seeded anew from ${standbys.length === 1 ? "it" : "the new primary"}: until then the site has one server`,
  ];
}

function afterLines({ after }: UpgradePlan): readonly string[] {
  if (after.length === 0) return [];
  const steps = after.map(({ name, command }) => (command === undefined ? `${name} (by hand)` : name));
  return [`afterwards, in this order, each confirmed by you (pgsite upgrade after): ${steps.join(", then ")}`];
}
