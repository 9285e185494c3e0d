import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { hostOf } from "../../hosts/index.js";
import { readControlFile } from "../../servers/data/controlFile.js";
import { bytesOfLsn } from "../../servers/sql/sql.js";
import { timelineIn } from "../../servers/wal/timelines.js";
import { disconnect, untilReplayed } from "../support/disconnect.js";
import { killServer } from "../support/kill.js";
import { quick, type RolloutDeclaration, RolloutSite } from "../support/rolloutSite.js";

const settings = { ...quick, max_connections: "30" };
const lost = { server2: { dataDirectory: "/data/db", lost: true } };
const accepted = { server2: { dataDirectory: "/data/db", lost: true, acceptDataLoss: true } };
const two: RolloutDeclaration["servers"] = {
  server2: { dataDirectory: "/data/db" },
  server3: { dataDirectory: "/data/db", settings: { hot_standby: false } },
};
const three: RolloutDeclaration["servers"] = { ...two, des10: { role: "mirror", dataDirectory: "/data/db" } };

const sites: RolloutSite[] = [];
afterEach(async () => {
  for (const site of sites.splice(0)) await site.close();
}, 60_000);

async function make(servers: RolloutDeclaration["servers"]): Promise<RolloutSite> {
  const site = await RolloutSite.make("15", 165, { settings, servers });
  sites.push(site);
  await site.query("server2", "create table written (n int)");
  return site;
}

/** Position of the WAL once each row was committed, by number. */
async function write(site: RolloutSite, from: number, to: number): Promise<ReadonlyMap<number, bigint>> {
  const positions = new Map<number, bigint>();
  for (let n = from; n <= to; n++) {
    const [row] = await site.query(
      "server2",
      `insert into written values (${n})`,
      "select pg_current_wal_flush_lsn()::text as lsn",
    );
    positions.set(n, bytesOfLsn(row?.lsn ?? ""));
  }
  return positions;
}

const upTo = (said: string, server: string) =>
  bytesOfLsn(new RegExp(`${server} received up to ([0-9A-F]+/[0-9A-F]+)`).exec(said)?.[1] ?? "");
const rows = async (site: RolloutSite, server: string) =>
  (await site.query(server, "select n from written order by 1")).map(({ n }) => Number(n));

