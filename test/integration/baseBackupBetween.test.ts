import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { renderPassfile } from "../../postgres/files/passfile.js";
import { tried, triesAll } from "../support/everyRun.js";
import { HostSite } from "../support/hostSite.js";
import { whyNoHosts } from "../support/multihost.js";
import { until } from "../support/processes.js";

const why = whyNoHosts();
const MB = 1024 * 1024;
const megabytes = 160;
const passwords = { dbadmin: "adm1n sécret", replicator: "repl:1c'ator \\secret" };

/** What a seed reports of how many bytes are there. */
const at = (line: string) => Number(/^at (\d+)$/.exec(line)?.[1] ?? 0);

describe.skipIf(why !== undefined)(`a base backup between two hosts${why ? ` (${why})` : ""}`, () => {
  let site: HostSite;
  const leaks: string[] = [];
  let sampling: NodeJS.Timeout;

  beforeAll(async () => {
    site = await HostSite.make(["server2", "server3"], passwords);
    await site.makePrimary(megabytes);
    sampling = setInterval(() => {
      for (const host of site.net.hosts) {
        for (const line of host.processes().values()) {
          if (/secret|s.cret/.test(line)) leaks.push(`${host.name}: ${line}`);
        }
      }
    }, 50);
  }, 120_000);

  afterEach(async () => {
    await site.host("server2").plug();
    await site.wipe("server3");
  });

  afterAll(async () => {
    clearInterval(sampling);
    await site?.close();
  }, 60_000);

  /** A standby that streams, and has what the primary has. */
  async function expectStreaming() {
    const { passfile } = site.server("server3");
    const { address, port } = site.server("server2");
    const line = renderPassfile([
      { host: address, port, database: "*", user: "replicator", password: passwords.replicator },
    ]);
    await site
      .host("server3")
      .must(["su", "-s", "/bin/sh", "-c", `umask 077; cat >'${passfile}'`, "postgres"], { input: line });
    await site.start("server3");
    await site.query("server2", "insert into filler values (0, 'a marker')");
    let count = "";
    for (let tries = 0; tries < 100 && count !== "1"; tries += 1) {
      count = await site.query("server3", "select count(*) from filler where n = 0");
    }
    expect(await site.query("server2", "select application_name, state from pg_stat_replication")).toBe(
      "server3|streaming",
    );
    const content = "select count(*), sum(n), md5(string_agg(left(filler, 8), '' order by n)) from filler";
    await site.query("server2", "delete from filler where n = 0");
    const wanted = await site.query("server2", content);
    let found = "";
    for (let tries = 0; tries < 100 && found !== wanted; tries += 1) found = await site.query("server3", content);
    expect(found).toBe(wanted);
  }

  const programsOf = (name: string) => [...site.host(name).processes().values()].join("\n").replaceAll("\0", " ");
  const inControlDirectory = async () => site.asOwner("server3", `ls -A '${site.server("server3").controlDirectory}'`);

  it("goes straight from the one to the other by pg_basebackup, without a manifest, a log or a passfile left", async () => {
    const before = await site.received();
    const run = await site.seed("server3");
    expect(run.said).toEqual([]);
    expect(run.outcome).toMatchObject({ kind: "base-backup", from: "server2", method: "pg_basebackup", kept: 0 });
    expect(run.lines).toContainEqual(
      `copying by pg_basebackup on server3, straight from ${site.host("server2").address}:5432`,
    );
    expect((await site.received()) - before).toBeLessThan(2 * MB);
    expect(await inControlDirectory()).not.toMatch(/passfile/);
    const { dataDirectory } = site.server("server3");
    const names = (await site.asOwner("server3", `cd '${dataDirectory}' && ls -A . pg_log`)).split("\n");
    expect(names).not.toContain("backup_manifest");
    expect(names).not.toContain("pgsite.incoming");
    expect(names).not.toContain("pgsite.incomplete");
    expect(names.filter((name) => /^postgresql-.*log$/.test(name))).toEqual([]);
    expect((await site.asOwner("server3", `find '${dataDirectory}' -perm /077`)).trim()).toBe("");
    await expectStreaming();
  }, 60_000);

  it("goes by rsync where the OS users trust each other by ssh, whichever of them gets to the other", async () => {
    for (const [from, to] of [
      ["server3", "server2"],
      ["server2", "server3"],
    ] as const) {
      await site.trust(from, to);
      const before = await site.received();
      const run = await site.seed("server3", { method: "rsync" });
      await site.distrust(from);
      expect(run.said).toEqual([]);
      expect(run.outcome).toMatchObject({ kind: "base-backup", method: "rsync", kept: 0 });
      const gets = `postgres of ${from} gets to postgres@${site.host(to).address} by ssh`;
      expect(run.lines).toContainEqual(`copying by rsync, straight from host to host: ${gets}`);
      expect((await site.received()) - before).toBeLessThan(4 * MB);
      await expectStreaming();
      await site.wipe("server3");
    }
  }, 90_000);

  it("says which way it goes and why, where neither is to be had, and refuses what was asked for and cannot be", async () => {
    const refused = await site.seed("server3", { method: "rsync" });
    expect(refused.said).toHaveLength(1);
    expect(refused.said[0]).toMatch(
      /^no rsync between the hosts: postgres of server3 does not get to postgres@198\.\S+ by ssh \(.*\), postgres of server2 does not get to postgres@198\.\S+ by ssh \(.*\); baseBackup\.method can also be auto, pg_basebackup or tar$/,
    );
    const { dataDirectory } = site.server("server2");
    const rules = `'${dataDirectory}/pg_hba.conf'`;
    await site.asOwner("server2", `cp ${rules} /tmp/rules && sed -i /replicator/d ${rules}`);
    await site.query("server2", "select pg_reload_conf()");
    try {
      const asked = await site.seed("server3", { method: "pg_basebackup" });
      expect(asked.said).toHaveLength(1);
      expect(asked.said[0]).toMatch(/no pg_hba\.conf entry for replication connection from host "198\./);
      const run = await site.seed("server3", { method: "auto", rateLimit: 400 * MB });
      expect(run.said).toEqual([]);
      expect(run.lines.join("\n")).toMatch(
        /copying by tar, through this machine; not by pg_basebackup: .*no pg_hba\.conf entry.*; not by rsync: postgres of server3 does not get to/,
      );
      expect(run.outcome).toMatchObject({ method: "tar" });
    } finally {
      await site.asOwner("server2", `cat /tmp/rules >${rules}`);
      await site.query("server2", "select pg_reload_conf()");
    }
    await expectStreaming();
  }, 90_000);

  /** Seeds with a limited rate, and does something when so many bytes are there. */
  async function interrupt(
    method: "rsync" | "pg_basebackup",
    act: () => Promise<unknown>,
    move: Parameters<HostSite["seed"]>[3] = {},
  ) {
    let acted: Promise<unknown> | undefined;
    let programs = "";
    const run = await site.seed(
      "server3",
      { method, rateLimit: 20 * MB },
      (line) => {
        if (acted !== undefined || at(line) < 50 * MB) return;
        programs = programsOf("server3");
        acted = act();
      },
      move,
    );
    await acted;
    expect(acted).toBeDefined();
    expect(programs).toContain({ rsync: "--bwlimit=20480", pg_basebackup: "--max-rate=20480" }[method]);
    return run;
  }

  async function expectNothingHalfDone() {
    const { dataDirectory } = site.server("server3");
    const names = await site.asOwner("server3", `cd '${dataDirectory}' && ls -A . global 2>/dev/null || true`);
    expect(names).toMatch(/^pgsite\.incomplete$/m);
    expect(names).not.toMatch(/^pg_control$/m);
    expect(await inControlDirectory()).not.toMatch(/passfile/);
    expect(programsOf("server3")).not.toMatch(/pg_basebackup|rsync/);
  }

  it.runIf(triesAll())(
    "by pg_basebackup, with the connection cut in the middle, is one line and nothing half done; the next begins again",
    async () => {
      const cut = await interrupt("pg_basebackup", () => site.host("server2").unplug());
      expect(cut.code).toBe(1);
      expect(cut.said).toHaveLength(1);
      expect(cut.said[0]).toMatch(
        /^the connection between server2 \(198\.\S+:5432\) and server3 was cut in the middle of the copy \(.*\); run again: pg_basebackup begins again$/,
      );
      await expectNothingHalfDone();
      await site.host("server2").plug();
      const again = await site.seed("server3");
      expect(again.said).toEqual([]);
      expect(again.lines).toContain("a copy was cut off here: pg_basebackup cannot go on with it and begins again");
      await expectStreaming();
    },
    120_000,
  );

  it("by rsync, with the connection cut in the middle, is one line and nothing half done; the next goes on with it", async () => {
    await site.trust("server3", "server2");
    try {
      const cut = await interrupt("rsync", () => site.host("server2").unplug());
      expect(cut.code).toBe(1);
      expect(cut.said).toHaveLength(1);
      expect(cut.said[0]).toMatch(/^the connection between server2 and server3 was cut|^the session on server2/);
      await expectNothingHalfDone();
      await site.host("server2").plug();
      const before = await site.received("server3");
      const again = await site.seed("server3");
      expect(again.said).toEqual([]);
      expect(again.lines.join("\n")).toContain("going on with the half copy by rsync that lies there");
      expect(again.outcome).toMatchObject({ method: "rsync" });
      expect((await site.received("server3")) - before).toBeLessThan((megabytes - 30) * MB);
      await expectStreaming();
    } finally {
      await site.distrust("server3");
    }
  }, 120_000);

  it.each(tried(["pg_basebackup", "rsync"] as const, (method) => method === "pg_basebackup"))(
    "by %s, with the standby's disk full in the middle, is one line with host, folder and bytes; and succeeds with room",
    async (method) => {
      const small = "/srv/small";
      const host = site.host("server3");
      await host.must(["sh", "-c", `mkdir -p ${small} && mount -t tmpfs -o size=600m,mode=777 small ${small}`]);
      const move = { dataDirectory: `${small}/data`, controlDirectory: `${small}/data.pgsite` };
      await site.trust("server3", "server2");
      try {
        const filled = ["sh", "-c", `head -c 600M /dev/zero >${small}/filler 2>/dev/null || true`];
        const full = await interrupt(method, () => host.run(filled), move);
        expect(full.code).toBe(1);
        expect(full.said).toHaveLength(1);
        expect(full.said[0]).toMatch(
          /^\/srv\/small\/data on server3: its disk became full after [\d.]+ MB of [\d.]+ MB \([\d.]+ k?M?B free now\); make room and run again$/,
        );
        expect(await site.asOwner("server3", `ls -A ${small}/data`)).toMatch(/pgsite\.incomplete/);
        await host.must(["rm", `${small}/filler`]);
        const again = await site.seed("server3", { method }, undefined, move);
        expect(again.said).toEqual([]);
        expect(again.outcome).toMatchObject({ kind: "base-backup", method });
      } finally {
        await site.distrust("server3");
        await host.must(["umount", small]);
      }
    },
    120_000,
  );

  it("by pg_basebackup, leaves neither a program nor a passfile behind where pgsite is killed; the next begins again", async () => {
    const killed = await interrupt("pg_basebackup", async () => site.kill());
    expect(killed.code).toBeNull();
    await until("the end of pg_basebackup", () => !/pg_basebackup/.test(programsOf("server3")));
    await expectNothingHalfDone();
    const again = await site.seed("server3");
    expect(again.said).toEqual([]);
    await expectStreaming();
  }, 60_000);

  it.each(tried(["pg_basebackup", "rsync", "tar"] as const, (method) => method !== "tar"))(
    "by %s, brings tablespaces along, into nobody's folder",
    async (method) => {
      const folder = "/srv/aside";
      await site.trust("server3", "server2");
      for (const { name } of site.net.hosts) {
        await site.host(name).must(["install", "-d", "-o", "postgres", "-m", "700", folder]);
      }
      await site.query("server2", `create tablespace aside location '${folder}'`);
      await site.query("server2", "create table far tablespace aside as select generate_series(1, 20000) as n");
      try {
        await site.asOwner("server3", `touch ${folder}/foreign`);
        const refused = await site.seed("server3", { method });
        expect(refused.said).toHaveLength(1);
        expect(refused.said[0]).toMatch(
          /^\/srv\/aside on server3, where tablespace \d+ goes, is not empty and pgsite did/,
        );
        await site.asOwner("server3", `rm ${folder}/foreign`);
        const run = await site.seed("server3", { method });
        expect(run.said).toEqual([]);
        expect(run.outcome).toMatchObject({ method });
        await expectStreaming();
        expect(await site.query("server3", "select count(*) from far")).toBe("20000");
      } finally {
        await site.distrust("server3");
        await site.wipe("server3");
        await site.query("server2", "drop table far");
        await site.query("server2", "drop tablespace aside");
        await site.host("server3").must(["rm", "-rf", folder]);
      }
    },
    60_000,
  );

  it("by pg_basebackup, fetches the WAL at the end where no second walsender is free, and says so", async () => {
    await site.query("server2", "alter system set max_wal_senders = 1");
    await site.stop("server2");
    await site.start("server2");
    try {
      const run = await site.seed("server3");
      expect(run.said).toEqual([]);
      expect(run.lines.join("\n")).toMatch(
        /copying by pg_basebackup .*, its WAL at the end \(no second walsender is free/,
      );
      await expectStreaming();
    } finally {
      await site.query("server2", "alter system reset max_wal_senders");
      await site.stop("server2");
      await site.start("server2");
    }
  }, 60_000);

  it("shows no password in any host's list of processes", () => {
    expect(leaks).toEqual([]);
  });
});
