import pg from "pg";
import type { Address, Login } from "../../servers/sql/session.js";

/**
 * Streams from a physical slot as pg_receivewal does, by the replication protocol: that program is not in every package of
 * server programs, and none talks to a server that is newer than itself. Resolves, once the slot is in use, with how to end it.
 */
export async function streamFrom(server: Address, login: Login, slot: string): Promise<() => Promise<void>> {
  const { address: host, port } = server;
  const client = new pg.Client({ host, port, ...login, ...({ replication: "true" } as object) });
  client.on("error", () => undefined);
  await client.connect();
  const { rows } = await client.query<{ xlogpos: string }>("IDENTIFY_SYSTEM");
  const started = new Promise<void>((resolve, reject) => {
    client.connection.once("replicationStart", () => resolve());
    client.connection.once("errorMessage", reject);
  });
  client.connection.query(`START_REPLICATION SLOT ${slot} PHYSICAL ${rows[0]?.xlogpos}`);
  await started;
  return async () => {
    const ended = new Promise<void>((resolve) => client.once("end", () => resolve()));
    client.connection.stream.destroy();
    await ended;
    await new Promise((resolve) => setTimeout(resolve, 300));
  };
}
