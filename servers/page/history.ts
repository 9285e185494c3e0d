import { type RoleChange, roleChangesIn } from "../../installed/runbook/roles.js";
import type { Left } from "../../postgres/wal/forks.js";
import type { State } from "../status/observation.js";
import { journalIn } from "../upgrade/journal.js";
import { pastUpgradesIn } from "../upgrade/past.js";
import { parseHistory } from "../wal/forks.js";
import {
  roleChangeInWords,
  timelineInWords,
  updateInWords,
  upgradeDoneInWords,
  upgradeInWords,
} from "../words/history.js";
import type { HostFacts } from "./hostFacts.js";
import type { PageEvent } from "./model.js";
import type { Update } from "./update.js";

/** A server, and what its host remembers. */
export interface Remembered {
  readonly name: string;
  readonly state: State;
  readonly timeline: number | null;
  readonly facts: HostFacts;
}

/** Clocks of hosts and of the machine that runs Pulumi differ: what is so many milliseconds apart may be one act. */
const slack = 60_000;
const most = 100;

/**
 * All that is remembered, newest first. What cannot be understood is said.
 * @param mirrorsOnly the primary is in another stack: that one tells of promotions which none of these servers is known to have had
 */
export function historyOf(
  updates: readonly Update[],
  servers: readonly Remembered[],
  mirrorsOnly = false,
): { readonly history: readonly PageEvent[]; readonly unknown: readonly string[] } {
  const noted = servers.flatMap(({ name, facts }) =>
    roleChangesIn(facts.roles?.text ?? "").map((change) => ({ server: name, ...change })),
  );
  const upgrades = servers.map(({ name, facts }) => upgradesOf(name, facts));
  const events = [
    ...updates.map(updateEvent),
    ...promotions(servers, noted, updates).filter(({ server }) => server !== undefined || !mirrorsOnly),
    ...noted.filter(({ what }) => what !== "promoted").map(roleEvent),
    ...upgrades.flatMap((one) => one.events),
  ];
  return {
    history: events.sort((left, right) => right.at.localeCompare(left.at)).slice(0, most),
    unknown: upgrades.flatMap((one) => one.unknown),
  };
}

function updateEvent(update: Update): PageEvent {
  const { began, ended, result } = update;
  return {
    at: secondsOf(Date.parse(ended ?? began)),
    kind: "update",
    by: "pulumi",
    result,
    message: updateInWords(update),
  };
}

type Noted = RoleChange & { readonly server: string };

function roleEvent({ at, ...change }: Noted): PageEvent {
  const { server, by } = change;
  return { at, kind: "role", server, by, result: "succeeded", message: roleChangeInWords(change) };
}

/**
 * Each timeline began with a promotion; one that was noted is told once. Of others the history files of timelines tell, and when they
 * came; who was promoted, only of the one that still takes writes: a standby has the file from the stream, as its primary does.
 */
function promotions(
  servers: readonly Remembered[],
  all: readonly Noted[],
  updates: readonly Update[],
): readonly PageEvent[] {
  const noted = all.filter(({ what }) => what === "promoted");
  const told = new Set<Noted>();
  const begun = beginnings(servers).map(({ number, time, from }): PageEvent => {
    const apart = (one: Noted) => Math.abs(Date.parse(one.at) - time);
    const [note] = noted.filter((one) => !told.has(one) && apart(one) < slack).sort((a, b) => apart(a) - apart(b));
    if (note !== undefined) told.add(note);
    const server = note?.server ?? promotedBy(number, servers);
    return {
      at: secondsOf(time),
      kind: "role",
      ...(server === undefined ? {} : { server }),
      by: note?.by ?? (updates.some((update) => ranAt(update, time)) ? "pulumi" : "hand"),
      result: "succeeded",
      message: timelineInWords({ number, server, from, note }),
    };
  });
  return [...begun, ...noted.filter((one) => !told.has(one)).map(roleEvent)];
}

/** When timelines began, in their order. Two of one number are two where they left at different places. */
function beginnings(servers: readonly Remembered[]) {
  const found = new Map<string, { readonly number: number; readonly time: number; readonly from: Left | undefined }>();
  for (const { facts } of servers) {
    for (const [number, { text, changed: time }] of facts.timelines) {
      const from = parseHistory(text).at(-1);
      const key = JSON.stringify([number, from], (_key, value) => (typeof value === "bigint" ? `${value}` : value));
      if (time < (found.get(key)?.time ?? Number.POSITIVE_INFINITY)) found.set(key, { number, time, from });
    }
  }
  return [...found.values()].sort((left, right) => left.number - right.number || left.time - right.time);
}

/** Whoever takes writes on a timeline has begun it. */
function promotedBy(number: number, servers: readonly Remembered[]): string | undefined {
  const writing = servers.filter(({ state, timeline }) => state === "read-write" && timeline === number);
  return writing.length === 1 ? writing[0]?.name : undefined;
}

function ranAt({ kind, began, ended, result }: Update, time: number): boolean {
  if (kind === "refresh") return false;
  const end = ended === undefined || result === "in-progress" ? Number.POSITIVE_INFINITY : Date.parse(ended);
  return time > Date.parse(began) - slack && time < end + slack;
}

function upgradesOf(
  server: string,
  facts: HostFacts,
): { readonly events: readonly PageEvent[]; readonly unknown: readonly string[] } {
  const past = facts.upgrades === undefined ? [] : pastUpgradesIn(facts.upgrades.text);
  const journal = facts.upgrade === undefined ? undefined : journalIn(facts.upgrade.text);
  const done = (past ?? []).map((one): PageEvent => {
    return {
      at: secondsOf(Date.parse(one.done)),
      kind: "upgrade",
      server,
      by: "pulumi",
      result: "succeeded",
      message: upgradeDoneInWords(one),
    };
  });
  const now: readonly PageEvent[] =
    journal === undefined
      ? []
      : [
          {
            at: secondsOf(
              Date.parse(journal.times[journal.phase] ?? journal.times.begun ?? "") || (facts.upgrade?.changed ?? 0),
            ),
            kind: "upgrade",
            server,
            by: "pulumi",
            result: journal.phase === "done" && journal.rollingBack !== true ? "succeeded" : "in-progress",
            message: upgradeInWords(journal),
          },
        ];
  const unread = [
    ...(past === undefined ? ["earlier upgrades"] : []),
    ...(facts.upgrade !== undefined && journal === undefined ? ["an upgrade that is under way"] : []),
  ];
  return {
    events: [...done, ...now],
    unknown: unread.map((what) => `what ${server} remembers of ${what} is of another pgsite`),
  };
}

/** ISO, to the second. */
function secondsOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d+Z$/, "Z");
}
