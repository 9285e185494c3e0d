import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { Major } from "../../postgres/versions.js";
import { clientPrograms } from "../../toolchain/clients.mjs";
import { BackedUp } from "../support/backedUp.js";
import { programsOfTen } from "../support/olderPrograms.js";
import { haveClients, OwnServer } from "../support/ownServer.js";
import { availableMajors, programsOf } from "../support/programs.js";
import { contentOf, drilled, restored } from "../support/restored.js";

/*
 * A run of a site of SISPI's shape comes back in every version that can be had: into an empty server, as one database, as a schema, as a table,
 * compared by dumps that are not ours; a drill finds the same.
 */

const databases = ["decam", "desbrdev", "decamcrl"];
const only = process.env.PGSITE_MAJOR;
const majors = (["9.6", "10", "11", "12", "13", "14", "15", "16", "17", "18"] as const).filter((major) =>
  only === undefined ? availableMajors().includes(major) : major === only,
);

describe.skipIf(!haveClients())("a run comes back as it was", () => {
  const opened: { close(): Promise<void> }[] = [];
  // After each, also where it failed: ten versions' servers are too many to be left to the end.
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((one) => one.close()));
  }, 60_000);

  /** A site with so many rows in its largest table, and an empty server. */
  async function pair(major: Major, rows: number) {
    const clients = await clientPrograms(major);
    if (clients === undefined) throw new Error(`there are no client programs for PostgreSQL ${major} here`);
    const programs = await programsOf(major);
    const other = await OwnServer.make({ major, programs });
    opened.push(other);
    const site = await BackedUp.make({ major, programs, rows }, { job: { clientDirectory: clients } });
    opened.push(site);
    return { site, other, clients };
  }

  /** The guide's plan at the size that it is made for. */
  it("whole, 2 GB of it", { timeout: 1_800_000 }, async () => {
    const { site, other, clients } = await pair("15", 2_150_000);
    const { code, stderr, events } = await site.backup();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const bytes = Number(await site.server.query("postgres", "select sum(pg_database_size(oid)) from pg_database"));
    console.log(
      `databases: ${bytes} bytes; ${events
        .filter(([word]) => word === "phase")
        .map((fields) => fields.join(" "))
        .join(", ")}`,
    );
    expect(bytes).toBeGreaterThan(2e9);
    const found = await drilled(site);
    expect(found.events.filter((event) => event.code === "difference" || event.code === "error")).toEqual([]);
    expect(found.outcome).toMatchObject({ code: "equal" });
    const at = `${other.sockets}:${other.port}`;
    const { outcome } = await restored(site, { at, globals: true, replace: true });
    expect(outcome.code).toBe("done");
    expect(await contentOf(other, databases, clients)).toEqual(await contentOf(site.server, databases, clients));
  });

  it.each(majors)("at %s", (major: Major) => comesBack(major));

  // At 10 what Debian's pg_restore writes would be taken for what one of 10 writes, which it is not.
  it.each(majors.filter((major) => major === "9.6"))(
    "at %s, by programs of 10 as far as a database's own settings go",
    (major: Major) => comesBack(major, programsOfTen),
  );

  async function comesBack(major: Major, made?: (folder: string) => string): Promise<void> {
    const { site, other, clients } = await pair(major, 2000);
    if (made !== undefined) await site.install({ job: { clientDirectory: made(join(site.server.folder, "bin")) } });
    const { code, stderr } = await site.backup();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const whole = await contentOf(site.server, databases, clients);
    const at = `${other.sockets}:${other.port}`;
    const comes = async (request: Parameters<typeof restored>[1]) => {
      const { outcome, events } = await restored(site, { at, ...request });
      expect(events.filter((event) => event.code === "error" || event.code === "way")).toEqual([]);
      expect(outcome.code).toBe("done");
      expect(await contentOf(other, databases, clients)).toEqual(whole);
    };
    await comes({ globals: true, replace: true });
    await other.query("decam", "drop schema obstac cascade");
    await comes({ database: "decam", schema: "obstac" });
    await other.query("decam", "drop table telemetry.weather cascade");
    await comes({ database: "decam", table: "telemetry.weather" });
    await other.query("decam", "drop table alarms.history cascade");
    await comes({ database: "decam", table: "alarms.history" });
    await other.query("decam", "delete from telemetry.environment where id > 100");
    await comes({ database: "decam", table: "telemetry.environment", replace: true });
    await other.query("decam", "drop schema exposure cascade");
    await comes({ database: "decam", replace: true });
    const { outcome, events } = await drilled(site);
    expect(events.filter((event) => event.code === "difference" || event.code === "error")).toEqual([]);
    expect(outcome).toMatchObject({ code: "equal" });
  }
});
