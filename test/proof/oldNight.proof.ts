import { dirname, join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { followsOver } from "../../postgres/rollout/promotion.js";
import { atOldServers } from "../support/oldServers.js";
import { cutUnder } from "../support/powerCut.js";
import { ran } from "../support/ran.js";
import { type Change, dataDirectories, RemoteSite, whyNoSite } from "../support/remoteSite.js";

/*
 * The night of the guide on three hosts, with the committed stack files and the guide's own version: the primary's host loses its
 * power under a writer, and all that follows is done by `up`, as its previews said.
 * PGSITE_OLD_SERVERS=FOLDER npm run proof -- oldNight
 */

const nothingToDo = /Resources:\n {4}\d+ unchanged\n/;
const why = whyNoSite();

let site: RemoteSite | undefined;
afterEach(async () => {
  await site?.remove();
  site = undefined;
}, 120_000);

if (why !== undefined) it.skip(`the night of the guide: ${why}`);
else {
  atOldServers("the night of the guide", (server) => {
    const seeds = !followsOver(server.major);
    const prefix = `/usr/pgsql-${server.major}`;
    const changes: readonly Change[] = [
      [["postgresql"], server.version],
      [["binaries"], join(prefix, "bin")],
    ];

    it("is got through by up, and each preview said it", async () => {
      const hosts = await RemoteSite.make({ changes, password: "one that libpq reads before 9.2, too" });
      site = hosts;
      // Where nobody but root may write, as packages have them.
      const install = 'cp -a "$1" "$2" && chown -R root: "$2"';
      const copying = ["sh", "-c", install, "sh", dirname(server.bin), prefix];
      await Promise.all(Object.keys(dataDirectories).map((name) => hosts.host(name).must(copying)));
      await hosts.up("ctio");
      await hosts.up("fnal");
      await hosts.query("server2", "create table written (n int)");
      const words = async (stack: string) => (await hosts.preview(stack)).replace(/\s+/g, " ");
      const clean = async (stack: string) =>
        expect(await hosts.preview(stack, "--expect-no-changes")).toMatch(nothingToDo);

      // The night.
      const acknowledged = await cutUnder(hosts, "server2");
      hosts.declare("ctio", [["primary"], "server3"], [["servers", "server2", "lost"], true]);
      const said = await words("ctio");
      const promotes =
        /1\. server3: promote \(failover: server2 is lost\); it received up to (\S+) at \S+ UTC, \d+ s ago, and its stream (is open still, while nothing more comes|ended with the primary)/;
      expect(said).toMatch(promotes);
      const [, received = ""] = promotes.exec(said) ?? [];
      expect(said).toMatch(
        seeds
          ? /des10, in another stack, where it follows server2, cannot follow server3: .* declare server3 as its upstream .* and servers\.des10\.seedAgain: true there, and run pulumi up there/
          : /des10, in another stack, where it follows server2, gets nothing from then on/,
      );
      const night = await hosts.up("ctio");
      // To the byte: where it was said to have received up to is where its timeline begins.
      expect(night).toContain(`Done: server3 takes writes on timeline 2, which begins at ${received}`);
      await hosts.query("server3", "insert into written values (0)");
      const there = new Set((await hosts.query("server3", "select n from written")).split("\n").map(Number));
      const missing = acknowledged.filter((n) => !there.has(n));
      // None but the last, which it had not received.
      expect(missing).toEqual(missing.length === 0 ? [] : acknowledged.slice(-missing.length));
      console.log(`${server.version}: ${acknowledged.length} acknowledged, ${missing.length} lost, up to ${received}`);
      await clean("ctio");

      // The mirror.
      const follow: readonly Change[] = [
        [["hosts", "server3"], hosts.host("server3").address],
        [["upstream", "server"], "server3"],
        [["upstream", "dataDirectory"], dataDirectories.server3],
      ];
      const allowed: Change = [["servers", "des10", "seedAgain"], true];
      hosts.declare("fnal", ...follow);
      const mirrored = await words("fnal");
      // Walsenders of 9.0 look for something to send at times of their own: the mirror may have received more than who took over.
      const isAhead = server.major === "9.0" && /the rollout: 1\. des10: rejoin by /.test(mirrored);
      if (isAhead) {
        expect(missing.length).toBeGreaterThan(0);
        expect(mirrored).toMatch(/des10: rejoin by .* its data are kept in \/data\/database\/sispi_db\.diverged-TIME/);
      } else if (seeds) {
        expect(mirrored).toMatch(
          /refused: des10 would be seeded again by (delta copy|base backup) \(it is behind on timeline 1, which server3 left for 2, .* declare servers\.des10\.seedAgain: true, and run pulumi up/,
        );
        const { errors, seconds } = await hosts.failingUp("fnal");
        expect(errors.join("\n")).toContain("declare servers.des10.seedAgain: true");
        expect(seconds).toBeLessThan(60);
      }
      hosts.declare("fnal", ...follow, ...(seeds && !isAhead ? [allowed] : []));
      expect(await words("fnal")).toMatch(
        isAhead
          ? /the rollout: 1\. des10: rejoin by /
          : seeds
            ? /the rollout: 1\. des10: seed again by (delta copy|base backup) \(/
            : /the rollout: 1\. des10: restart \(/,
      );
      await hosts.up("fnal");
      await clean("fnal");
      await replays(hosts, "server3", "des10");
      ran(server, "mirror", seeds);

      // The morning.
      await hosts.powerOn("server2");
      hosts.declare("ctio", [["primary"], "server3"]);
      expect(await words("ctio")).toMatch(/the rollout: 1\. server2: rejoin by .* its data are kept in \/raid2\//);
      await hosts.up("ctio");
      await clean("ctio");
      const list = (await hosts.host("server2").must(["ls", "/raid2/database"])).split("\n");
      expect(list.filter((name) => name.startsWith("sispi_db.diverged-"))).toHaveLength(1);
      expect([...hosts.host("server2").processes().values()].join("\n")).toMatch(/wal receiver process/);
      await replays(hosts, "server3", "des10");
      await clean("fnal");
      ran(server, "night", seeds);
    });
  });
}

/** A row that is written on the one is read on the other. */
async function replays(hosts: RemoteSite, primary: string, standby: string): Promise<void> {
  await hosts.query(primary, "insert into written values (-1)");
  const count = (on: string) => hosts.query(on, "select count(*) from written");
  const wanted = Number(await count(primary));
  for (const end = Date.now() + 30_000; Date.now() < end; ) {
    if (Number(await count(standby)) >= wanted) return;
    await new Promise((done) => setTimeout(done, 300));
  }
  throw new Error(`${standby} has not what ${primary} has`);
}
