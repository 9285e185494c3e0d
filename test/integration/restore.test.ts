import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BackedUp } from "../support/backedUp.js";
import { haveClients, OwnServer, processesOf } from "../support/ownServer.js";
import { contentOf, restored } from "../support/restored.js";
import { sispiPasswords } from "../support/sispi.js";

const databases = ["decam", "desbrdev", "decamcrl"];
const odd = `public.odd\ttab, Müller's \\ "q" $1*?`;

describe.skipIf(!haveClients())("a restore", () => {
  let site: BackedUp;
  let other: OwnServer;
  let run = "";
  let whole: unknown;
  const at = () => `${other.sockets}:${other.port}`;
  const content = () => contentOf(other, databases);

  beforeAll(async () => {
    [site, other] = await Promise.all([BackedUp.make({ rows: 200 }), OwnServer.make()]);
    const { code, stderr, events } = await site.backup();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    run = events.find(([word]) => word === "made")?.[1] ?? "";
    whole = await contentOf(site.server, databases);
  }, 90_000);

  afterAll(async () => {
    await Promise.all([site?.close(), other?.close()]);
  }, 60_000);

  it("says what it would do, and what is in the way, and changes nothing", async () => {
    const before = await other.query("postgres", "select datname from pg_database order by 1");
    const { outcome, ways } = await restored(site, { at: at(), dryRun: true });
    expect(outcome).toEqual({ code: "refused" });
    expect(ways).toContainEqual({ code: "role", role: "dbadmin", database: "decam" });
    const { outcome: good, events } = await restored(site, { at: at(), globals: true, dryRun: true });
    expect(good.code).toBe("dry");
    expect(events).toContainEqual({ code: "makeRole", name: "observers" });
    expect(events.flatMap((event) => (event.code === "make" ? [event.target] : []))).toEqual(
      expect.arrayContaining(databases),
    );
    expect(await other.query("postgres", "select datname from pg_database order by 1")).toBe(before);
  });

  it("of a whole run brings an empty server to what the other was: by dumps of both that are not ours", async () => {
    const { outcome, events } = await restored(site, { at: at(), from: run, globals: true, replace: true });
    expect(events.filter(({ code }) => code === "error" || code === "remark")).toEqual([]);
    expect(outcome.code).toBe("done");
    expect(await content()).toEqual(whole);
    const last = events.filter((event) => event.code === "progress").at(-1);
    expect(last).toMatchObject({ done: (last as { total: number }).total });
    expect(processesOf(other)).toEqual([]);
  }, 60_000);

  it("writes over nothing that is there", async () => {
    const refused = await restored(site, { at: at() });
    expect(refused.outcome).toEqual({ code: "refused" });
    expect(refused.ways.map((way) => (way.code === "database" ? way.database : way.code))).toEqual(
      expect.arrayContaining(databases),
    );
    const table = await restored(site, { at: at(), database: "decam", table: "exposure.exposure" });
    expect(table.ways).toEqual([{ code: "rows", database: "decam", schema: "exposure", table: "exposure" }]);
    const schema = await restored(site, { at: at(), database: "decam", schema: "bss" });
    expect(schema.ways).toEqual([{ code: "rows", database: "decam", schema: "bss", table: "script" }]);
    expect(await content()).toEqual(whole);
  }, 30_000);

  it("says what the run does not have", async () => {
    const ways = async (request: Parameters<typeof restored>[1]) =>
      (await restored(site, { at: at(), ...request })).ways;
    expect(await ways({ database: "decan" })).toEqual([{ code: "unknownDatabase", database: "decan" }]);
    expect(await ways({ database: "decam", schema: "obs" })).toEqual([
      { code: "unknownSchema", database: "decam", schema: "obs" },
    ]);
    expect(await ways({ database: "decam", table: "obstac.plans" })).toEqual([
      { code: "unknownTable", database: "decam", table: "obstac.plans" },
    ]);
    const { outcome } = await restored(site, { at: at(), from: "20000101T000000Z" });
    expect(outcome).toMatchObject({ code: "ended" });
  });

  it.each([
    ["a schema", "drop schema bss cascade", { schema: "bss" }],
    [
      "a table, with what belongs to it and what points at it",
      "drop table telemetry.weather cascade",
      { table: "telemetry.weather" },
    ],
    ["a partitioned table", "drop table alarms.history cascade", { table: "alarms.history" }],
    ["a table whose name is odd", `delete from public."odd\ttab, Müller's \\ ""q"" $1*?"`, { table: odd }],
    [
      "rows and a sequence, of a table that lost both",
      "delete from telemetry.environment; select setval('telemetry.environment_id_seq', 5)",
      { table: "telemetry.environment" },
    ],
    [
      "rows of a table that is there",
      "update exposure.exposure set note = 'overwritten'",
      { table: "exposure.exposure", replace: true },
    ],
    [
      "rows of all tables of a schema",
      "delete from telemetry.dome where id > 5; truncate telemetry.seeing; drop table telemetry.shutter",
      { schema: "telemetry", replace: true },
    ],
    ["a whole database, beside the one that is there", "drop table users.account cascade", { replace: true }],
  ])(
    "brings back %s as it was",
    async (_, damage, request) => {
      await other.query("decam", damage);
      const { outcome, events } = await restored(site, { at: at(), database: "decam", ...request });
      expect(events.filter(({ code }) => code === "error")).toEqual([]);
      expect(outcome.code).toBe("done");
      expect(await content()).toEqual(whole);
    },
    30_000,
  );

  it("keeps a database that it replaced", async () => {
    const kept = await other.query("postgres", "select datname from pg_database where datname ~ '^decam_before_'");
    expect(kept).toMatch(/^decam_before_\d{8}t\d{6}z$/);
    expect(await other.query(kept, "select to_regclass('users.account') is null")).toBe("t");
    await other.query("postgres", `drop database ${kept}`);
  });

  it("replaces no rows where others would point at nothing", async () => {
    await other.query(
      "decam",
      `insert into exposure.exposure (id, taken) values (5000, now()); update telemetry.weather set exposure = 5000 where id = 9`,
    );
    const before = await content();
    const { outcome, events } = await restored(site, {
      at: at(),
      database: "decam",
      table: "exposure.exposure",
      replace: true,
    });
    expect(outcome).toEqual({ code: "failed", faults: 1 });
    const said = events.flatMap((event) => (event.code === "error" ? [event.message] : []));
    expect(said.join("\n")).toContain("weather_exposure_fkey");
    expect(await content()).toEqual(before);
    await restored(site, { at: at(), database: "decam", table: "telemetry.weather", replace: true });
    await restored(site, { at: at(), database: "decam", table: "exposure.exposure", replace: true });
    expect(await content()).toEqual(whole);
  }, 30_000);

  it("brings a table into a database of its own, to be looked at", async () => {
    const { outcome, events } = await restored(site, {
      at: at(),
      database: "decam",
      table: "obstac.plan",
      into: "looked at",
    });
    expect(events.filter(({ code }) => code === "error")).toEqual([]);
    expect(outcome.code).toBe("done");
    expect(
      await other.query(
        "looked at",
        "select (select count(*) from obstac.plan), (select count(*) from exposure.exposure)",
      ),
    ).toBe("5\t0");
    await other.query("postgres", `drop database "looked at"`);
  }, 30_000);

  it("takes no run that is not what was written", async () => {
    const path = join(site.folder, run, "decam/frame.dump");
    const good = readFileSync(path);
    const bad = Buffer.from(good);
    bad[bad.length - 20] = (bad[bad.length - 20] ?? 0) ^ 1;
    writeFileSync(path, bad);
    const { outcome, ways } = await restored(site, { at: at(), database: "decam", into: "another" });
    expect([outcome.code, ways]).toEqual(["refused", [{ code: "damaged", file: "decam/frame.dump" }]]);
    expect(await other.query("postgres", "select count(*) from pg_database where datname = 'another'")).toBe("0");
    writeFileSync(path, good);
  }, 30_000);

  it("lets no password get into the server's log", () => {
    const log = readFileSync(join(other.folder, "log"), "utf8");
    for (const password of Object.values(sispiPasswords)) expect(log).not.toContain(password);
    expect(log).not.toMatch(/SCRAM-SHA-256\$|PASSWORD '/);
  });
});
