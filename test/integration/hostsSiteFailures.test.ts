import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { triesAll } from "../support/everyRun.js";
import { sayNfs } from "../support/multihost/nfs.js";
import { availableMajors, programsOf } from "../support/programs.js";
import { binaries, dataDirectories, RemoteSite, whyNoSite } from "../support/remoteSite.js";

const why = whyNoSite();
const another = "14";

/** What is broken, how it is mended, and what an `up` says meanwhile. */
interface Failure {
  readonly breaks: () => Promise<void> | void;
  readonly mends: () => Promise<void> | void;
  readonly says: RegExp;
  /** What happens while the standby's base backup is being copied. */
  readonly meanwhile?: () => Promise<void> | void;
  /** An `up` may take so long until it gives up. @default 40 */
  readonly seconds?: number;
}

describe.skipIf(why !== undefined)(`an up over SSH${why ? ` (${why})` : ""}`, { timeout: 240_000 }, () => {
  let site: RemoteSite;
  let started: string;

  beforeAll(async () => {
    site = await RemoteSite.make({ stacks: ["ctio"] });
    site.declare("ctio", [["servers", "server3"], undefined]);
    await site.up("ctio");
    started = await startedAt();
    site.declare("ctio");
  }, 300_000);

  afterAll(() => site?.remove(), 60_000);

  const startedAt = () => site.query("server2", "select pg_postmaster_start_time()");
  const onStandby = (script: string) => site.host("server3").must(["sh", "-c", script]);
  const inData = (file: string) =>
    existsSync(`/proc/${site.host("server3").pid}/root${join(dataDirectories.server3 as string, file)}`);
  const knowOnly = (keys: Readonly<Record<string, string>>) => {
    site.net.control.knowKeys(Object.entries(keys).map(([name, keyOf]) => [site.host(name), site.host(keyOf).hostKey]));
    return site.net.control.closeConnections();
  };
  const know = () => site.net.control.know(site.net.hosts);
  const pauseSshd = async (signal: string) => {
    await onStandby(`kill -${signal} $(pgrep -f '^sshd: .*listener')`);
    await site.net.control.closeConnections();
  };

  /** One clear line in bounded time, nothing half done, and an `up` succeeds after the cause is gone. */
  async function expectFailure({ breaks, mends, says, meanwhile, seconds = 40 }: Failure): Promise<void> {
    await breaks();
    const failed = await (meanwhile === undefined
      ? site.failingUp("ctio")
      : site.slowly("server2", 16, async () => {
          const up = site.failingUp("ctio");
          await Promise.race([site.untilCopying("server3"), up]);
          await meanwhile();
          return up;
        }));
    const one = failed.errors.filter((line) => !/^error: (the preflight found |\(warning\) )/.test(line));
    expect(one).toEqual([expect.stringMatching(says)]);
    expect(failed.all).not.toMatch(/^\s+at \S+ \(/m);
    expect(failed.seconds).toBeLessThan(seconds);
    expect(inData("global/pg_control") && inData("pgsite.incomplete")).toBe(false);
    expect(inData("postmaster.pid")).toBe(false);
    await mends();
    await site.untilNothingIsLeft();
    // A walsender whose standby has gone without a word notices that after wal_sender_timeout, a minute.
    await expect.poll(() => site.heldOn("server2"), { timeout: 75_000 }).toBe("0");
    await site.up("ctio");
    expect(await site.streaming("server2")).toEqual([`server3 ${site.host("server3").address} streaming`]);
    expect(await startedAt()).toBe(started);
    await site.lose("server3");
  }

  it("does not take a host key that is not known: nobody logs in", async () => {
    const logins = () => onStandby("grep -c 'Accepted publickey' /var/log/sshd.log || true");
    let before = "";
    await expectFailure({
      breaks: async () => {
        before = await logins();
        await knowOnly({ server2: "server2" });
      },
      mends: async () => {
        expect(await logins()).toBe(before);
        know();
      },
      says: /^error: server3 cannot be reached: its host key is not known here: run ssh \S+ once by hand/,
    });
  });

  it.runIf(triesAll())("does not take a host key that has changed", () =>
    expectFailure({
      breaks: () => knowOnly({ server2: "server2", server3: "server2" }),
      mends: know,
      says: /server3 cannot be reached: its host key has changed: it was installed anew, or somebody stands in between/,
    }),
  );

  it.runIf(triesAll())("gives up on a host that takes connections and never answers", () =>
    expectFailure({
      breaks: () => pauseSshd("STOP"),
      mends: () => pauseSshd("CONT"),
      says: /server3 cannot be reached: no answer within 5 s from /,
    }),
  );

  it("says so where sudo is refused", () =>
    expectFailure({
      breaks: async () => void (await onStandby("mv /etc/sudoers.d/pgsite /root/pgsite.sudo")),
      mends: async () => void (await onStandby("mv /root/pgsite.sudo /etc/sudoers.d/pgsite")),
      says: /server3 cannot be reached: sudo to postgres was refused there: /,
    }));

  it("whose connection is cut in the middle of the base backup", () =>
    expectFailure({
      breaks: () => undefined,
      meanwhile: async () => void (await onStandby("kill -KILL $(pgrep -f '^sshd: admin')")),
      mends: () => undefined,
      says: /^pgsite: server3 cannot be reached: the connection to \S+ was cut/,
    }));

  it.runIf(triesAll())("whose standby's cable is pulled in the middle of the base backup", () =>
    expectFailure({
      breaks: () => undefined,
      meanwhile: () => site.host("server3").unplug(),
      mends: () => site.host("server3").plug(),
      says: /^pgsite: server3 cannot be reached: /,
      seconds: 60,
    }),
  );

  it("whose standby's disk becomes full in the middle of the base backup", () =>
    expectFailure({
      breaks: async () =>
        void (await onStandby(`mount -t tmpfs -o size=320m,mode=755 small ${disk} && chown postgres ${disk}`)),
      meanwhile: async () => void (await onStandby(`cat /dev/zero >${disk}/hog 2>/dev/null || true`)),
      mends: async () => void (await onStandby(`rm ${disk}/hog && mount -o remount,size=1g ${disk}`)),
      says: /^pgsite: \S+ on server3: its disk became full after .* of .*; make room and run again$/,
    }));

  it("whose standby's data would lie on NFS", () => {
    let mend = async () => {};
    return expectFailure({
      breaks: async () => {
        ({ mend } = await sayNfs(site.host("server3"), disk));
        await site.net.control.closeConnections();
      },
      mends: () => mend(),
      says: /server3: .* NFS/,
    });
  });

  it.runIf(triesAll() && availableMajors().includes(another))(
    "finds another version of the server programs on a host",
    async () => {
      const there = dirname(binaries);
      const programs = dirname(await programsOf(another));
      await expectFailure({
        breaks: async () => void (await onStandby(`mount --bind ${programs} ${there}`)),
        mends: async () => void (await onStandby(`umount ${there}`)),
        says: /server3: \S+ is PostgreSQL 14\.\d+, and 15 is declared: /,
      });
    },
  );
});

/** Where the standby's data directory is. */
const disk = "/raid3/database";
