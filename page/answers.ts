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
    const more = declared.map((each): Piece[] => [
      link(each),
      ` is declared ${each.data.role}, and is: ${each.data.state}`,
    ]);
    return { question, mark: "bad", says: ["no server that answers"], more };
  }
  if (other !== undefined) {
    return { question, mark: "bad", says: [...list(writers), `: ${writers.length} servers at once`], more: [] };
  }
  const line = writer.data.timeline === undefined ? "" : `, on timeline ${writer.data.timeline}`;
  if (shallWrite(writer.data)) return { question, mark: "good", says: [link(writer), line], more: [] };
  const more = declared.map((each): Piece[] => [
    link(each),
    ` is declared ${each.data.role}, and is: ${each.data.state}`,
  ]);
  return { question, mark: "bad", says: [link(writer), `${line}; it is declared ${writer.data.role}`], more };
}

function behind({ servers }: SiteView): Answer {
  const question = "Who lags";
  const followers = servers.filter(({ data }) => !shallWrite(data) && !["lost", "read-write"].includes(data.state));
  if (followers.length === 0) {
    const taken = servers.some(({ data }) => !shallWrite(data) && data.state === "read-write");
    if (taken)
      return { question, mark: "bad", says: ["no server follows: what is declared standby takes writes"], more: [] };
    return { question, mark: "none", says: ["nobody: there is no standby"], more: [] };
  }
  const told = followers.map((server) => ({ server, ...lagOf(server) }));
  const wrong = told.filter(({ mark }) => mark !== "good");
  const mark = worst(told.map((each) => each.mark));
  if (wrong.length > 0) {
    const more = wrong.map(({ server, says }): Piece[] => [link(server), ` ${says}`]);
    const [only] = more;
    if (only !== undefined && more.length === 1) return { question, mark, says: only, more: [] };
    const says = [`${wrong.length} of ${count(followers.length, "server")}`];
    return { question, mark, says, more: few(more, "more in the table of servers") };
  }
  const [farthest] = [...followers].sort((a, b) => (b.data.lagBytes ?? 0) - (a.data.lagBytes ?? 0));
  const by = farthest?.data.lagBytes ?? 0;
  const says =
    by === 0 || farthest === undefined ? ["nobody"] : ["nobody; ", link(farthest), ` is ${bytes(by)} behind`];
  return { question, mark, says, more: [] };
}

function lagOf({ data, stream }: ServerView): { readonly mark: Mark; readonly says: string } {
  if (!inRecovery(data))
    return { mark: data.state === "starting" ? "watch" : "bad", says: `receives nothing: ${data.state}` };
  const by = lag(data) ?? "not known";
  if (stream?.off !== undefined) {
    const last = data.lagBytes === undefined ? "" : `is ${by} behind, and `;
    return { mark: "bad", says: `${last}does not stream from ${stream.from}: ${stream.off}` };
  }
  if (lags(data)) return { mark: data.late === undefined ? "watch" : "good", says: `is ${by} behind` };
  return data.lagBytes === undefined
    ? { mark: "unknown", says: `lag ${by}` }
    : { mark: "good", says: `is ${by} behind` };
}

function differs(site: SiteView): Answer {
  const { stacks } = site;
  const question = "What differs";
  const drifts = stacks.map(({ data }) => data.drift);
  const differences = drifts.flatMap((drift) => drift.differences);
  const refusals = drifts.flatMap((drift) => drift.refusals);
  const reasons = drifts.flatMap((drift) => drift.reasons);
  const waiting = stacks.flatMap(({ servers }) =>
    servers.filter(({ data }) => data.settings.some((each) => each.pendingRestart)),
  );
  const more: (readonly Piece[])[] = [
    ...few(byServer(site), "servers under drift"),
    ...(waiting.length === 0
      ? []
      : [
          [
            ...list(waiting.slice(0, 4)),
            waiting.length > 4 ? " and others" : "",
            waiting.length === 1 ? " waits for a restart" : " wait for a restart",
          ],
        ]),
    ...few(
      refusals.map((refusal): Piece[] => [`pulumi up would refuse: ${refusal}`]),
      "refusals under drift",
    ),
    ...few(
      reasons.map((reason): Piece[] => [`not known: ${reason}`]),
      "under drift",
    ),
  ];
  const outcomes = drifts.map(({ outcome }) => outcome);
  const unasked = outcomes.includes("not asked");
  const mark = worst([
    refusals.length > 0 ? "bad" : "good",
    differences.length > 0 || waiting.length > 0 ? "watch" : "good",
    unasked || outcomes.includes("unknown") ? "unknown" : "good",
  ]);
  const found = count(differences.length, "difference");
  if (differences.length > 0)
    return { question, mark, says: [found, ...(unasked ? ["; not every stack was asked"] : [])], more };
  if (unasked) return { question, mark, says: ["not asked when this was written"], more };
  return { question, mark, says: [outcomes.includes("unknown") ? "not all is known" : "nothing"], more };
}

/** A line a server, with what differs there: those of which most does first. */
function byServer({ stacks, servers }: SiteView): readonly (readonly Piece[])[] {
  const lines = stacks.flatMap(({ data }) => {
    const { differences } = data.drift;
    return [...new Set(differences.map(({ server }) => server))].map((name) => {
      const objects = differences.filter(({ server }) => server === name).map(({ object }) => object);
      const view = servers.find((each) => each.data.name === name && name !== undefined);
      const who: Piece = view === undefined ? (name ?? "the site as a whole") : link(view);
      return { objects, line: [who, `: ${names(objects, 3)}`] };
    });
  });
  return lines.sort((a, b) => b.objects.length - a.objects.length).map(({ line }) => line);
}

/** Conditions of the watch (postgres/watch) that mean: a backup or a drill is older than it may be. */
const oldConditions = ["backupOld", "backupUnverified", "drillOld"];

function drill({ stacks }: SiteView): Answer {
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
  return runs.reduce<PageRun | undefined>(
    (best, run) => (best === undefined || at(run) > at(best) ? run : best),
    undefined,
  );
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
  const unwatched = stacks.filter(({ data }) => data.watch === undefined).map(({ data }) => data.stack);
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
    ...few(
      lines.map(({ at, says }): Piece[] => [{ at }, `: ${says}`]),
      "more under incidents and history",
    ),
    ...(unwatched.length === 0 ? [] : [[noWatch(unwatched, stacks.length)]]),
  ];
  const failed = events.some(({ result }) => result !== "succeeded");
  const mark: Mark = worst([
    open.length > 0 ? "bad" : "none",
    incidents.length > 0 || roles.length > 0 || failed ? "watch" : "none",
    watched.length > 0 || events.length > 0 ? "good" : "none",
  ]);
  return {
    question,
    mark,
    says: [parts.length > 0 ? parts.join(", ") : watched.length === 0 ? "nothing known" : "nothing"],
    more,
  };
}

const noWatch = (unwatched: readonly string[], all: number): string =>
  `no watch is declared${unwatched.length === all ? "" : ` in ${names(unwatched)}`}: incidents are not known${unwatched.length === all ? "" : " there"}`;

/** Its sentence is of whoever saw it: "from this server". */
const incidentLine = (incident: PageIncident): string =>
  `${incident.seenBy} sees${isOpen(incident) ? "" : " no longer"}: ${incident.message}`;

/** What changed a role names its server. */
const eventLine = ({ kind, server, message, by, result }: PageEvent): string => {
  const who = server === undefined || kind === "role" ? "" : `${server}: `;
  return `${who}${message}${by === "hand" ? ", by hand" : ""}${result === "succeeded" ? "" : ` (${result})`}`;
};
