import type { PageStream } from "../servers/page/model.js";
import { differencesOf } from "./differences.js";
import { inRecovery, lags, type Mark, markOf, worst } from "./judge.js";
import type { ServerView, SiteView, StackView } from "./sites.js";
import { bytes, count, lag, names, seconds } from "./words.js";

/** What is drawn of a site, before it has places. Pure. */
export interface Graph {
  readonly groups: readonly Group[];
  readonly edges: readonly Edge[];
}

/** A stack: its servers, or one node that stands for all of them. */
export interface Group {
  readonly id: string;
  readonly title: string;
  readonly nodes: readonly Node[];
}

export interface Node {
  readonly id: string;
  /** Where it leads. */
  readonly goes: string;
  readonly name: string;
  readonly role: string;
  readonly mark: Mark;
  /** Its further lines, the first says how it is. */
  readonly lines: readonly string[];
  /** What is heard beside these, and shown by whoever points at it. */
  readonly more: string;
}

export interface Edge {
  readonly from: string;
  readonly to: string;
  readonly mark: Mark;
  /** Beside the line. */
  readonly text: string;
  readonly label: string;
}

/** `collapsed`: the stacks that are one node. */
export function graphOf(site: SiteView, collapsed: ReadonlySet<string>): Graph {
  const nodeOf = new Map<string, string>();
  const groups = site.stacks.map((stack): Group => {
    const whole = collapsed.has(stack.id);
    for (const { id } of stack.servers) nodeOf.set(id, whole ? stack.id : id);
    const nodes = whole ? [wholeNode(stack)] : stack.servers.map(serverNode);
    return { id: stack.id, title: stack.data.stack, nodes };
  });
  const strangers = new Set<string>();
  const edges = site.servers.flatMap((server): Edge[] => {
    const { stream, upstream } = server;
    if (stream === undefined) return [];
    const source = site.servers.find(({ data }) => data === upstream);
    if (source === undefined) strangers.add(stream.from);
    const [from, to] = [nodeOf.get(source?.id ?? "") ?? outsideId(stream.from), nodeOf.get(server.id) ?? server.id];
    return from === to ? [] : [edgeOf(from, to, server, stream)];
  });
  const outside =
    strangers.size === 0 ? [] : [{ id: "outside", title: "not on this page", nodes: [...strangers].map(outsideNode) }];
  return { groups: [...outside, ...groups.filter(({ nodes }) => nodes.length > 0)], edges: merged(edges) };
}

/** Above this many servers the stacks of a site are one node each, until somebody opens them. */
export const manyServers = 30;

const outsideId = (name: string): string => `outside ${name}`;

function outsideNode(name: string): Node {
  const lines = ["its stack is not shown"];
  return { id: outsideId(name), goes: "", name, role: "", mark: "none", lines, more: "" };
}

function serverNode(server: ServerView): Node {
  const { data, id } = server;
  const mark = markOf(server);
  const line = data.timeline === undefined ? "" : `timeline ${data.timeline}`;
  const problems = data.problems.length === 0 ? [] : [count(data.problems.length, "problem")];
  const differing = differencesOf(server).length;
  // There is room for one of the two.
  const different = differing === 0 || problems.length > 0 ? [] : [count(differing, "difference")];
  const state = data.state === "read-write" ? "takes writes (read-write)" : data.state;
  const host = data.host === data.name ? `${data.address}:${data.port}` : `on ${data.host}, port ${data.port}`;
  const second = [line, ...problems, ...different].filter((text) => text !== "").join(" · ");
  return {
    id,
    goes: id,
    name: data.name,
    role: data.role,
    mark,
    lines: [state, ...(second === "" ? [] : [second]), host],
    more: data.problems.map(({ message }) => message).join("; "),
  };
}

function wholeNode({ id, data, servers }: StackView): Node {
  const marks = servers.map(markOf);
  const writers = servers.filter((each) => each.data.state === "read-write").map((each) => each.data.name);
  const lines = [
    writers.length === 0 ? "none takes writes" : `${names(writers, 2)} takes writes`,
    ...troubles(servers),
  ];
  const name = count(servers.length, "server");
  return {
    id,
    goes: `servers-${id}`,
    name,
    role: "",
    mark: worst(marks),
    lines,
    more: `stack ${data.stack}`,
  };
}

/** In numbers, since a box has little room: `1 stopped, 2 lag, 3 differ`, and how far the last one is behind. */
function troubles(servers: readonly ServerView[]): readonly string[] {
  const down = servers.filter(({ data }) => data.state !== "read-write" && data.state !== "lost" && !inRecovery(data));
  const states = [...new Set(down.map(({ data }) => data.state))];
  const behind = servers.filter(({ data }) => lags(data) && data.late === undefined);
  const differing = servers.filter((server) => differencesOf(server).length > 0);
  const found = [
    ...states.map((state) => `${down.filter(({ data }) => data.state === state).length} ${state}`),
    ...(behind.length === 0 ? [] : [`${behind.length} ${behind.length === 1 ? "lags" : "lag"}`]),
    ...(differing.length === 0 ? [] : [`${differing.length} ${differing.length === 1 ? "differs" : "differ"}`]),
  ];
  const bad = servers.filter((server) => markOf(server) !== "good").length;
  if (bad === 0) return ["all well"];
  const [last] = [...behind].sort((a, b) => (b.data.lagBytes ?? 0) - (a.data.lagBytes ?? 0));
  return [
    found.length === 0 ? `${bad} not well` : found.join(", "),
    ...(last === undefined ? [] : [`worst lag ${lag(last.data)}`]),
  ];
}

function edgeOf(from: string, to: string, { data }: ServerView, stream: PageStream): Edge {
  if (stream.off !== undefined) {
    const label = `${data.name} does not stream from ${stream.from}: ${stream.off}`;
    return { from, to, mark: "bad", text: "✕ does not stream", label };
  }
  if (!inRecovery(data)) {
    return { from, to, mark: "bad", text: "✕ does not stream", label: `${data.name} does not stream: ${data.state}` };
  }
  const late = data.lagBytes !== undefined && data.lagBytes > 0 && data.lagSeconds !== undefined;
  const time = late ? ` · ${seconds(data.lagSeconds ?? 0)}` : "";
  const text = data.lagBytes === undefined ? "streams, lag not known" : `lag ${bytes(data.lagBytes)}${time}`;
  const label = `${data.name} streams from ${stream.from}, lag: ${lag(data) ?? "not known"}`;
  return { from, to, mark: data.lagBytes === undefined ? "unknown" : lags(data) ? "watch" : "good", text, label };
}

/** Between two stacks that are one node each there is one line, for all streams. */
function merged(edges: readonly Edge[]): readonly Edge[] {
  const same = new Map<string, Edge[]>();
  for (const edge of edges) {
    const key = `${edge.from} ${edge.to}`;
    same.set(key, [...(same.get(key) ?? []), edge]);
  }
  return [...same.values()].flatMap((all) => {
    const [first] = all;
    if (first === undefined || all.length === 1) return all;
    const off = all.filter(({ mark }) => mark === "bad").length;
    const text = `${count(all.length, "stream")}${off === 0 ? "" : `, ✕ ${off} off`}`;
    return [
      { ...first, mark: worst(all.map(({ mark }) => mark)), text, label: all.map(({ label }) => label).join("; ") },
    ];
  });
}
