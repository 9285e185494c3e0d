import { dirname, join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { atOldServers } from "../support/oldServers.js";
import { cutUnder } from "../support/powerCut.js";
import { type Change, dataDirectories, RemoteSite, whyNoSite } from "../support/remoteSite.js";

/*
 * The night of the guide on three hosts by the runbook, without Pulumi, and by the guide's own words where the mirror's stack knows
 * nobody else: the primary's host loses its power under a writer. In the morning it is adopted, and nothing changes.
 * PGSITE_OLD_SERVERS=FOLDER npm run proof -- oldRunbookNight
 */

const why = whyNoSite();
/** What would be changed on a server; what was found there to be another than at the last `up` is no change. */
const onServers = /^ +[~+-]+ .*(?:DataDirectory|ServerConfiguration|HostFile|Command|Service): \((?!refresh)/m;

let site: RemoteSite | undefined;
afterEach(async () => {
  await site?.remove();
  site = undefined;
}, 120_000);

if (why !== undefined) it.skip(`the night of the guide by the runbook: ${why}`);
else {
  atOldServers("the night of the guide by the runbook", (server) => {
    const prefix = `/usr/pgsql-${server.major}`;
    const changes: readonly Change[] = [
      [["postgresql"], server.version],
      [["binaries"], join(prefix, "bin")],
      // The guide's hosts are among those from which everybody is let in; these are in a network of the test's.
      [["access"], ["host all all 139.229.14.0/25 md5", "host all dbadmin 198.18.0.0/15 md5"]],
    ];

    it("is got through without Pulumi, and adopted without a change", async () => {
      const hosts = await RemoteSite.make({ changes, password: "one that libpq reads before 9.2, too" });
      site = hosts;
      const install = 'cp -a "$1" "$2" && chown -R root: "$2"';
      const copying = ["sh", "-c", install, "sh", dirname(server.bin), prefix];
      await Promise.all(Object.keys(dataDirectories).map((name) => hosts.host(name).must(copying)));
      await hosts.up("ctio");
      await hosts.up("fnal");
      for (const name of ["server2", "des10"]) await trust(hosts, name, "server3");
      await hosts.query("server2", "create table written (n int)");
      const script = async (on: string, name: string, ...words: readonly string[]) => {
        const command = [`${dataDirectories[on]}.pgsite/runbook/${name}`, ...words].join(" ");
        const { code, stdout, stderr } = await hosts
          .host(on)
          .run(["su", "-s", "/bin/sh", "-c", command, "postgres"], { seconds: 120 });
        return { code, said: `${stdout}${stderr}` };
      };
      const done = async (on: string, name: string, ...words: readonly string[]) => {
        const rehearsed = await script(on, name, "--dry-run", ...words);
        expect(rehearsed.code, rehearsed.said).toBe(0);
        const { code, said } = await script(on, name, ...words);
        expect(code, said).toBe(0);
        return said;
      };

      // The night.
      const acknowledged = await cutUnder(hosts, "server2");
      const said = await done("server3", "failover");
      expect(said).toContain("server3 takes writes, on timeline 2");
      await hosts.query("server3", "insert into written values (0)");
      const there = new Set((await hosts.query("server3", "select n from written")).split("\n").map(Number));
      const missing = acknowledged.filter((n) => !there.has(n));
      // None but the last, which it had not received.
      expect(missing).toEqual(missing.length === 0 ? [] : acknowledged.slice(-missing.length));

      // The mirror's stack knows nobody but whom it follows: it is told of another by its own stack file (oldNight.proof.ts).
      const mirror = await script("des10", "repoint", "server3");
      expect(mirror.said).toContain("server3 is none of des10's peers: server2");

      // The morning.
      await hosts.powerOn("server2");
      const data = dataDirectories.server2 ?? "";
      const log = await hosts.host("server2").must(["tail", "-n", "3", `${data}.pgsite/start.log`]);
      expect(log).toMatch(
        /server2 does not start: server3 \(\S+\) is on timeline 2 and this data on 1: it was superseded/,
      );
      const back = await done("server2", "rejoin", "server3");
      expect(back).toMatch(/^server2 streams from server3/m);
      // Until 9.2 a walreceiver's title says so with the first data.
      await hosts.query("server3", "insert into written values (-1)");
      hosts.declare("ctio", [["primary"], "server3"]);
      const morning = await hosts.preview("ctio");
      expect(morning).not.toMatch(onServers);
      await hosts.up("ctio");
      expect(await hosts.preview("ctio", "--expect-no-changes")).toMatch(/Resources:\n {4}\d+ unchanged\n/);
    });
  });
}

/** Lets the database's OS user of one host come to another by ssh, as an administrator would. */
async function trust(hosts: RemoteSite, from: string, to: string): Promise<void> {
  const asOwner = (on: string, command: string) =>
    hosts.host(on).must(["su", "-s", "/bin/sh", "-c", command, "postgres"]);
  const { address, hostKey } = hosts.host(to);
  const make = "mkdir -p -m 700 .ssh && ssh-keygen -q -t ed25519 -N '' -f .ssh/id_ed25519";
  await asOwner(from, `cd && ${make} && echo '${address} ${hostKey}' >>.ssh/known_hosts`);
  const key = (await asOwner(from, "cat ~/.ssh/id_ed25519.pub")).trim();
  await asOwner(to, `mkdir -p -m 700 ~/.ssh && echo '${key}' >>~/.ssh/authorized_keys`);
}
