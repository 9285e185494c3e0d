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
      let isOn = true;
      const writing = (async () => {
        for (let n = 1; isOn; n++) {
          await site.query("server2", `insert into written values (${n})`).then(
            () => acknowledged.push(n),
            () => undefined,
          );
        }
      })();
      await until("rows that were acknowledged", () => acknowledged.length > 20, 30);
      await site.host("server2").powerCut();
      isOn = false;
      await writing;
    }, 180_000);

    afterAll(() => site?.remove(), 60_000);

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

      const rows = (await site.query("server3", "select n from written order by 1")).split("\n").map(Number);
      const there = new Set(rows);
      const missing = acknowledged.filter((n) => !there.has(n));
      expect(missing).toEqual(missing.length === 0 ? [] : acknowledged.slice(-missing.length));
      console.log(
        `${acknowledged.length} acknowledged, ${missing.length} lost; preview and up of the failover: ${took} ms`,
      );
      expect(await site.preview("ctio", "--expect-no-changes")).toMatch(nothingToDo);
    });
  },
);
