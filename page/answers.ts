import type { PageBackups, PageEvent, PageIncident, PageRun } from "../servers/page/model.js";
import { inRecovery, lags, type Mark, markOf, worst } from "./judge.js";
import { type ServerView, type SiteView, shallWrite } from "./sites.js";
import { bytes, count, lag, names } from "./words.js";

/** A piece of a sentence: words, a moment, or a link to a server. */
export type Piece = string | { readonly at: string } | { readonly go: string; readonly text: string };

/** What an administrator asks first, answered. `more`: one line each. */
export interface Answer {
  readonly question: string;
  readonly mark: Mark;
  readonly says: readonly Piece[];
  readonly more: readonly (readonly Piece[])[];
}

export function answersOf(site: SiteView, written: string): readonly Answer[] {
  return [writes(site), behind(site), differs(site), drill(site), lastDay(site, written)];
}

/** Of a site as a whole. */
export function verdict(site: SiteView, answers: readonly Answer[]): { readonly mark: Mark; readonly word: string } {
  const blind = site.stacks.some(({ data }) => data.unknown.length > 0);
  const mark = worst([...answers.map((each) => each.mark), ...site.servers.map(markOf), blind ? "unknown" : "good"]);
  return { mark, word: verdicts[mark] };
}

const verdicts: Readonly<Record<Mark, string>> = {
  bad: "something is wrong",
  watch: "something to look at",
  unknown: "not all is known",
  good: "all is well",
  none: "nothing to see",
};

const link = ({ id, data }: ServerView): Piece => ({ go: id, text: data.name });

/** Links with words between them. */
function list(servers: readonly ServerView[]): readonly Piece[] {
  return servers.flatMap((server, index) => {
    const between = index === 0 ? [] : [index === servers.length - 1 ? " and " : ", "];
    return [...between, link(server)];
  });
}

function writes({ servers }: SiteView): Answer {
  const question = "Who takes writes";
  const writers = servers.filter(({ data }) => data.state === "read-write");
  const declared = servers.filter(({ data }) => shallWrite(data) && data.state !== "lost");
  const [writer, other] = writers;
  if (writer === undefined) {
    if (declared.length === 0 && !servers.some(({ data }) => shallWrite(data))) {
      return { question, mark: "unknown", says: ["no stack of this page has its primary"], more: [] };
    }
    const more = declared.map((each): Piece[] => [link(each), ` is declared ${each.data.role}, and is: ${each.data.state}`]);
    return { question, mark: "bad", says: ["no server that answers"], more };
  }
  if (other !== undefined) {
    return { question, mark: "bad", says: [...list(writers), `: ${writers.length} servers at once`], more: [] };
  }
  const line = writer.data.timeline === undefined ? "" : `, on timeline ${writer.data.timeline}`;
  if (shallWrite(writer.data)) return { question, mark: "good", says: [link(writer), line], more: [] };
  const more = declared.map((each): Piece[] => [link(each), ` is declared ${each.data.role}, and is: ${each.data.state}`]);
  return { question, mark: "bad", says: [link(writer), `${line}; it is declared ${writer.data.role}`], more };
}

function behind({ servers }: SiteView): Answer {
  const question = "Who lags";
  const followers = servers.filter(({ data }) => !shallWrite(data) && data.state !== "lost");
  if (followers.length === 0) return { question, mark: "none", says: ["nobody: there is no standby"], more: [] };
  const told = followers.map((server) => ({ server, ...lagOf(server) }));
  const wrong = told.filter(({ mark }) => mark !== "good");
  const mark = worst(told.map((each) => each.mark));
  if (wrong.length > 0) {
    const more = wrong.map(({ server, says }): Piece[] => [link(server), ` ${says}`]);
    return { question, mark, says: [`${wrong.length} of ${count(followers.length, "server")}`], more: few(more, "more in the table of servers") };
  }
  const [farthest] = [...followers].sort((a, b) => (b.data.lagBytes ?? 0) - (a.data.lagBytes ?? 0));
  const by = farthest?.data.lagBytes ?? 0;
  const says = by === 0 || farthest === undefined ? ["nobody"] : ["nobody; ", link(farthest), ` is ${bytes(by)} behind`];
  return { question, mark, says, more: [] };
}

