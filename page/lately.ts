import type { PageBackups, PageEvent, PageIncident, PageRun } from "../servers/page/model.js";
import { type Mark, worst } from "./judge.js";
import type { Answer, Pieces } from "./pieces.js";
import type { SiteView } from "./sites.js";
import { count, names } from "./words.js";

/** Conditions of the watch (postgres/watch) that mean: a backup or a drill is older than it may be. */
const oldConditions = ["backupOld", "backupUnverified", "drillOld"];

export function drill({ stacks }: SiteView): Answer {
  const question = "Last drill";
  const kept = stacks.flatMap(({ data }) => (data.backups === undefined ? [] : [data.backups]));
  if (kept.length === 0) return { question, mark: "none", says: ["no backups are declared"], more: [] };
  const runs = kept.flatMap((each) => each.runs);
  const drilled = newest(
    runs.filter(({ verifiedAt }) => verifiedAt !== undefined),
    ({ verifiedAt }) => verifiedAt ?? "",
  );
  const whole = newest(
    runs.filter(({ state }) => state === "whole"),
    ({ at }) => at,
  );
  const last = newest(runs, ({ at }) => at);
  const unasked = kept.some((each) => each.unasked);
  const open = stacks.flatMap(({ data }) => data.watch?.incidents ?? []).filter(isOpen);
  const old = open.filter(({ condition }) => oldConditions.includes(condition));
  const more: Pieces[] = [
    ...old.map(({ message }): Pieces => [message]),
    ...(whole === undefined
      ? [[unasked ? "no whole backup is known" : "no backup is whole"]]
      : [[`newest whole backup${unasked ? " that is known" : ""}: `, { at: whole.at }, ` of ${whole.server}`]]),
    ...(last === undefined || last.state === "whole" ? [] : [["newest run: ", { at: last.at }, `, ${last.state}`]]),
    ...(unasked ? [["a place of backups could not be looked at: there may be newer ones"]] : []),
  ];
  const mark = worst([
    (whole === undefined && !unasked) || last?.state === "damaged" ? "bad" : "good",
    old.length > 0 || drilled === undefined || last?.state === "partial" || unasked ? "watch" : "good",
  ]);
  if (drilled?.verifiedAt === undefined) return { question, mark, says: [noDrill(kept)], more };
  return { question, mark, says: [{ at: drilled.verifiedAt }, `, restored the run ${drilled.name}`], more };
}

const noDrill = (kept: readonly PageBackups[]): string => {
  if (kept.some(({ runs }) => runs.length > 0)) return "none yet: nobody has restored a backup";
  return kept.some(({ unasked }) => unasked) ? "none is known" : "none: there is no backup yet";
};

/** Of runs, the last by a time. */
function newest(runs: readonly PageRun[], at: (run: PageRun) => string): PageRun | undefined {
  return runs.reduce<PageRun | undefined>(
    (best, run) => (best === undefined || at(run) > at(best) ? run : best),
    undefined,
  );
}

export const isOpen = ({ ended }: PageIncident): boolean => ended === undefined;

/** Whether something happened within the day before the page was written. */
function within(at: string, written: string): boolean {
  return Date.parse(written) - Date.parse(at) <= 86_400_000;
}

/** What happened, oldest first: so it is read, and so one thing led to another. */
export function lastDay({ stacks }: SiteView, written: string): Answer {
  const question = "Last 24 hours";
  const watched = stacks.filter(({ data }) => data.watch !== undefined);
  const incidents = watched
    .flatMap(({ data }) => data.watch?.incidents ?? [])
    .filter((each) => isOpen(each) || within(each.ended ?? each.since, written));
  const events = stacks.flatMap(({ data }) => data.history).filter(({ at }) => within(at, written));
  const runs = stacks.flatMap(({ data }) => data.backups?.runs ?? []).filter(({ at }) => within(at, written));
  const open = incidents.filter(isOpen);
  const unwatched = stacks.filter(({ data }) => data.watch === undefined).map(({ data }) => data.stack);
  const counted = (number: number, thing: string) => (number === 0 ? [] : [count(number, thing)]);
  const of = (sought: PageEvent["kind"]) => events.filter(({ kind }) => kind === sought).length;
  const parts = [
    ...counted(open.length, "incident").map((text) => `${text} open`),
    ...counted(incidents.length - open.length, "incident").map((text) => `${text} over`),
    ...counted(of("role"), "role change"),
    ...counted(of("update"), "rollout"),
    ...counted(of("upgrade"), "upgrade"),
    ...counted(runs.length, "backup"),
  ];
  const lines = [
    ...incidents.map((each) => ({ at: each.since, says: incidentLine(each) })),
    ...events.map((each) => ({ at: each.at, says: eventLine(each) })),
  ].sort((a, b) => a.at.localeCompare(b.at));
  const more = [
    ...latest(lines.map(({ at, says }): Pieces => [{ at }, ": ", ...says])),
    ...(unwatched.length === 0 ? [] : [[noWatch(unwatched, stacks.length)]]),
  ];
  const failed = events.some(({ result }) => result !== "succeeded");
  const mark: Mark = worst([
    open.length > 0 ? "bad" : "good",
    incidents.length > 0 || of("role") > 0 || failed ? "watch" : "good",
    unwatched.length > 0 ? "unknown" : "good",
  ]);
  const says = [parts.length > 0 ? parts.join(", ") : watched.length === 0 ? "nothing known" : "nothing"];
  return { question, mark, says, more };
}

/** The last six lines, and how many were before them; or all seven. */
function latest(lines: readonly Pieces[]): readonly Pieces[] {
  if (lines.length <= 7) return lines;
  const text = `${lines.length - 6} earlier ones under incidents and history`;
  return [["before that: ", { go: "incidents", text }], ...lines.slice(-6)];
}

const noWatch = (unwatched: readonly string[], all: number): string =>
  `no watch is declared${unwatched.length === all ? "" : ` in ${names(unwatched)}`}: incidents are not known${unwatched.length === all ? "" : " there"}`;

/** Its sentence is of whoever saw it, and speaks of "the server" or "this server": so both are named. */
const incidentLine = ({ seenBy, server, message, ended }: PageIncident): Pieces => [
  `${seenBy} says of ${server === seenBy ? "itself" : server}: ${message}`,
  ...(ended === undefined ? [] : [" Over since ", { at: ended }]),
];

/** What changed a role names its server. */
const eventLine = ({ kind, server, message, by, result }: PageEvent): Pieces => {
  const who = server === undefined || kind === "role" ? "" : `${server}: `;
  return [`${who}${message}${by === "hand" ? ", by hand" : ""}${result === "succeeded" ? "" : ` (${result})`}`];
};
