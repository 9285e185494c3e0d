import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LocalSite } from "../support/localSite.js";
import { LockedSite, type LockOut, unsaid, waysToLockOut } from "../support/lockedOut.js";
import { whyNoSite } from "../support/remoteSite.js";

const why = whyNoSite();
const nothingToDo = /Resources:\n {4}\d+ unchanged\n/;
const ways = waysToLockOut("15");

function way(name: string): LockOut {
  const found = ways.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no way to lock out by ${name}`);
  return found;
}

describe.skipIf(why !== undefined)(
  `servers that keep pgsite out${why ? ` (${why})` : ""}`,
  { timeout: 240_000 },
  () => {
    let site: LockedSite;

    beforeAll(async () => {
      site = await LockedSite.make("15");
    }, 120_000);

    afterAll(() => site?.remove(), 60_000);

    describe("for the rules of the stack file, from the first up on", () => {
      /** The primary is asked over the network, which its firewall is open to for once. */
      const hosts = () => {
        const host = (name: string) => ({ address: site.site.host(name).address, login: "root" });
        return { one: { ...host("one"), sessions: "direct" }, two: host("two") };
      };

      it("say so in seconds, pgsite's own session and a standby's apart", async () => {
        await site.site.host("one").must(["ip", "rule", "del", "pref", "1"]);
        // Without any rule the stack file itself is refused: of an address, nobody knows before whether it is pgsite's.
        site.site.declare({ hosts: hosts(), access: ["host all postgres 192.0.2.1/32 scram-sha-256"] });
        const own = await site.site.failingUp();
        expect(own).toContain("pgsite is kept out: no rule of pg_hba.conf in force lets postgres in");
        expect(own).toContain(
          "none is for the address that pgsite comes from: declare one (access), or have its sessions",
        );
        expect(own).not.toContain("replication");
        const tries = await site.refusals("no pg_hba.conf entry for host");
        // A minute had 300 of them. Two seconds, and what a busy machine takes.
        expect((tries.at(-1) ?? 0) - (tries[0] ?? 0)).toBeLessThan(6000);

        const letIn = `host all postgres ${site.site.net.control.address}/32 scram-sha-256`;
        site.site.declare({ hosts: hosts(), access: [letIn, "host replication all all reject"] });
        const standbys = await site.site.failingUp();
        expect(standbys).toMatch(
          /two does not work: it does not stream from one; its log says "FATAL: .* rejects replic/,
        );
        expect(standbys).toContain("a rule of its upstream's pg_hba.conf rejects it");
        // A walreceiver tries every five seconds: a minute had twelve. The base backup was refused once.
        const { length } = await site.refusals("pg_hba.conf rejects replication connection");
        expect(length).toBeLessThanOrEqual(4);
      });

      it("are corrected there, the next up goes on, and nobody edits pg_hba.conf", async () => {
        site.site.declare({});
        await site.site.up();
        expect(await site.site.preview()).toMatch(nothingToDo);
      });
    });

    // Each of test/proof/lockedOut.proof.ts alone, and with versions 11 and 18.
    it.each([
      ["NOLOGIN", "rules that reject everybody, before all others"],
      ["all connections in use", "a library that is not there, in the files"],
      ["another port", "another port"],
    ])(
      "the primary by %s, the standby by %s: the preview says which, one up mends both, and nobody touches a host",
      async (one, two) => {
        const told = await site.suffers({ one: way(one), two: way(two) });
        expect([...unsaid(told, "one", way(one)), ...unsaid(told, "two", way(two))].join("\n")).toBe("");
        expect([await site.letsIn("one"), await site.letsIn("two")]).toEqual([true, true]);
      },
    );

    it("have nothing left to do then", async () => {
      expect(await site.site.preview()).toMatch(nothingToDo);
    });
  },
);

describe("a first up that failed", { timeout: 240_000 }, () => {
  let site: LocalSite;

  beforeAll(async () => {
    site = await LocalSite.make({ major: "15", block: 71, servers: ["server2"] });
  }, 120_000);

  afterAll(() => site?.remove());

  it("for what the server runs at login ends soon, and says so; corrected, the next up installs that at once", async () => {
    site.declare({ settings: { session_preload_libraries: "nowhere" } });
    const failed = await site.failing("up");
    expect(failed).toContain("what the server runs at login fails");
    expect(failed).not.toContain("add a rule for `replication`");
    // A minute of waiting had hundreds.
    const log = readFileSync(join(site.controlDirectory("server2"), "start.log"), "utf8");
    expect(log.split('FATAL:  could not access file "nowhere"').length).toBeLessThan(60);
    // A server that does not start any more is no way out either.
    site.declare({ settings: { shared_preload_libraries: "nowhere" } });
    expect(await site.failing("up")).toContain('could not access file "nowhere"');
    site.declare();
    await site.up();
    expect(await site.preview()).toMatch(nothingToDo);
  });
});
