import { chmodSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { HostSpec } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { closeSessions } from "../../hosts/shell/sessions.js";
import type { Major } from "../../postgres/versions.js";
import { type ServiceArgs, type ServiceState, service } from "../../provider/resources/service.js";
import type { Context } from "../../servers/rollout/reporter.js";
import { bareHost, expectAsked, kept, killedUp, nothingToDo, protection, runbook, theNight } from "../support/acts.js";
import { enter, leave } from "../support/here.js";
import { LocalSite } from "../support/localSite.js";
import { type MultiHost, multiHost, whyNoHosts } from "../support/multihost.js";
import { runs, until } from "../support/processes.js";

const majors: readonly Major[] = ["11", "15", "18"];
/** The event of a resource whose update has ended. */
const updated = (name: string) =>
  new RegExp(`"resOutputsEvent".*"op":"update".*::${name}"|::${name}".*"op":"update".*"resOutputsEvent"`);

/** p: what protects is changed last. */
describe.each(majors)("an up of %s that fails or is killed", (major) => {
  let site: LocalSite;
  beforeAll(async () => {
    site = await LocalSite.make({ major, block: 142 });
    await site.up();
  }, 180_000);
  afterAll(() => site?.remove(), 60_000);

  const killed: readonly (readonly [string, () => Promise<Readonly<Record<string, unknown>>>, RegExp])[] = [
    [
      "another password, when the role has it",
      async () => {
        await site.setPassword("replicator", `an0ther${Date.now()}`);
        return {};
      },
      updated("replicator"),
    ],
    ["another role for replication", async () => ({ replicationRole: "streamer" }), /::server3-passfile"/],
    ["another port of the standby", async () => ({ servers: { server3: { port: 5443 } } }), /::server3-configuration"/],
    ["TLS in one step", async () => ({ tls: { certificates: "made" } }), /::server2-configuration"/],
  ];
  it.each(killed)("leaves guards that can ask: %s", async (_name, change, when) => {
    const before = protection(site);
    site.declare(await change());
    await killedUp(site, when);
    expect(protection(site)).toEqual(before);
    await expectAsked(site);
    expect(await runbook(site, "server2", "guard", "--dry-run")).toEqual({ code: 0, said: "" });
    site.declare();
    await site.up();
    await expectAsked(site);
    expect(await site.preview()).toMatch(nothingToDo);
  });

  it("leaves a guard that refuses on the night", async () => {
    site.declare({ tls: { certificates: "made" } });
    await site.failing("up");
    await expectAsked(site);
    await theNight(site);
  });
});

/** q: every answer of a living server counts as one. */
describe.each(majors)("a guard of %s whose peer lives and does not say", (major) => {
  let site: LocalSite;
  beforeAll(async () => {
    site = await LocalSite.make({ major, block: 143 });
    await site.up();
  }, 180_000);
  afterAll(() => site?.remove(), 60_000);

  const rules = () => join(site.dataDirectory("server3"), "pg_hba.conf");
  const reload = () => process.kill(site.postmaster("server3") ?? 0, "SIGHUP");
  const untold = { code: 3, said: expect.stringContaining("lives and does not say (server3") };

  it("stays down, says so in the preview before, and starts by an administrator's word alone", async () => {
    const [text, passfile] = [readFileSync(rules(), "utf8"), kept(site, "server2", "passfile")];
    writeFileSync(rules(), text.replaceAll(/^host(.*)replication(.*)$/gm, "# $1"));
    reload();
    expect(await site.preview()).toContain("no rule in server3's pg_hba.conf lets server2");
    expect((await runbook(site, "server2", "guard", "--ask")).said).toMatch(/^server3\t\S+\trefuses\t/);
    expect(await runbook(site, "server2", "guard", "--dry-run")).toMatchObject(untold);
    // Another way in which it lives and does not say: another password.
    writeFileSync(rules(), text);
    reload();
    writeFileSync(join(site.controlDirectory("server2"), "passfile"), passfile.replace(/[^:]*\n$/, "wrong\n"));
    await expect.poll(async () => (await runbook(site, "server2", "guard", "--ask")).said).toMatch(/password/);
    expect(await runbook(site, "server2", "guard", "--dry-run")).toMatchObject(untold);
    writeFileSync(join(site.controlDirectory("server2"), "passfile"), passfile);
    // And a third: it is frozen.
    const frozen = site.postmaster("server3") ?? 0;
    process.kill(frozen, "SIGSTOP");
    expect(await runbook(site, "server2", "guard", "--dry-run")).toMatchObject({
      code: 3,
      said: expect.stringContaining("it takes connections, and does not answer"),
    });
    process.kill(frozen, "SIGCONT");

    await site.stop("server2", "SIGQUIT");
    expect((await runbook(site, "server3", "failover")).code).toBe(0);
    writeFileSync(rules(), text.replaceAll(/^host(.*)replication(.*)$/gm, "# $1"));
    reload();
    await expect.poll(async () => (await runbook(site, "server2", "guard")).code, { timeout: 20_000 }).toBe(3);
    expect(await runbook(site, "server2", "guard", "--allow-once")).toMatchObject({ code: 0 });
    expect(await runbook(site, "server2", "guard")).toMatchObject({
      code: 0,
      said: expect.stringContaining("nobody was asked"),
    });
    expect(await runbook(site, "server2", "guard", "--dry-run")).toMatchObject(untold);
  });
});

/** j: what a host does not show is not taken for "not so". */
describe.each(majors)(
  "hosts of %s that have no ps, pgrep, ss and psql, and whose /proc hides others' processes",
  (major) => {
    let site: LocalSite;
    let bare: ReturnType<typeof bareHost>;
    beforeAll(async () => {
      site = await LocalSite.make({ major, block: 144 });
      await site.up();
      bare = bareHost(site, ["ps", "pgrep", "pkill", "ss", "netstat", "lsof", "fuser", "psql"]);
    }, 180_000);
    afterAll(async () => {
      bare?.close();
      await site?.remove();
    }, 60_000);

    it("have a primary that lives, and nobody takes over from it", async () => {
      const clean = await bare.run("preview", "--diff");
      expect(clean.stdout + clean.stderr).toMatch(nothingToDo);
      await site.query("server2", "create table written (at timestamptz)");
      const writing = setInterval(() => {
        site.query("server2", "insert into written values (now())").catch(() => undefined);
      }, 100);
      // It lives and writes; then it is idle.
      for (const [does, refusal] of [
        ["writes", "server3 goes on receiving WAL"],
        ["idles", "the stream of server3 is open, and a server answers where it comes from"],
      ] as const) {
        if (does === "idles") {
          clearInterval(writing);
          await setTimeout(2000);
        }
        for (const lost of [{ lost: true }, { lost: true, acceptDataLoss: true }]) {
          site.declare({ primary: "server3", servers: { server2: lost } });
          const up = await bare.run("up", "--yes", "--skip-preview");
          expect(up.code, up.stdout + up.stderr).not.toBe(0);
          const said = (up.stdout + up.stderr).replace(/\s+/g, " ");
          expect(said).toContain(`refused: the failover from server2 to server3: ${refusal}`);
          expect(await site.query("server3", "select pg_is_in_recovery()::text as r")).toEqual([{ r: "true" }]);
        }
      }
      const { code, said } = await runbook(site, "server3", "failover", "--accept-data-loss");
      expect({ code, said }).toMatchObject({ code: 3, said: expect.stringContaining("server2") });
      site.declare();
    });

    it("do not take over either where the log that tells how the stream ended cannot be read, or lies", async () => {
      const log = join(site.controlDirectory("server3"), "start.log");
      await site.stop("server2", "SIGQUIT");
      renameSync(log, `${log}.away`);
      site.declare({ primary: "server3", servers: { server2: { lost: true } } });
      const up = await bare.run("up", "--yes", "--skip-preview");
      expect(up.code, up.stdout + up.stderr).not.toBe(0);
      const asked = await runbook(site, "server3", "failover", "--dry-run");
      expect(asked).toMatchObject({ code: 3, said: expect.stringContaining("does not say how its stream") });
      writeFileSync(log, "");
      chmodSync(log, 0o000);
      expect((await runbook(site, "server3", "failover", "--dry-run")).code).toBe(3);
      expect(await site.query("server3", "select pg_is_in_recovery()::text as r")).toEqual([{ r: "true" }]);
      renameSync(`${log}.away`, log);
      const ended = await bare.run("up", "--yes", "--skip-preview");
      expect(ended.code, ended.stdout + ended.stderr).toBe(0);
      expect(await site.query("server3", "select pg_is_in_recovery()::text as r")).toEqual([{ r: "false" }]);
    });
  },
);

/** l and r, on a running site. */
describe.each(majors)("a site of %s", (major) => {
  let site: LocalSite;
  beforeAll(async () => {
    site = await LocalSite.make({ major, block: 142, description: { disposable: true } });
    await site.up();
  }, 180_000);
  afterAll(() => site?.remove(), 60_000);

  it("does not leave data behind that could start again: another place at another port, a swap, a place that is somebody else's", async () => {
    const [two, three] = [site.dataDirectory("server2"), site.dataDirectory("server3")];
    const declared: readonly (readonly [object, RegExp])[] = [
      [
        { server3: { dataDirectory: `${three}-new`, port: 5443 } },
        /server3 runs in .* is declared: an up moves no data/,
      ],
      [
        { server2: { dataDirectory: three, port: 5443 }, server3: { dataDirectory: two, port: 5443 } },
        /not made by pgsite for this server/,
      ],
      [{ server3: { dataDirectory: "/usr", port: 5443 } }, /not made by pgsite|problem/],
    ];
    for (const [servers, refused] of declared) {
      site.declare({ servers });
      expect(await site.failing("preview")).toMatch(refused);
      expect(site.postmaster("server3")).toBeDefined();
    }
    site.declare();
    expect(await site.preview()).toMatch(nothingToDo);
  });

  it("is left as it is by destroy, once its data are to stay", async () => {
    site.declare({ disposable: false });
    await site.up();
    await site.destroy();
    for (const server of ["server2", "server3"]) expect(site.postmaster(server)).toBeDefined();
    await expectAsked(site);
    const postmaster = site.postmaster("server2") ?? 0;
    await site.stop("server2", "SIGINT");
    await until("the end of server2", () => !runs(postmaster));
    expect((await runbook(site, "server2", "guard")).code).toBe(0);
  });
});

/** k: a service is what is declared now, on a host with System V. */
const why = whyNoHosts();
describe.skipIf(why !== undefined)(`a service${why === undefined ? "" : ` (${why})`}`, () => {
  let net: MultiHost;
  let host: HostSpec;
  const context: Context = {
    name: "one",
    signal: new AbortController().signal,
    isSecret: () => false,
    log: async () => undefined,
    report: async () => undefined,
    progress: async () => undefined,
  };
  beforeAll(async () => {
    net = await multiHost(["server2"]);
    enter(net.control.env);
    const { address } = net.host("server2");
    host = { name: "server2", transport: "ssh", address, login: "root", user: "postgres" };
    await net.host("server2").must(["install", "-d", "-o", "postgres", "/srv/control"]);
  }, 180_000);
  afterAll(async () => {
    await closeSessions();
    await leave();
    await net?.close();
  }, 60_000);

  const args = (more: Partial<ServiceArgs> = {}): ServiceArgs => ({
    host,
    facts: {
      name: "orders",
      site: "orders",
      server: "server2",
      user: "postgres",
      dataDirectory: "/srv/data",
      controlDirectory: "/srv/control",
      binDirectory: "/usr/lib/postgresql/15/bin",
      passfile: "/srv/control/passfile",
      socketFolders: ["/run/one"],
      runLevels: [3, 4, 5],
    },
    manager: "auto",
    disposable: true,
    ...more,
  });
  const check = async (declared: ServiceArgs, actual?: ServiceState) => {
    const { state, problems = [] } = await service.check(context, declared, actual);
    expect(problems).toEqual([]);
    return state;
  };
  const read = async (state: ServiceState) => (await service.read(context, "", state)) as ServiceState;
  const script = async (name = "orders") => (await hostOf(host).readFile(`/etc/init.d/${name}`))?.toString("utf8");
  /** One `up`, after which a preview finds nothing. */
  const up = async (declared: ServiceArgs, before: ServiceState) => {
    const wanted = await check(declared, await read(before));
    const done = await service.update(context, wanted, await read(before));
    const after = await read(done);
    expect(await check(declared, after)).toEqual(after);
    return after;
  };

  it("is made anew in one up where the tree was emptied, and with other folders, run levels, programs, places, names", async () => {
    let state = await service.create(context, await check(args()));
    expect(await script()).toContain("/run/one");
    await net.host("server2").must(["sh", "-c", "rm -f /etc/init.d/orders /etc/rc?.d/*orders"]);
    expect((await read(state)).text).toBe("");
    state = await up(args(), state);
    expect(await script()).toContain("/run/one");
    const { facts } = args();
    for (const more of [
      { socketFolders: ["/run/two"] },
      { runLevels: [2, 3] },
      { binDirectory: "/opt/pg/bin" },
      { dataDirectory: "/srv/other" },
      { passfile: "/srv/control/other" },
    ]) {
      state = await up(args({ facts: { ...facts, ...more } }), state);
      const [value = ""] = Object.values(more).flat();
      if (!("runLevels" in more)) expect(await script()).toContain(value);
      else expect(await hostOf(host).stat("/etc/rc2.d/S64orders")).toBeDefined();
    }
    state = await up(args({ container: "anew" }), state);
    state = await up(args({ facts: { ...facts, name: "sispi" } }), state);
    expect(await script("sispi")).toContain("/run/one");
    expect(await script()).toBeUndefined();
    state = await up(args({ facts: { ...facts, name: "sispi" }, disposable: false }), state);
    await service.delete(context, state);
    expect(await script("sispi")).toContain("/run/one");
    state = await up(args({ facts: { ...facts, name: "sispi" } }), state);
    await service.delete(context, state);
    expect(await script("sispi")).toBeUndefined();
  });
});
