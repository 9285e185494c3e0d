import type { SenderTitle } from "../process/recoveryTitles.js";
import type { Observation, Seen, Sender } from "./observation.js";

/*
 * Before 9.1 there is no pg_stat_replication: the walsenders of a server are read on its host, and their titles have no names of
 * standbys. Whose one is, its other end tells: the walreceiver of a standby has a connection of that address and port. Where that
 * is not seen, or something between them changes addresses, the one standby that has the address and receives.
 */

/** What was seen, with the walsenders of old servers under their standbys' names, as pg_stat_replication has them. */
export function withSenders({ servers, answers }: Seen): Seen {
  if (servers.every(({ senders }) => senders === undefined)) return { servers, answers };
  const named = new Map(
    servers.flatMap(({ server, senders }) => (senders === undefined ? [] : [[server.name, rowsOf(senders, servers)]])),
  );
  const ofServer = <T extends Observation["sql"]>(sql: T): T => {
    const rows = sql.senders ?? (sql.inRecovery === undefined ? undefined : named.get(sql.endpoint.name));
    return rows === undefined ? sql : { ...sql, senders: rows };
  };
  return {
    servers: servers.map((one) => ({ ...one, sql: ofServer(one.sql) })),
    answers: answers.map(ofServer),
  };
}

/** Who streams under no name that anybody knows is called by where it connects from. */
export function endName({ from, port }: Pick<SenderTitle, "from" | "port">): string {
  return `${from}(${port})`;
}

function rowsOf(senders: readonly SenderTitle[], servers: readonly Observation[]): readonly Sender[] {
  return senders.map((sender): Sender => {
    const follower = followerOf(sender, servers)?.server;
    const name = follower === undefined ? endName(sender) : (follower.applicationName ?? follower.name);
    return { name, from: sender.from, state: "streaming", replay: null, lag: null };
  });
}

function followerOf({ from, port }: SenderTitle, servers: readonly Observation[]): Observation | undefined {
  const seen = servers.find(({ ownEnd }) => ownEnd?.address === from && ownEnd.port === port);
  if (seen !== undefined) return seen;
  const near = servers.filter(
    ({ server, titles, ownEnd }) =>
      ownEnd === undefined && titles.receiver !== undefined && [server.address, server.host.address].includes(from),
  );
  return near.length === 1 ? near[0] : undefined;
}
