import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { binaries, control, data, MomentumHosts, whyNoMomentum } from "../support/momentumHosts.js";

const why = whyNoMomentum(["/lib/systemd/systemd"]);

const downtimeSaid = (preview: string) => /nobody is served for about ([^,]+),/.exec(preview)?.[1];

/** All that the application has, but for what is written meanwhile. */
const digest = `select count(*) || md5(string_agg(t::text, '|' order by id)) from webconsole.kept t`;

describe.skipIf(why !== undefined).each(["sysv", "systemd"] as const)(
  `momentum on a host that is reached by SSH, with %s${why ? ` (${why})` : ""}`,
  { timeout: 600_000 },
  (init) => {
    let site: MomentumHosts;
    let kept: string;

    beforeAll(async () => {
      // By pg_upgrade: what is deferred has a proof of its own.
      site = await MomentumHosts.make({ init, changes: [[["upgrade", "defer"], undefined]] });
      await site.up();
      await site.query(`create schema webconsole;
        create table webconsole.kept as select i as id, md5(i::text) as word, repeat('x', 800) as filler from generate_series(1, 60000) i;
        alter table webconsole.kept add primary key (id)`);
      kept = await site.query(digest);
    }, 300_000);
    afterAll(async () => {
      await site?.remove();
    }, 60_000);

    it("is as the guide says", async () => {
      expect(await site.shell(`stat -c '%U %a' ${data} ${control}`)).toBe("msyspg 700\nmsyspg 700\n");
      expect(await site.superuser("select current_user || ' ' || usesuper from pg_user where usesysid = 10")).toBe(
        "msyspg true",
      );
      if (init === "sysv") {
        const links = await site.shell("cd /etc && ls -d rc?.d/*msyspg");
        expect(links.trim().split("\n")).toEqual(
          [0, 1, 2, 3, 4, 5, 6].map((level) => `rc${level}.d/${[3, 4, 5].includes(level) ? "S64" : "K36"}msyspg`),
        );
      }
      expect(await site.preview()).toMatch(/Resources:\n {4}\d+ unchanged\n/);
    });
    it("is upgraded", async () => {
      site.declare("18");
      const preview = await site.preview();
      console.log(preview.slice(preview.indexOf("the upgrade of")));
      console.log(downtimeSaid(preview), binaries("18"), kept.length);
      await site.beginWriting();
      console.log(await site.up());
      const written = await site.endWriting();
      console.log(written.longestGap, written.acknowledged.length);
      expect(await site.missing(written)).toEqual([]);
      expect(await site.running()).toMatchObject({ version: "18" });
    });
  },
);
