import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { until } from "../support/processes.js";
import { RemoteSite, whyNoSite } from "../support/remoteSite.js";

const why = whyNoSite();
const nothingToDo = /Resources:\n {4}\d+ unchanged\n/;

/** As at CTIO: a warm standby, a log directory, SSH. Nobody tells the standby that its primary's host has no power. */
describe.skipIf(why !== undefined)(
  `the primary's host loses its power${why ? ` (${why})` : ""}`,
  { timeout: 180_000 },
  () => {
    let site: RemoteSite;
    /** Rows whose commit was acknowledged, in order. */
    const acknowledged: number[] = [];

    beforeAll(async () => {
      site = await RemoteSite.make({ stacks: ["ctio"] });
      await site.up("ctio");
      await site.query("server2", "create table written (n int)");
      await cutUnder("server2");
    }, 180_000);

    afterAll(() => site?.remove(), 60_000);

    /** Cuts the power of the primary's host while somebody writes to it. */
    async function cutUnder(primary: string): Promise<void> {
      const wanted = acknowledged.length + 20;
      let isOn = true;
      let n = acknowledged.at(-1) ?? 0;
      const writing = (async () => {
        while (isOn) {
          n++;
          await site.query(primary, `insert into written values (${n})`).then(
            () => acknowledged.push(n),
            () => undefined,
          );
        }
      })();
      await until("rows that were acknowledged", () => acknowledged.length > wanted, 30);
      await site.host(primary).powerCut();
      isOn = false;
      await writing;
    }

    /** Acknowledged rows that a server has not: none but the last. */
    async function missingOn(server: string): Promise<readonly number[]> {
      const there = new Set((await site.query(server, "select n from written")).split("\n").map(Number));
      const missing = acknowledged.filter((n) => !there.has(n));
      expect(missing).toEqual(missing.length === 0 ? [] : acknowledged.slice(-missing.length));
      return missing;
    }

    const words = async () => (await site.preview("ctio")).replace(/\s+/g, " ");

    it("while it is not declared lost, the preview names both ways, and what is lost by the second", async () => {
      site.declare("ctio", [["primary"], "server3"]);
      const said = await words();
      expect(said).toMatch(
        /refused: the switchover from server2 to server3: server2 cannot be reached: .*: bring it back, and run again; or, where it is gone, declare servers\.server2\.lost: true, and server3 takes over: it received up to \S+ at \S+ UTC, \d+ s ago, and its stream (is open still, while nothing more comes|ended with the primary); what server2 wrote after that is lost, and nobody but server2 knows what that is/,
      );
    });

    it("declared lost it is taken over from, and no row that was received is missing", async () => {
      site.declare("ctio", [["primary"], "server3"], [["servers", "server2", "lost"], true]);
      const began = Date.now();
      const said = await words();
      expect(said).toMatch(
        /1\. server3: promote \(failover: server2 is lost\); it received up to \S+ at \S+ UTC, \d+ s ago, and its stream (is open still, while nothing more comes|ended with the primary); what server2 wrote after that is lost, and nobody but server2 knows what that is/,
      );
      expect(said).not.toContain("cannot be reached");
      const up = await site.up("ctio");
      expect(up).toMatch(/Done: server3 takes writes on timeline 2, which begins at [0-9A-F]+\/[0-9A-F]+/);
      const took = Date.now() - began;

      const missing = await missingOn("server3");
      console.log(
        `${acknowledged.length} acknowledged, ${missing.length} lost; preview and up of the failover: ${took} ms`,
      );
      expect(await site.preview("ctio", "--expect-no-changes")).toMatch(nothingToDo);
    });

    const refused =
      /server2 does not start: server3 \(\S+:5442\) is on timeline 2 and this data on 1: it was superseded/;

    it("when its power is back, its service does not start it beside the server that took over, and says why", async () => {
      await site.powerOn("server2");
      const log = await site.host("server2").must(["cat", "/raid2/database/sispi_db.pgsite/start.log"]);
      expect(log).toMatch(refused);
      expect(
        [...site.host("server2").processes().values()].filter((words) => /^(\S*\/postgres\0|postgres: )/.test(words)),
      ).toEqual([]);
      site.declare("ctio", [["primary"], "server3"]);
      const why = /server3 \(\S+:5442\) is on timeline 2 and this data on 1: it was superseded/;
      expect((await site.pgsite(["status", "--stack", "ctio"])).stdout).toMatch(why);
      expect(await words()).toMatch(why);
    });

    it("it becomes the standby by an up", async () => {
      expect((await words()).replace(/^.*the rollout:/, "")).toMatch(/^ 1\. server2: rejoin by pg_rewind \(/);
      await site.up("ctio");
      expect((await site.streaming("server3")).map((line) => line.split(" ")[0])).toEqual(["server2"]);
      expect(await site.preview("ctio", "--expect-no-changes")).toMatch(nothingToDo);
    });

    it("the next night, the server that is left takes over by its runbook, and an up adopts that without a change", async () => {
      acknowledged.length = 0;
      await site.query("server3", "truncate written");
      await cutUnder("server3");
      const folder = "/raid2/database/sispi_db.pgsite/runbook";
      const run = (words: string) => site.host("server2").run(["su", "-s", "/bin/sh", "postgres", "-c", words]);
      const dry = await run(`${folder}/failover --dry-run`);
      expect(dry.code, dry.stdout + dry.stderr).toBe(0);
      const done = await run(`${folder}/failover`);
      expect(done.code, done.stdout + done.stderr).toBe(0);
      const missing = await missingOn("server2");
      console.log(`by the runbook: ${acknowledged.length} acknowledged, ${missing.length} lost`);

      const facts = async () =>
        site
          .host("server2")
          .must(["sh", "-c", 'cd "$1" && stat -c "%n %i %Y" *.conf postmaster.pid', "sh", "/raid2/database/sispi_db"]);
      const before = await facts();
      site.declare("ctio", [["primary"], "server2"], [["servers", "server3", "lost"], true]);
      await site.up("ctio");
      expect(await facts()).toBe(before);
      expect(await site.preview("ctio", "--expect-no-changes")).toMatch(nothingToDo);
    });
  },
);