describe("a failover is refused", { timeout: 120_000 }, () => {
  it("while the lost server lives, whatever is accepted; the standby that was disconnected; and the one that is best takes over", async () => {
    const site = await make(three);
    const before = await write(site, 1, 5);
    site.declare({ settings, servers: { ...three, ...accepted }, primary: "server3" });
    const busy = setInterval(() => void write(site, 1000, 1000).catch(() => undefined), 100);
    const lives = /server3 goes on receiving WAL, so server2 lives: shut it down where it runs, or take lost away/;
    try {
      expect((await site.preview()).join("\n")).toMatch(lives);
      await expect(site.up()).rejects.toThrow(lives);
    } finally {
      clearInterval(busy);
    }

    await disconnect(site, "server3");
    const after = await write(site, 6, 20);
    await untilReplayed(site, "des10");
    await killServer(site.server("server2"));
    site.declare({ settings, servers: { ...three, ...lost }, primary: "server3" });
    const said = (await site.preview()).join("\n");
    expect(said).toMatch(
      /refused: the failover from server2 to server3: server3 received up to \S+ at \S+ UTC, \d+ s ago, and its stream had ended before, while server2 lived on \(its log says ".*pg_hba\.conf rejects replication connection .*"\); what is lost then must be accepted: servers\.server2\.acceptDataLoss: true/,
    );
    expect(said).toMatch(/and des10 received up to \S+ at \S+ UTC, \d+ s ago: declare des10 as the primary/);
    const [own, more] = [upTo(said, "server3"), upTo(said, "des10")];
    for (const position of before.values()) expect(position <= own).toBe(true);
    for (const position of after.values()) expect(position > own && position <= more).toBe(true);
    await expect(site.up()).rejects.toThrow("its stream had ended before, while server2 lived on");
    expect(await site.query("des10", "select pg_is_in_recovery()::text as recovery")).toEqual([{ recovery: "true" }]);

    site.declare({ settings, servers: { ...three, ...lost }, primary: "des10" });
    expect((await site.preview())[0]).toMatch(/of which server3 received nothing either$/);
    await site.up();
    expect((await rows(site, "des10")).filter((n) => n < 1000)).toEqual([...before.keys(), ...after.keys()]);
    expect(await site.preview()).toEqual([]);
    const followers = "select application_name as name, state from pg_stat_replication";
    expect(await site.query("des10", followers)).toEqual([{ name: "server3", state: "streaming" }]);
  });

  it("for a standby that was disconnected, and done once that is accepted: what is missing is what was said", async () => {
    const site = await make(two);
    const before = await write(site, 1, 5);
    await disconnect(site, "server3");
    const after = await write(site, 6, 15);
    // It asks again, and is turned away.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await killServer(site.server("server2"));
    site.declare({ settings, servers: { ...two, ...lost }, primary: "server3" });
    await expect(site.up()).rejects.toThrow("must be accepted: servers.server2.acceptDataLoss: true");

    const note = join(site.folder, "fenced");
    const fenced = (fence: string) =>
      site.declare({ settings, servers: { ...two, ...accepted }, primary: "server3", fence });
    fenced("echo no such outlet; exit 7");
    await expect(site.up()).rejects.toThrow(
      'server3 does not take over: hooks.fence, which is to keep server2 off, ended with status 7 ("no such outlet"); nothing was promoted',
    );
    expect(existsSync(join(site.server("server3").dataDirectory, "standby.signal"))).toBe(true);

    fenced(`echo "$PGSITE_LOST_SERVER off, $PGSITE_NEW_PRIMARY on$PULUMI_CONFIG_PASSPHRASE" >>'${note}'`);
    const [said = ""] = await site.preview();
    expect(existsSync(note)).toBe(false);
    expect(said).toMatch(
      /^1\. server3: promote \(failover: server2 is lost\); it received up to \S+ at \S+ UTC, \d+ s ago, and its stream had ended before, while server2 lived on \(.*\); what server2 wrote after that is lost, and nobody but server2 knows what that is$/,
    );
    await site.up();
    expect(readFileSync(note, "utf8")).toBe("server2 off, server3 on\n");
    const told = upTo(said, "it");
    const kept = [...before, ...after].filter(([, position]) => position <= told).map(([n]) => n);
    expect(kept).toEqual([...before.keys()]);
    expect(await rows(site, "server3")).toEqual(kept);
    console.log(`lost as said: rows ${[...after.keys()].join(", ")}`);
    expect(await site.preview()).toEqual([]);
  });

  it("unless the loss is accepted; a survivor that has more then rejoins, and what it alone has is kept", async () => {
    const site = await make(three);
    const before = await write(site, 1, 5);
    await disconnect(site, "server3");
    await write(site, 6, 15);
    await untilReplayed(site, "des10");
    await killServer(site.server("server2"));
    site.declare({ settings, servers: { ...three, ...accepted }, primary: "server3" });
    await site.up();
    expect(await rows(site, "server3")).toEqual([...before.keys()]);
    const followers = "select application_name as name, state from pg_stat_replication";
    expect(await site.query("server3", followers)).toEqual([{ name: "des10", state: "streaming" }]);
    expect(await rows(site, "des10")).toEqual([...before.keys()]);
    const { dataDirectory } = site.server("des10");
    const kept = readdirSync(dirname(dataDirectory)).filter((name) =>
      name.startsWith(`${basename(dataDirectory)}.diverged-`),
    );
    expect(kept).toHaveLength(1);
    expect(await site.preview()).toEqual([]);
  });

  it("not for a standby that receives a later timeline than its control file names, however far another's is", async () => {
    const all = Object.fromEntries(
      ["server2", "server3", "server4"].map((one) => [one, { dataDirectory: "/data/db" }]),
    );
    const site = await make(all);
    site.declare({ settings, servers: all, primary: "server3" });
    await site.up();
    await site.query("server3", "insert into written values (1)");
    await untilReplayed(site, "server2", "server3");
    await untilReplayed(site, "server4", "server3");
    await site.query("server2", "checkpoint");
    const named = async (server: string) => {
      const { host, dataDirectory } = site.server(server);
      const control = await readControlFile(hostOf(host), dataDirectory);
      return timelineIn("15", control ?? Buffer.alloc(0));
    };
    expect([await named("server2"), await named("server4")]).toEqual([2, 1]);
    await killServer(site.server("server3"));
    const gone = { ...all, server3: { dataDirectory: "/data/db", lost: true } };
    site.declare({ settings, servers: gone, primary: "server4" });
    await site.up();
    expect(await rows(site, "server4")).toEqual([1]);
    expect(await site.preview()).toEqual([]);
  });
});
