import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { data, MomentumHosts, whyNoMomentum } from "../support/momentumHosts.js";

const why = whyNoMomentum();

const apart = [[["servers", "msyspg", "configurationDirectory"], "/etc/msyspg"]] as const;

/** Momentum's database moves to another machine: its folder /var/db is root's there too, and its clients' file stays where it is. */
describe.skipIf(why !== undefined).each([
  { way: "archive", changes: [] },
  { way: "dump", changes: [] },
  { way: "archive", changes: apart },
  { way: "dump", changes: apart },
] as const)(
  `momentum moves to another host by $way, with $changes.length changes of its stack${why ? ` (${why})` : ""}`,
  { timeout: 400_000 },
  ({ way, changes }) => {
    let site: MomentumHosts;

    beforeAll(async () => {
      site = await MomentumHosts.make({ changes });
      site.alter([["hosts", "mta"], site.mta.address]);
      await site.up();
      await site.query("create table kept as select generate_series(1, 1000) as n");
    }, 200_000);
    afterAll(async () => {
      await site?.remove();
    }, 60_000);

    const asked = ["move", "msyspg", "--to", "mta", "--way", way];
    const moved = async () => {
      const { code, said } = await site.pgsite(...asked, "--yes");
      expect(code, said).toBe(0);
    };
    const folders = async () =>
      Promise.all([site.host, site.mta].map(async (host) => (await site.shell("ls -A /var/db", host)).split("\n")));

    it("and back, and again; nothing but the old folder keeps its other name", async () => {
      await moved();
      const [there, here] = await folders();
      expect(here).toEqual(expect.arrayContaining(["msyspg", "msyspg.pgsite"]));
      expect(there).not.toContain("msyspg");
      const back = await site.pgsite("move", "rollback", "msyspg", "--yes");
      expect(back.code, back.said).toBe(0);
      expect(await site.query("select count(*) from kept")).toBe("1000");
      expect((await folders())[0]).toContain("msyspg");
      await site.shell("rm -rf /var/db/msyspg*", site.mta);
      await moved();
    });

    it("is the stack's there, with its service, and the old one goes with the commit", async () => {
      site.alter([["hosts", "mta"], site.mta.address], [["servers", "msyspg", "host"], "mta"]);
      await site.up();
      const preview = await site.pulumi("preview");
      expect(preview.said).toMatch(/Resources:\n {4}\d+ unchanged\n/);
      const committed = await site.pgsite("move", "commit", "msyspg", "--yes");
      expect(committed.code, committed.said).toBe(0);
      expect((await folders())[0]?.filter((name) => name.startsWith("msyspg") && !name.includes("backup"))).toEqual([]);
      expect((await site.service("stop", site.mta)).code).toBe(0);
      expect((await site.service("start", site.mta)).code).toBe(0);
      const count = `su -s /bin/sh -c "/opt/msys/3rdParty/bin/psql -X -A -t -h /tmp ecelerity -c 'select count(*) from kept'" msyspg`;
      expect(await site.shell(count, site.mta)).toBe("1000\n");
      expect(await site.shell(`stat -c %U ${data}`, site.mta)).toBe("msyspg\n");
    });
  },
);
