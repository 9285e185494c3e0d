import type { CostedFailover, PlannedStep, PlanReport, Reason, RolloutPlan } from "../../postgres/rollout/model.js";
import { reportOf } from "../../postgres/rollout/plan.js";
import { anotherSecret } from "../../postgres/secrets/index.js";
import { lossInWords } from "./loss.js";
import { mirrorInWords } from "./mirrors.js";
import { refusalInWords } from "./refusals.js";
import { behindInWords, rejoinInWords, supersededInWords } from "./rejoin.js";

/** A plan in words, one line a step: `1. server3: restart (max_connections 400 → 500)`. */
export function describePlan(plan: RolloutPlan): readonly string[] {
  return planLines(reportOf(plan));
}

/** The same of a plan as it is kept and shown. */
export function planLines({ steps, refusals, mirrors = [] }: PlanReport): readonly string[] {
  if (refusals.length > 0) return refusals.map((refusal) => `refused: ${refusalInWords(refusal)}`);
  return [...steps.map((step, index) => `${index + 1}. ${stepInWords(step)}`), ...mirrors.map(mirrorInWords)];
}

export function stepInWords(step: PlannedStep): string {
  switch (step.action) {
    case "switchover":
      return `${step.from}: shut down; ${step.to}: promote, once it has all that ${step.from} wrote (switchover)`;
    case "failover":
      return failoverInWords(step);
    case "stop":
      return supersededInWords(step.server, step.fork);
    case "install":
    case "reload":
    case "restart":
    case "start":
    case "rejoin": {
      const { server, action, because, rejoin } = step;
      const reasons = [...(rejoin === undefined ? [] : [rejoinInWords(rejoin)]), ...because.map(reasonInWords)];
      const by = rejoin === undefined ? "" : ` by ${rejoin.way}`;
      return `${server}: ${action}${by}${reasons.length === 0 ? "" : ` (${reasons.join(", ")})`}`;
    }
    case "seed": {
      const { server, because, behind } = step;
      const why = [...(behind === undefined ? [] : [behindInWords(behind)]), ...because.map(reasonInWords)];
      return `${server}: seed again${behind === undefined ? "" : ` by ${behind.way}`} (${why.join(", ")})`;
    }
  }
}

/** What is done in a failover, and what is lost with it. */
export function failoverInWords(failover: CostedFailover): string {
  const { from, to, loss } = failover;
  return `${to}: promote (failover: ${from} is lost); ${lossInWords(failover, loss)}`;
}

/** Both values are shown up to this length together. */
const brief = 60;

export function reasonInWords(reason: Reason): string {
  switch (reason.code) {
    case "setting": {
      const { setting, from = "unset", to = "unset", waits } = reason;
      const other = from === to ? ` ${anotherSecret}` : "";
      const values = from.length + to.length <= brief ? ` ${quoted(from)} → ${quoted(to)}${other}` : "";
      return `${setting}${values}${waits === true ? ", not in force" : ""}`;
    }
    case "held":
      return `${reason.setting} stays ${reason.value} until ${untilInWords(reason.until)}`;
    case "fileDiffers":
      return reason.file;
    case "fileMissing":
      return `${reason.file} is missing`;
    case "fileLeftOver":
      return `${reason.file} must not be there`;
    case "fileText":
      return `text of ${reason.file}`;
    case "accessUnread":
      return "pg_hba.conf is to be read again";
    case "otherProgram":
      return `it runs as ${reason.program}`;
    case "certificateRenewed":
      return "its certificate was renewed";
    case "interrupted":
      return "an interrupted rollout";
    case "stopped":
      return "stopped";
    case "seeded":
      return "seeded";
    case "letsBothIn": {
      const { servers } = reason;
      const they = servers.length === 1 ? "it comes" : "they come";
      return `pg_hba.conf lets ${servers.join(" and ")} in both as ${they} now and as declared`;
    }
    case "letsInAsDeclared":
      return "pg_hba.conf lets in as declared alone";
    case "triggerLeftOver":
      return `left over, and moved away before: ${reason.path}`;
  }
}

function untilInWords(servers: readonly string[]): string {
  if (servers.length === 0) return "its upstream has its new value";
  return `${servers.join(" and ")} ${servers.length === 1 ? "has its" : "have their"} new value`;
}

/** A value that is empty or has white space is shown in quotes. */
function quoted(value: string): string {
  return value === "" || /\s/.test(value) ? `'${value}'` : value;
}
