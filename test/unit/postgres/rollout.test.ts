import { describe, expect, it } from "vitest";
import type { ActualServer, DesiredServer } from "../../../postgres/rollout/model.js";
import { planRollout } from "../../../postgres/rollout/plan.js";
import { allRunning, cascade, desired, running, words } from "../../support/rolloutPlans.js";

describe("the order of a rollout", () => {
  it("is empty where everything is as declared", () => {
    const shall = cascade({ max_connections: "400" });
    expect(planRollout(allRunning(shall), shall)).toEqual({ steps: [], refusals: [] });
  });

  it("raises a floor on the leaves first, then their upstream, then the primary", () => {
    const shall = cascade({ max_connections: "500" });
    expect(words(allRunning(shall, { max_connections: "400" }), shall)).toEqual([
      "1. des10: restart (max_connections 400 → 500)",
      "2. server3: restart (max_connections 400 → 500)",
      "3. server2: restart (max_connections 400 → 500)",
    ]);
  });

  it("lowers a floor on the primary first", () => {
    const shall = cascade({ max_connections: "300" });
    expect(words(allRunning(shall, { max_connections: "400" }), shall)).toEqual([
      "1. server2: restart (max_connections 400 → 300)",
      "2. des10: restart (max_connections 400 → 300)",
      "3. server3: restart (max_connections 400 → 300)",
    ]);
  });

  it("restarts standbys twice where one floor rises and another falls", () => {
    const shall = cascade({ max_connections: "500", max_prepared_transactions: "50" });
    const { server2, server3 } = shall;
    if (server2 === undefined || server3 === undefined) throw new Error("no cascade");
    const before = { max_connections: "400", max_prepared_transactions: "100" };
    expect(words(allRunning({ server2, server3 }, before), { server2, server3 })).toEqual([
      "1. server3: restart (max_connections 400 → 500, max_prepared_transactions stays 100 until server2 has its new value)",
      "2. server2: restart (max_connections 400 → 500, max_prepared_transactions 100 → 50)",
      "3. server3: restart (max_prepared_transactions 100 → 50)",
    ]);
  });

  it.each([
    ["at another port", { port: "5999" }, "port 5999 → 5442"],
    ["at no address", { listen_addresses: "" }, "listen_addresses '' → *"],
    ["at its own loopback alone", { listen_addresses: "localhost" }, "listen_addresses localhost → *"],
  ])("restarts an upstream that listens %s before those that are to stream from it", (_where, other, change) => {
    const declared = { port: "5442", listen_addresses: "*" };
    const shall = cascade(declared);
    const is = allRunning(shall, { ...declared, ...other });
    expect(words(is, shall)).toEqual([
      `1. server2: restart (${change})`,
      `2. server3: restart (${change})`,
      `3. des10: restart (${change})`,
    ]);
    // One that listens there as well may be last, as ever.
    const more = cascade({ ...declared, shared_buffers: "1GB" });
    expect(words(allRunning(shall), more).at(-1)).toMatch(/^3\. server2/);
  });

  it("gives a warm standby no floor: it goes before the primary also where the value falls", () => {
    const settings = { max_connections: "300", hot_standby: "off" };
    const shall = {
      server2: desired("primary", settings),
      server3: desired("standby", settings, { hotStandby: false }),
    };
    expect(words(allRunning(shall, { ...settings, max_connections: "400" }), shall)).toEqual([
      "1. server3: restart (max_connections 400 → 300)",
      "2. server2: restart (max_connections 400 → 300)",
    ]);
  });

  it("reloads where that is enough, and installs a comment without", () => {
    const shall = cascade({ work_mem: "8MB" });
    const is = {
      ...allRunning(shall),
      server2: running(shall.server2 as DesiredServer, { work_mem: "4MB" }),
      des10: running(shall.des10 as DesiredServer, undefined, {
        files: { "postgresql.conf": "other", "pg_hba.conf": "hba" },
      }),
      server3: running(shall.server3 as DesiredServer, undefined, {
        files: { ...(shall.server3 as DesiredServer).files, "pg_hba.conf": "other" },
      }),
    };
    expect(words(is, shall)).toEqual([
      "1. server2: reload (work_mem 4MB → 8MB)",
      "2. server3: reload (pg_hba.conf)",
      "3. des10: install (text of postgresql.conf)",
    ]);
  });

  it("asks the version whether a change takes a restart", () => {
    for (const [version, action] of [
      ["12", "restart"],
      ["13", "reload"],
    ] as const) {
      const shall = { server3: desired("standby", { primary_conninfo: "host=b" }, { version }) };
      expect(words(allRunning(shall, { primary_conninfo: "host=a" }), shall)).toEqual([
        `1. server3: ${action} (primary_conninfo host=a → host=b)`,
      ]);
    }
  });

  it("compares values and not their spelling, and takes an absent setting as its default", () => {
    const shall = { server2: desired("primary", { work_mem: "64MB", fsync: "on", max_connections: "100" }) };
    const is = { server2: running(shall.server2, { work_mem: "65536kB", fsync: "true" }) };
    expect(words(is, shall)).toEqual(["1. server2: install (text of postgresql.conf)"]);
  });

  it("starts what is stopped, the primary before what follows it, with its new files", () => {
    const shall = cascade({ max_connections: "500" });
    const is = Object.fromEntries(
      Object.entries(allRunning(shall, { max_connections: "400" })).map(([name, server]) => [
        name,
        { ...server, running: false },
      ]),
    );
    expect(words(is, shall)).toEqual([
      "1. server2: start (stopped, max_connections 400 → 500)",
      "2. server3: start (stopped, max_connections 400 → 500)",
      "3. des10: start (stopped, max_connections 400 → 500)",
    ]);
  });

  it("starts a stopped hot standby with what it last had: its control file may ask for it", () => {
    const shall = {
      server2: desired("primary", { max_connections: "300" }),
      server3: desired("standby", { max_connections: "300" }),
    };
    const is = Object.entries(allRunning(shall, { max_connections: "400" }));
    const stopped = Object.fromEntries(is.map(([name, server]) => [name, { ...server, running: false }]));
    expect(words(stopped, shall)).toEqual([
      "1. server2: start (stopped, max_connections 400 → 300)",
      "2. server3: start (stopped, max_connections stays 400 until server2 has its new value)",
      "3. server3: restart (max_connections 400 → 300)",
    ]);
    const primaryHasIt = { ...stopped, server2: running(shall.server2) };
    expect(words(primaryHasIt, shall)).toEqual([
      "1. server3: start (stopped, max_connections stays 400 until server2 has its new value)",
      "2. server3: restart (max_connections 400 → 300)",
    ]);
  });

  it("starts a stopped primary with its old floor while running standbys are below the new one", () => {
    const shall = {
      server2: desired("primary", { max_connections: "500" }),
      server3: desired("standby", { max_connections: "500" }),
    };
    const is = allRunning(shall, { max_connections: "400" });
    expect(words({ ...is, server2: { ...(is.server2 as ActualServer), running: false } }, shall)).toEqual([
      "1. server2: start (stopped, max_connections stays 400 until server3 has its new value)",
      "2. server3: restart (max_connections 400 → 500)",
      "3. server2: restart (max_connections 400 → 500)",
    ]);
  });

  it("leaves a server without data to its seeding", () => {
    const shall = cascade({ max_connections: "500" });
    const is = allRunning(shall);
    expect(
      planRollout({ ...is, des10: { ...(is.des10 as ActualServer), data: false, running: false } }, shall).steps,
    ).toEqual([]);
  });

  it("finishes what an interrupted rollout owes", () => {
    const shall = cascade({ max_connections: "500" });
    const is = allRunning(shall);
    expect(words({ ...is, server3: { ...(is.server3 as ActualServer), pending: "restart" } }, shall)).toEqual([
      "1. server3: restart (an interrupted rollout)",
    ]);
  });

  it("refuses a change of roles that no switchover brings about, naming every server", () => {
    const shall = { server2: desired("primary"), server3: desired("standby"), des10: desired("mirror") };
    const is = {
      server2: running(shall.server2, {}, { inRecovery: false }),
      server3: running(shall.server3, {}, { inRecovery: false }),
      des10: running(shall.des10, {}, { inRecovery: true }),
    };
    expect(words(is, shall)).toEqual([
      "refused: server3 is not in recovery and is declared standby: a switchover takes one primary and the standby that is to follow it. Nothing was changed; declare the roles that the servers have",
    ]);
  });

  it("refuses a hot standby declared below its primary", () => {
    const shall = {
      server2: desired("primary", { max_connections: "500" }),
      server3: desired("standby", { max_connections: "400" }),
    };
    expect(planRollout(allRunning(shall), shall).steps).toEqual([]);
    expect(words(allRunning(shall), shall)).toEqual([
      "refused: server3: max_connections 400 is below the 500 of server2, and a hot standby would not start",
    ]);
  });
});
