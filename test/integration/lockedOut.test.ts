import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LocalSite } from "../support/localSite.js";
import { waysToLockOut } from "../support/lockedOut.js";

const nothingToDo = /Resources:\n {4}\d+ unchanged\n/;

describe("a server that keeps pgsite out", { timeout: 60_000 }, () => {
  let site: LocalSite;

  beforeAll(async () => {
    site = await LocalSite.make({ major: "15", block: 70, servers: ["server2"] });
    // Where no address is left, the server needs a socket to start at all.
    site.declare({ servers: { server2: { settings: { unix_socket_directories: site.folder } } } });
    await site.up();
  }, 120_000);

  afterAll(() => site?.remove());

  it.each(waysToLockOut("15"))(
    "by $name: the preview says which, one up mends it, and nobody touches the host",
    async (way) => {
      const end = await way.lock(site);
      try {
        const shown = await site.preview();
        expect(shown).toContain(way.said);
        const said = await site.up();
        if (way.done !== undefined) expect(said).toContain(way.done);
        expect(await site.query("server2", "select current_user as me")).toEqual([{ me: "postgres" }]);
        expect(shown + said).not.toContain(site.passwords.postgres);
      } finally {
        await end?.();
      }
      expect(await site.preview()).toMatch(nothingToDo);
    },
  );
});

describe("a first up that failed", { timeout: 60_000 }, () => {
  let site: LocalSite;

  beforeAll(async () => {
    site = await LocalSite.make({ major: "15", block: 71 });
  }, 120_000);

  afterAll(() => site?.remove());

  it("for what the server runs at login ends soon, and says so; corrected, the next up installs that at once", async () => {
    site.declare({ settings: { session_preload_libraries: "nowhere" } });
    const began = Date.now();
    const failed = await site.failing("up");
    expect(failed).toContain("what the server runs at login fails");
    expect(failed).not.toContain("add a rule for `replication`");
    expect(Date.now() - began).toBeLessThan(30_000);
    // A server that does not start any more is no way out either.
    site.declare({ settings: { shared_preload_libraries: "nowhere" } });
    expect(await site.failing("up")).toContain('could not access file "nowhere"');
    site.declare();
    await site.up();
    expect(await site.preview()).toMatch(nothingToDo);
  });
});
