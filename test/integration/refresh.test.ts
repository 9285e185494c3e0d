import { appendFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Rehearsal } from "../../cli/rehearsal/rehearsal.js";
import { lookOfRefresh } from "../../servers/status/look.js";
import { acting } from "../../servers/status/refresh.js";
import { asked, repeated } from "../support/asked.js";
import { InProcess } from "../support/engine.js";
import { Plot, plantSite } from "../support/plantSite.js";

let rehearsal: Rehearsal;
let engine: InProcess;

beforeAll(async () => {
  rehearsal = await plantSite("15", 195, "refresh");
  engine = await InProcess.of(rehearsal, "plants");
}, 240_000);
afterAll(async () => rehearsal?.down(), 120_000);

describe("a refresh", () => {
  it("looks once at everything of a server, whoever shows it", async () => {
    const { ofHosts, ofServers } = await asked(() => engine.preview());
    // Three servers share their programs.
    expect(repeated(ofHosts)).toEqual([expect.stringMatching(/^3 × realPath .*\/bin\/postgres$/)]);
    const settings = ofServers.filter((question) => question.includes("from pg_settings"));
    expect(settings).toHaveLength(2);
  });

  it("never sees what was there before an act of ours", async () => {
    const plot = new Plot("15", engine);
    const server = plot.server("des10");
    const hba = async () => (await (await lookOfRefresh(server)).files(["pg_hba.conf"])).files["pg_hba.conf"];
    const before = await hba();
    await expect(
      acting(async () => {
        appendFileSync(plot.path("des10", "pg_hba.conf"), "# changed\n");
        expect(await hba()).toBe(before);
        throw new Error("cut off");
      }),
    ).rejects.toThrow("cut off");
    expect(await hba()).toBe(`${before}# changed\n`);
  });
});
