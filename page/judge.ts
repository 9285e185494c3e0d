import type { PageServer } from "../servers/page/model.js";
import { differencesOf } from "./differences.js";
import { type ServerView, shallWrite } from "./sites.js";

/** How a thing stands. What decides is data: states, codes, numbers; never a sentence. */
export type Mark = "good" | "watch" | "bad" | "unknown" | "none";

/** From the worst on. */
const order: readonly Mark[] = ["bad", "watch", "unknown", "good", "none"];

export function worst(marks: readonly Mark[]): Mark {
  return order.find((mark) => marks.includes(mark)) ?? "none";
}

/** One file of WAL, and a minute: what a standby may be behind before the page calls it that. */
export const limits = { bytes: 16 * 1024 ** 2, seconds: 60 } as const;

export function lags({ lagBytes, lagSeconds }: PageServer): boolean {
  return lagBytes !== undefined && (lagBytes >= limits.bytes || (lagBytes > 0 && (lagSeconds ?? 0) >= limits.seconds));
}

export const inRecovery = ({ state }: PageServer): boolean =>
  state === "in recovery, read-only" || state === "in recovery, refuses queries";

/** How a server stands, by what it is and what it is declared to be, its settings and files too. */
export function markOf(server: ServerView): Mark {
  const differing = differencesOf(server);
  if (differing.some(({ difference }) => difference.open)) return "bad";
  return worst([runs(server), differing.length > 0 ? "watch" : "good"]);
}

function runs({ data, stream }: ServerView): Mark {
  if (data.state === "lost") return "watch";
  if (data.problems.length > 0) return "bad";
  if (data.state === "starting") return "watch";
  if (shallWrite(data) ? data.state !== "read-write" : !inRecovery(data)) return "bad";
  if (stream?.off !== undefined) return "bad";
  return lags(data) ? "watch" : "good";
}

/** Servers, the worst first, else in their order. */
export function worstFirst(servers: readonly ServerView[]): readonly ServerView[] {
  return servers
    .map((server) => ({ server, place: order.indexOf(markOf(server)) }))
    .sort((a, b) => a.place - b.place)
    .map(({ server }) => server);
}

/** What each mark is called beside its sign: nothing is said by colour alone. */
export const wordOf: Readonly<Record<Mark, string>> = {
  good: "well",
  watch: "look",
  bad: "wrong",
  unknown: "not known",
  none: "none",
};
