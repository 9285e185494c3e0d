import { differs } from "./differs.js";
import { inRecovery, lags, limits, type Mark, markOf, worst } from "./judge.js";
import { drill, lastDay } from "./lately.js";
import { type Answer, few, link, list, type Pieces } from "./pieces.js";
import { type ServerView, type SiteView, shallWrite } from "./sites.js";
import { bytes, count, lag, seconds } from "./words.js";

export function answersOf(site: SiteView, written: string): readonly Answer[] {
  return [writes(site), behind(site), differs(site), drill(site), lastDay(site, written)];
}

/** Of a site as a whole. Nothing is well by nobody looking: without backups and a watch, little is known. */
export function verdict(site: SiteView, answers: readonly Answer[]): { readonly mark: Mark; readonly word: string } {
  const blind = site.stacks.some(({ data }) => data.unknown.length > 0);
  const bare = site.stacks.every(({ data }) => data.backups === undefined && data.watch === undefined);
  const marks = [...answers.map((each) => each.mark), ...site.servers.map(markOf), blind ? "unknown" : "good"] as const;
  const mark = worst([...marks, bare ? "unknown" : "good"]);
  return { mark, word: mark === "unknown" && bare ? `${verdicts[mark]}: no backups, no watch` : verdicts[mark] };
}

const verdicts: Readonly<Record<Mark, string>> = {
  bad: "something is wrong",
  watch: "something to look at",
  unknown: "not all is known",
  good: "all is well",
  none: "nothing to see",
};

function writes({ servers }: SiteView): Answer {
  const question = "Who takes writes";
  const writers = servers.filter(({ data }) => data.state === "read-write");
  const declared = servers.filter(({ data }) => shallWrite(data) && data.state !== "lost");
  const [writer, other] = writers;
  if (writer === undefined) {
    if (declared.length === 0 && !servers.some(({ data }) => shallWrite(data))) {
      return { question, mark: "unknown", says: ["no stack of this page has its primary"], more: [] };
    }
    const more = declared.map(
      (each): Pieces => [link(each), ` is declared ${each.data.role}, and is: ${each.data.state}`],
    );
    return { question, mark: "bad", says: ["no server that answers"], more };
  }
  if (other !== undefined) {
    return { question, mark: "bad", says: [...list(writers), `: ${writers.length} servers at once`], more: [] };
  }
  const line = writer.data.timeline === undefined ? "" : `, on timeline ${writer.data.timeline}`;
  if (shallWrite(writer.data)) return { question, mark: "good", says: [link(writer), line], more: [] };
  const more = declared.map(
    (each): Pieces => [link(each), ` is declared ${each.data.role}, and is: ${each.data.state}`],
  );
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
    const more = wrong.map(({ server, says }): Pieces => [link(server), ` ${says}`]);
    const [only] = more;
    if (only !== undefined && more.length === 1) return { question, mark, says: only, more: [] };
    const says = [`${wrong.length} of ${count(followers.length, "server")}`];
    return { question, mark, says, more: few(more, { go: "servers", text: "more in the table of servers" }) };
  }
  // Who replays late by declaration is within no limit, and nothing is wrong with it.
  const late = told.filter(({ server }) => lags(server.data));
  const delayed = late.map(({ server, says }): Pieces => [link(server), ` ${says}`]);
  const [farthest] = followers
    .filter(({ data }) => !lags(data))
    .sort((a, b) => (b.data.lagBytes ?? 0) - (a.data.lagBytes ?? 0));
  const by = farthest?.data.lagBytes ?? 0;
  if (by === 0 || farthest === undefined) return { question, mark, says: ["nobody"], more: delayed };
  const time = farthest.data.lagSeconds === undefined ? "" : `, ${seconds(farthest.data.lagSeconds)}`;
  const says = ["nobody; the largest: ", link(farthest), `, ${bytes(by)}${time}`];
  return { question, mark, says, more: [[within], ...delayed] };
}

const within = `within limits: less than ${bytes(limits.bytes)}, and less than ${seconds(limits.seconds)} with WAL outstanding`;

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
