import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { proveWorking } from "../../servers/process/proof.js";
import { openSession, type Session } from "../../servers/sql/session.js";
import { statusOf } from "../../servers/status/status.js";
import { Cluster } from "../support/cluster.js";
import { availableMajors } from "../support/programs.js";

// 9.6 still has everything that 9.0 has: told that it is one, pgsite takes exclusive backups, and proves by process
// titles what it cannot ask. So the code for 9.0 to 9.5 runs on a real server although no package carries those.
vi.mock("../../servers/sql/versions.js", async (original) => {
  const real = await original<typeof import("../../servers/sql/versions.js")>();
  return { ...real, namesOf: () => real.namesOf("9.0") };
});

describe.skipIf(!availableMajors().includes("9.6"))("with what 9.0 has", () => {
  let cluster: Cluster;
  let session: Session;

  beforeAll(async () => {
    cluster = await Cluster.withPrimary("9.6", 70);
    session = await openSession(cluster.server("server2"), { user: "dbadmin", password: "secret" });
  }, 90_000);

  afterAll(async () => {
    await session?.end();
    await cluster?.close();
  });

  const inBackup = async () => (await session.query("select pg_is_in_backup()::text as yes"))[0]?.yes === "true";

  it("another program's backup in progress is not ended: refused", async () => {
    await session.query("select pg_start_backup('nightly', true)");
    await expect(cluster.seed("server3")).rejects.toThrow(
      "server2 has a base backup of another program in progress (nightly): wait until it has ended",
    );
    expect(await inBackup()).toBe(true);
    await session.query("select pg_stop_backup()");
  });

  it("a backup that is stopped on request is ended on the server", async () => {
    const stop = new AbortController();
    const progress = { start: () => stop.abort(new Error("enough")), advance: () => undefined, end: () => undefined };
    await expect(cluster.seed("server3", { signal: stop.signal, progress })).rejects.toThrow("enough");
    expect(await inBackup()).toBe(false);
  });

  it("a backup of ours that a killed pgsite left is ended; two at once wait for each other", async () => {
    await session.query("select pg_start_backup('pgsite base backup for server3', true)");
    const said: string[] = [];
    const report = (line: string) => said.push(line);
    await Promise.all([cluster.seed("server3", { report }), cluster.seed("des10", { report })]);
    expect(said).toContain("ending the base backup that an interrupted pgsite left in progress on server2");
    expect(said).toContain("waiting for another base backup from server2: this version does one at a time");
    expect(await inBackup()).toBe(false);
  });

  it("a warm and a hot standby are proven by what their processes say, and shown", async () => {
    for (const name of ["server3", "des10"]) {
      await cluster.start(name);
      const proof = await proveWorking({ ...cluster, server: cluster.server(name), deadline: 15_000 });
      expect(proof).toMatchObject({ state: "streams", upstream: "server2" });
    }
    const rows = await statusOf(cluster);
    expect(rows.map(({ name, state, timeline, problems }) => ({ name, state, timeline, problems }))).toEqual([
      { name: "server2", state: "read-write", timeline: 1, problems: [] },
      { name: "server3", state: "in recovery, refuses queries", timeline: 1, problems: [] },
      { name: "des10", state: "in recovery, read-only", timeline: 1, problems: [] },
    ]);
  });
});
