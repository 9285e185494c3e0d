import { afterAll, beforeAll, expect, it } from "vitest";
import { renderProbe } from "../../postgres/watch/probe.js";
import { contentOf } from "../../servers/dump/content.js";
import { askItself } from "../../servers/process/holdUps.js";
import { countersSql, openDatabasesSql } from "../../servers/sql/counters.js";
import { openSession, type Session } from "../../servers/sql/session.js";
import { namesOf } from "../../servers/sql/versions.js";
import { readFilesOf } from "../../servers/status/refused.js";
import { runningSettings } from "../../servers/status/runningSettings.js";
import { slotsIn } from "../../servers/status/slots.js";
import { clusterSql, databaseSql, sequencesSql } from "../../servers/upgrade/compareSql.js";
import * as questions from "../../servers/upgrade/questions.js";
import { Cluster } from "../support/cluster.js";
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
    const names = namesOf(major);
    const asked = [
      ...Object.values(questions).map((one) => (typeof one === "string" ? one : one(major))),
      ...[clusterSql(major), databaseSql(major), sequencesSql(major), countersSql, openDatabasesSql],
      ...renderProbe(major).split(/;\n/),
      `select ${names.currentLsn}, ${names.walFileName}(${names.currentLsn}), ${names.receiveLsn}, ${names.replayLsn}`,
      `select ${names.switchWal}`,
      ...(names.replayTimestamp === null ? [] : [`select ${names.replayTimestamp}`]),
      ...(names.createRestorePoint === null ? [] : [`select ${names.createRestorePoint}('here')`]),
      ...(names.replication === null ? [] : [`select ${Object.values(names.replication)} from pg_stat_replication`]),
    ];
    const statements = asked.flatMap((sql) => (sql === undefined || sql.trim() === "" ? [] : [sql]));
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
    ran(server, "statements");
  });
});