function lagOf({ data, stream }: ServerView): { readonly mark: Mark; readonly says: string } {
  if (data.state === "read-write") return { mark: "bad", says: "takes writes itself" };
  if (!inRecovery(data)) return { mark: data.state === "starting" ? "watch" : "bad", says: `receives nothing: ${data.state}` };
  const by = lag(data) ?? "not known";
  if (stream?.off !== undefined) return { mark: "bad", says: `does not stream from ${stream.from}: ${stream.off}` };
  if (lags(data)) return { mark: data.late === undefined ? "watch" : "good", says: `is ${by} behind` };
  return data.lagBytes === undefined ? { mark: "unknown", says: `lag ${by}` } : { mark: "good", says: `is ${by} behind` };
}

function differs({ stacks }: SiteView): Answer {
  const question = "What differs";
  const drifts = stacks.map(({ data }) => data.drift);
  const differences = drifts.flatMap((drift) => drift.differences);
  const refusals = drifts.flatMap((drift) => drift.refusals);
  const reasons = drifts.flatMap((drift) => drift.reasons);
  const waiting = stacks.flatMap(({ servers }) => servers.filter(({ data }) => data.settings.some((each) => each.pendingRestart)));
  const more: (readonly Piece[])[] = [
    ...byServer(differences.map(({ server }) => server ?? "the site")).map((text): Piece[] => [text]),
    ...(waiting.length === 0 ? [] : [[...list(waiting.slice(0, 4)), waiting.length > 4 ? " and others" : "", waiting.length === 1 ? " waits for a restart" : " wait for a restart"]]),
    ...few(refusals.map((refusal): Piece[] => [`pulumi up would refuse: ${refusal}`]), "refusals under drift"),
    ...few(reasons.map((reason): Piece[] => [`not known: ${reason}`]), "under drift"),
  ];
  const outcomes = drifts.map(({ outcome }) => outcome);
  const unasked = outcomes.includes("not asked");
  const mark = worst([
    refusals.length > 0 ? "bad" : "good",
    differences.length > 0 || waiting.length > 0 ? "watch" : "good",
    unasked || outcomes.includes("unknown") ? "unknown" : "good",
  ]);
  const found = count(differences.length, "difference");
  if (differences.length > 0) return { question, mark, says: [found, ...(unasked ? ["; not every stack was asked"] : [])], more };
  if (unasked) return { question, mark, says: ["not asked when this was written"], more };
  return { question, mark, says: [outcomes.includes("unknown") ? "not all is known" : "nothing"], more };
}

/** `server3: 2`, the most first. */
function byServer(servers: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const server of servers) counts.set(server, (counts.get(server) ?? 0) + 1);
  const sorted = [...counts].sort(([, a], [, b]) => b - a).map(([server, number]) => `${server}: ${number}`);
  return sorted.length === 0 ? [] : [names(sorted, 6)];
}

/** Conditions of the watch (postgres/watch) that mean: a backup or a drill is older than it may be. */
const oldConditions = ["backupOld", "backupUnverified", "drillOld"];

function drill({ stacks }: SiteView): Answer {
  const question = "Last drill";
  const kept = stacks.flatMap(({ data }) => (data.backups === undefined ? [] : [data.backups]));
  if (kept.length === 0) return { question, mark: "none", says: ["no backups are declared"], more: [] };
  const runs = kept.flatMap((each) => each.runs);
  const drilled = newest(runs.filter(({ verifiedAt }) => verifiedAt !== undefined), ({ verifiedAt }) => verifiedAt ?? "");
  const whole = newest(runs.filter(({ state }) => state === "whole"), ({ at }) => at);
  const last = newest(runs, ({ at }) => at);
  const open = stacks.flatMap(({ data }) => data.watch?.incidents ?? []).filter(isOpen);
  const old = open.filter(({ condition }) => oldConditions.includes(condition));
  const more: Piece[][] = [
    ...old.map(({ message }): Piece[] => [message]),
    whole === undefined ? ["no backup is whole"] : ["newest whole backup: ", { at: whole.at }, ` on ${whole.server}`],
    ...(last === undefined || last.state === "whole" ? [] : [["newest run: ", { at: last.at }, `, ${last.state}`]]),
  ];
  const mark: Mark = worst([
    whole === undefined || last?.state === "damaged" ? "bad" : "good",
    old.length > 0 || drilled === undefined || last?.state === "partial" ? "watch" : "good",
  ]);
  if (drilled?.verifiedAt === undefined) return { question, mark, says: [noDrill(kept)], more };
  return { question, mark, says: [{ at: drilled.verifiedAt }, `, restored the run ${drilled.name}`], more };
}

