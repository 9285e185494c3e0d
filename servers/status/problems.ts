import type { KnownSite } from "../../config/site.js";
import { declaredLost } from "../../hosts/lost.js";
import { namesOf } from "../sql/versions.js";
import type { Observation, Sender, SqlAnswer, State } from "./observation.js";

/** What is wrong with a server, in sentences that say what to do where that is known. */
export function problemsOf(facts: {
  readonly site: KnownSite;
  readonly observation: Observation;
  readonly state: State;
  readonly sender?: Sender;
  /** Of all servers of the site, and of the upstream outside the stack. */
  readonly answers: readonly SqlAnswer[];
  readonly all: readonly Observation[];
}): readonly string[] {
  const { site, observation, state, sender, answers } = facts;
  const { server, data, sql, hostProblem, titles } = observation;
  const problems: string[] = [];
  if (state === "lost") return [`it is ${declaredLost}`];
  if (hostProblem !== undefined) problems.push(hostProblem);

  if (data?.kind === "foreign") problems.push(`${server.dataDirectory} holds data that pgsite did not make`);
  if (data?.kind === "replaced") {
    problems.push(`its data was replaced: pgsite put system identifier ${data.identity?.systemIdentifier} there`);
  }
  if (state === "no data") {
    problems.push(
      data?.kind === "incomplete"
        ? "its data directory is half filled: run pulumi up"
        : "it has no data: run pulumi up",
    );
  }
  if (state === "stopped") {
    const why = observation.superseded;
    problems.push(
      why === undefined
        ? "it does not run: run pulumi up, or pgsite start"
        : `it does not run, and its last start was refused: ${why}`,
    );
  }
  if (state === "unreachable") problems.push(sql.unreachable?.message ?? "it does not answer");

  const writable = answers.filter(({ inRecovery }) => inRecovery === false);
  if (state === "read-write" && writable.length > 1) {
    const others = writable.map(({ endpoint }) => endpoint.name).filter((name) => name !== server.name);
    problems.push(`it takes writes, and so does ${others.join(", ")}: stop the one that clients do not use`);
  }
  if (state === "read-write" && server.role !== "primary")
    problems.push(`it takes writes, and is declared ${server.role}`);
  if (server.role === "primary" && state.startsWith("in recovery"))
    problems.push("it is declared primary, and is in recovery");

  const theirs = identifierOf(writable[0], facts.all);
  const own = data?.systemIdentifier ?? sql.systemIdentifier;
  if (theirs !== undefined && own !== undefined && theirs !== own) {
    problems.push(
      `its system identifier is ${own}, and that of ${writable[0]?.endpoint.name} is ${theirs}: another cluster`,
    );
  }
  if (state.startsWith("in recovery"))
    problems.push(...notStreaming(facts, sender, sql.receives === true || titles.receiver !== undefined));
  if (server.role === "primary" && site.primary === server.name && writable.length === 0 && state !== "read-write") {
    problems.push("no server of the site takes writes");
  }
  return problems;
}

function identifierOf(answer: SqlAnswer | undefined, all: readonly Observation[]): string | undefined {
  if (answer === undefined) return undefined;
  const observed = all.find(({ server }) => server.name === answer.endpoint.name);
  return answer.systemIdentifier ?? observed?.data?.systemIdentifier;
}

/** By its upstream's walsenders, else by what it says itself over SQL or in its process titles. */
function notStreaming(
  { observation, answers }: Pick<Parameters<typeof problemsOf>[0], "observation" | "answers">,
  sender: Sender | undefined,
  receives: boolean,
): readonly string[] {
  const { server } = observation;
  if (server.upstream === undefined) return [];
  const upstream = answers.find(({ endpoint }) => endpoint.name === server.upstream);
  if (sender?.state === "streaming" || receives) return [];
  if (sender !== undefined) return [`its walsender on ${server.upstream} is in state ${sender.state}`];
  const known = upstream?.senders !== undefined || namesOf(server.version).replication === null;
  if (!known && upstream?.unreachable !== undefined) return [`it does not stream: ${upstream.unreachable.message}`];
  return [`it does not stream from ${server.upstream}`];
}
