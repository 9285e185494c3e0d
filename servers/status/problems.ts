import type { KnownServer, Site } from "../../config/site.js";
import type { ServerProblem, StreamProblem } from "../../postgres/serverProblems.js";
import { namesOf } from "../sql/versions.js";
import { shownPlace, type Taken } from "../sql/way.js";
import type { Observation, Sender, SqlAnswer, State } from "./observation.js";

/** What is wrong with a server, the most telling first. */
export function problemsOf(facts: {
  readonly site: Pick<Site, "primary">;
  readonly observation: Observation;
  readonly state: State;
  /** Why it does not stream. */
  readonly stream?: StreamProblem;
  /** Of all servers of the site, and of the upstream outside the stack. */
  readonly answers: readonly SqlAnswer[];
  readonly all: readonly Observation[];
}): readonly ServerProblem[] {
  const { site, observation, state, stream, answers } = facts;
  const { server, data, sql, hostProblem, superseded, locked } = observation;
  const problems: ServerProblem[] = [];
  if (state === "lost") return [{ code: "lost" }];
  if (hostProblem !== undefined) problems.push(hostProblem);

  if (data?.kind === "foreign") problems.push({ code: "foreignData", dataDirectory: server.dataDirectory });
  if (data?.kind === "replaced") {
    problems.push({ code: "replacedData", expected: `${data.identity?.systemIdentifier}` });
  }
  if (state === "no data") problems.push({ code: data?.kind === "incomplete" ? "halfFilled" : "noData" });
  if (state === "stopped") {
    problems.push(superseded === undefined ? { code: "stopped" } : { code: "startRefused", ...superseded });
  }
  if (observation.outside !== undefined) problems.push({ code: "outsideUnit", unit: observation.outside });
  if (locked !== undefined) problems.push({ code: "lockedOut", lock: locked });
  else if (state === "unreachable") problems.push({ code: "unanswered", ...sql.unreachable?.said });

  const elsewhere = sql.entry === undefined ? undefined : placeElsewhere(sql.entry.way, server);
  if (elsewhere !== undefined) problems.push({ code: "listensElsewhere", ...elsewhere });

  const writable = answers.filter(({ inRecovery }) => inRecovery === false);
  if (state === "read-write" && writable.length > 1) {
    const others = writable.map(({ endpoint }) => endpoint.name).filter((name) => name !== server.name);
    problems.push({ code: "severalWrite", others });
  }
  if (state === "read-write" && server.role !== "primary") {
    problems.push({ code: "writesUndeclared", role: server.role });
  }
  if (server.role === "primary" && state.startsWith("in recovery")) problems.push({ code: "primaryInRecovery" });

  const [writing] = writable;
  const theirs = identifierOf(writing, facts.all);
  const own = data?.systemIdentifier ?? sql.systemIdentifier;
  if (writing !== undefined && theirs !== undefined && own !== undefined && theirs !== own) {
    const other = { server: writing.endpoint.name, systemIdentifier: theirs };
    problems.push({ code: "anotherCluster", systemIdentifier: own, writing: other });
  }
  if (stream !== undefined) problems.push(stream);
  if (server.role === "primary" && site.primary === server.name && writable.length === 0 && state !== "read-write") {
    problems.push({ code: "nobodyWrites" });
  }
  return problems;
}

/** By the way that a session took to it: its own word, not the declared place. */
function placeElsewhere(
  { by, at, barred }: Taken,
  { address, port, settings }: Pick<KnownServer, "address" | "port" | "settings">,
): { readonly at: string; readonly declared: string } | undefined {
  const isDeaf = by === "owner" && barred.length === 0 && settings.listen_addresses !== "";
  const isElsewhere = isDeaf || (by !== "owner" && by !== "direct" && !at.endsWith(`:${port}`));
  return isElsewhere ? { at, declared: shownPlace({ address, port }) } : undefined;
}

function identifierOf(answer: SqlAnswer | undefined, all: readonly Observation[]): string | undefined {
  if (answer === undefined) return undefined;
  const observed = all.find(({ server }) => server.name === answer.endpoint.name);
  return answer.systemIdentifier ?? observed?.data?.systemIdentifier;
}

/** Why a server in recovery does not stream: by its upstream's walsenders, else by what it says itself over SQL or in its process titles. */
export function streamProblem(
  { server, sql, titles, replaysFirst }: Observation,
  sender: Sender | undefined,
  upstream: SqlAnswer | undefined,
): StreamProblem | undefined {
  if (server.upstream === undefined || replaysFirst === true) return undefined;
  if (sender?.state === "streaming" || sql.receives === true || titles.receiver !== undefined) return undefined;
  if (sender !== undefined) return { code: "walsenderWaits", upstream: server.upstream, state: sender.state };
  const known = upstream?.senders !== undefined || namesOf(server.version).replication === null;
  const unanswered = known || upstream?.unreachable === undefined ? {} : { unanswered: upstream.unreachable.said };
  return { code: "notStreaming", upstream: server.upstream, ...unanswered };
}