const noDrill = (kept: readonly PageBackups[]): string =>
  kept.some(({ runs }) => runs.length > 0) ? "none yet: nobody has restored a backup" : "none: there is no backup yet";

/** Of runs, the last by a time. */
function newest(runs: readonly PageRun[], at: (run: PageRun) => string): PageRun | undefined {
  return runs.reduce<PageRun | undefined>((best, run) => (best === undefined || at(run) > at(best) ? run : best), undefined);
}

export const isOpen = ({ ended }: PageIncident): boolean => ended === undefined;

/** Whether something happened within the day before the page was written, or goes on. */
function within(at: string, written: string): boolean {
  return Date.parse(written) - Date.parse(at) <= 86_400_000;
}

/** Six lines and how many there are besides, or all seven. */
function few(lines: readonly (readonly Piece[])[], where: string): readonly (readonly Piece[])[] {
  return lines.length <= 7 ? lines : [...lines.slice(0, 6), [`and ${lines.length - 6} ${where}`]];
}

function lastDay({ stacks }: SiteView, written: string): Answer {
  const question = "Last 24 hours";
  const watched = stacks.filter(({ data }) => data.watch !== undefined);
  const incidents = watched
    .flatMap(({ data }) => data.watch?.incidents ?? [])
    .filter((each) => isOpen(each) || within(each.ended ?? each.since, written));
  const events = stacks.flatMap(({ data }) => data.history).filter(({ at }) => within(at, written));
  const runs = stacks.flatMap(({ data }) => data.backups?.runs ?? []).filter(({ at }) => within(at, written));
  const open = incidents.filter(isOpen);
  const roles = events.filter(({ kind }) => kind === "role");
  const unwatched = stacks.length - watched.length;
  const parts = [
    ...(open.length === 0 ? [] : [`${count(open.length, "incident")} open`]),
    ...(incidents.length === open.length ? [] : [`${count(incidents.length - open.length, "incident")} over`]),
    ...(roles.length === 0 ? [] : [count(roles.length, "role change")]),
    ...(events.length === roles.length ? [] : [count(events.length - roles.length, "rollout")]),
    ...(runs.length === 0 ? [] : [count(runs.length, "backup")]),
  ];
  const lines = [
    ...incidents.map((each) => ({ at: each.since, says: incidentLine(each), first: isOpen(each) })),
    ...events.map((each) => ({ at: each.at, says: eventLine(each), first: false })),
  ].sort((a, b) => Number(b.first) - Number(a.first) || b.at.localeCompare(a.at));
  const more: (readonly Piece[])[] = [
    ...few(lines.map(({ at, says }): Piece[] => [{ at }, `: ${says}`]), "more under incidents and history"),
    ...(unwatched === 0 ? [] : [[`${unwatched === stacks.length ? "no watch is declared" : "not every stack has a watch"}: incidents are not known`]]),
  ];
  const failed = events.some(({ result }) => result !== "succeeded");
  const mark: Mark = worst([
    open.length > 0 ? "bad" : "good",
    incidents.length > 0 || roles.length > 0 || failed ? "watch" : "good",
    watched.length === 0 ? "unknown" : "good",
  ]);
  return { question, mark, says: [parts.length === 0 ? "nothing" : parts.join(", ")], more };
}

const incidentLine = ({ server, message, ended }: PageIncident): string =>
  `${server}: ${message}${ended === undefined ? " (goes on)" : " (over)"}`;

const eventLine = ({ server, message, by, result }: PageEvent): string =>
  `${server === undefined ? "" : `${server}: `}${message}${by === "hand" ? ", by hand" : ""}${result === "succeeded" ? "" : ` (${result})`}`;
