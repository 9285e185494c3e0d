import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectAsked, kept, nothingToDo, protection, runbook } from "../support/acts.js";
import { LocalSite } from "../support/localSite.js";

describe("an up that changes what protects a site", { timeout: 120_000 }, () => {
  let site: LocalSite;
  const disposable = { disposable: true };

  beforeAll(async () => {
    site = await LocalSite.make({ major: "15", block: 141, description: disposable });
    await site.up();
  }, 120_000);
  afterAll(() => site?.remove(), 60_000);

  it("leaves guards that can ask where it fails, also of a password that it had begun to change; the next one ends it", async () => {
    const before = protection(site);
    await expectAsked(site);
    await site.setPassword("replicator", "an0ther");
    site.declare({ tls: { certificates: "made" } });
    await site.failing("up");
    expect(protection(site)).toEqual(before);
    await expectAsked(site);
    expect(await runbook(site, "server2", "guard", "--dry-run")).toEqual({ code: 0, said: "" });
    site.declare();
    await site.up();
    for (const server of ["server2", "server3"]) {
      expect(kept(site, server, "passfile")).toMatch(/^\S+:an0ther\n$/);
    }
    await expectAsked(site);
    expect(await site.preview()).toMatch(nothingToDo);
  });

  it("refuses that two servers swap their data", async () => {
    site.declare({
      servers: {
        // At the same port, the port is taken: that is said first.
        server2: { dataDirectory: site.dataDirectory("server3"), port: 5443 },
        server3: { dataDirectory: site.dataDirectory("server2"), port: 5443 },
      },
    });
    const said = await site.failing("preview");
    // Pulumi ends the preview with the first of the two.
    expect(said).toMatch(
      /the data directory of server[23], holds the data of server[23] of the site orders, and was not made by pgsite for this server/,
    );
  });

  it("leaves everything, and all servers running, where the data were declared to stay before they are destroyed", async () => {
    site.declare({ disposable: false });
    await site.up();
    await site.destroy();
    for (const server of ["server2", "server3"]) {
      expect(site.postmaster(server)).toBeDefined();
      for (const name of ["passfile", "runbook/guard", "runbook/peers"]) {
        expect(existsSync(join(site.controlDirectory(server), name)), name).toBe(true);
      }
    }
    expect(await site.query("server3", "select pg_is_in_recovery()::text as recovery")).toEqual([{ recovery: "true" }]);
    await expectAsked(site);
  });
});
