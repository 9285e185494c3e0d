import { afterAll, beforeAll, expect, it } from "vitest";
import { contentOf } from "../../servers/dump/content.js";
import { askItself } from "../../servers/process/holdUps.js";
import { openSession, type Session } from "../../servers/sql/session.js";
import { readFilesOf } from "../../servers/status/refused.js";
import { runningSettings } from "../../servers/status/runningSettings.js";
import { slotsIn } from "../../servers/status/slots.js";
import { askedOf, catalogueNamesSql } from "../support/askedSql.js";
import { Cluster } from "../support/cluster.js";
import { writeOldNames } from "../support/oldFixtures.js";
import { atOldServers } from "../support/oldServers.js";
import { ran } from "../support/ran.js";

/* What pgsite asks by SQL, asked of servers that no registry carries: what a version does not know is no syntax error to find out by. */

atOldServers("what pgsite asks", (server) => {
  const { major } = server;
  let cluster: Cluster;
  let session: Session;

  beforeAll(async () => {
    cluster = await Cluster.withPrimary(major, 240);
    const [primary] = cluster.site.servers;
    if (primary === undefined) throw new Error("the cluster has no server");
    const user = cluster.site.administrator;
    session = await openSession(primary, { user, password: cluster.passwords[user] ?? "" });
  }, 60_000);

  afterAll(async () => {
    await session?.end();
    await cluster?.close();
  });

  it("is understood", { timeout: 60_000 }, async () => {
    const statements = askedOf(major);
    expect(statements.length).toBeGreaterThan(18);
    for (const sql of statements) {
      await session.query(sql).catch((error: Error) => {
        throw new Error(`${error.message}: ${sql}`);
      });
    }
    const settings = await runningSettings(session, major);
    expect(settings.size).toBeGreaterThan(150);
    await readFilesOf(session, major);
    await slotsIn(session, major);
    await askItself(session, major);
    await contentOf(session, major);
    if (process.env.PGSITE_RECORD_FIXTURES === "yes") {
      const names = await session.query(catalogueNamesSql);
      writeOldNames(
        server.version,
        names.map(({ name }) => `${name}`),
      );
    }
    ran(server, "statements");
  });
});
