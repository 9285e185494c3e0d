import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hostOf } from "../../hosts/index.js";
import { closeSessions } from "../../hosts/shell/sessions.js";
import { makeFolders } from "../../preflight/folders.js";
import { preflight } from "../../preflight/index.js";
import type { PreflightRequest, ServerRequest } from "../../preflight/request.js";
import { checkout } from "../../toolchain/paths.mjs";
import { sudoersLines } from "../support/documents.js";
import { enter, leave } from "../support/here.js";
import { type MultiHost, multiHost, whyNoHosts } from "../support/multihost.js";
import { binaries, RemoteSite, said, whyNoSite } from "../support/remoteSite.js";

const whyNot = whyNoHosts([`${binaries}/postgres`, "/usr/bin/crontab"]);
/** The very lines of docs/hosts.md: sudo to the OS user alone, and to root too. */
const rules = sudoersLines(readFileSync(join(checkout, "docs/hosts.md"), "utf8"), "guest");

describe.skipIf(whyNot !== undefined)(
  `a preflight over SSH, by who logs in${whyNot ? ` (${whyNot})` : ""}`,
  { timeout: 60_000 },
  () => {
    let net: MultiHost;
    const db1 = () => net.host("db1");
    const sh = (script: string) => db1().must(["sh", "-c", script]);

    beforeAll(async () => {
      net = await multiHost(["db1"]);
      enter(net.control.env);
      await sh(`echo '${rules.osUser}' >/etc/sudoers.d/guest && chmod 440 /etc/sudoers.d/guest`);
    }, 60_000);

    afterAll(async () => {
      await leave();
      await net?.close();
    }, 60_000);

    function asked(login: string, more: Partial<ServerRequest> = {}, user = "postgres"): PreflightRequest {
      const { address } = db1();
      const dataDirectory = more.dataDirectory ?? "/srv/postgresql/orders";
      const host = { name: "db1", transport: "ssh", address, login, user } as const;
      const server: ServerRequest = {
        name: "db1",
        host,
        address,
        port: 5442,
        binDirectory: binaries,
        settings: {},
        disposable: false,
        service: { name: "orders", manager: "auto" },
        ...more,
        dataDirectory,
        controlDirectory: `${dataDirectory}.pgsite`,
      };
      return { site: "orders", stack: "test", version: "15", locales: ["C"], install: false, servers: [server] };
    }

    async function told(request: PreflightRequest) {
      // What a session was told of sudo is remembered for a while.
      await closeSessions();
      const { findings, folders } = await preflight(request, { hostOf });
      return { said: findings.map(({ severity, message }) => `${severity}: ${message}`), folders };
    }

    const noFolder =
      "error: db1: postgres cannot make /srv/postgresql (/srv belongs to root): install -d -o postgres -m 0755 /srv/postgresql";

    it("has nothing to ask of anybody as root or with sudo to all: the folder is made, as it says", async () => {
      for (const login of ["root", "admin"]) {
        expect(await told(asked(login))).toEqual({
          said: [],
          folders: { db1: [{ path: "/srv/postgresql", mode: 0o755 }] },
        });
      }
      const { servers } = asked("admin");
      const { folders } = await preflight(asked("admin"), { hostOf });
      const hosts = servers.map(({ host }) => host);
      await makeFolders(folders, hosts, hostOf);
      expect((await sh("stat -c '%a %U %n' /srv /srv/postgresql")).trim().split("\n")).toEqual([
        "755 root /srv",
        "755 postgres /srv/postgresql",
      ]);
      expect(await told(asked("guest", { service: { name: "orders", manager: "none" } }))).toEqual({
        said: [],
        folders: {},
      });
      await sh("rmdir /srv/postgresql");
    });

    it("tells the OS user, and sudo to it alone, what cannot be done then, and by whom it can", async () => {
      const [asPostgres, asGuest] = [await told(asked("postgres")), await told(asked("guest"))];
      const service = "error: db1: orders, a script in /etc/init.d that starts it with its machine, takes root";
      const none = "or say service.manager: none, and it comes back by hand";
      expect(asPostgres).toEqual({
        said: [
          noFolder,
          `${service} (it logs in as postgres): let sudo make it root too (visudo: postgres ALL=(root, postgres) NOPASSWD: /bin/sh), or log in as root (hosts.db1.login: root); ${none}`,
        ],
        folders: {},
      });
      expect(asGuest).toEqual({
        said: [
          noFolder,
          `${service} (it logs in as guest, and sudo lets it use (postgres) NOPASSWD: /bin/sh alone): let sudo make it root too (visudo: guest ALL=(root, postgres) NOPASSWD: /bin/sh), or log in as root (hosts.db1.login: root); ${none}`,
        ],
        folders: {},
      });
      // With a cron there is another way, and it says which.
      await sh("/usr/sbin/cron");
      const withCron = await told(asked("guest"));
      expect(withCron.said[1]).toMatch(
        /^warning: db1: orders, .*: a line in postgres's crontab \(@reboot\) starts it in its place, .*; service.manager: crontab says that it is meant$/s,
      );
      expect((await told(asked("guest", { service: { name: "orders", manager: "crontab" } }))).said).toEqual([
        noFolder,
      ]);
      await sh("echo root >/etc/cron.allow");
      expect((await told(asked("guest", { service: { name: "orders", manager: "crontab" } }))).said[1]).toContain(
        "by postgres's crontab, and postgres may have no crontab",
      );
      await sh("rm /etc/cron.allow");
    });

    it("has nothing to ask of anybody by the other line of the document either", async () => {
      await sh(`echo '${rules.root}' >/etc/sudoers.d/guest`);
      expect(await told(asked("guest"))).toEqual({
        said: [],
        folders: { db1: [{ path: "/srv/postgresql", mode: 0o755 }] },
      });
      await sh(`echo '${rules.osUser}' >/etc/sudoers.d/guest`);
    });

    it("makes nothing as root where others may write, and says where that is", async () => {
      await sh("install -d -o root -m 1777 /srv/open");
      const { said: lines, folders } = await told(asked("root", { dataDirectory: "/srv/open/of/orders" }));
      expect(folders).toEqual({});
      expect(lines).toEqual([]);
      await sh("install -d -o guest -m 755 /srv/theirs");
      expect(await told(asked("root", { dataDirectory: "/srv/theirs/of/orders" }))).toEqual({
        said: [
          "error: db1: postgres cannot make /srv/theirs/of (/srv/theirs belongs to guest, and root makes nothing where others may write: /srv/theirs): install -d -o postgres -m 0755 /srv/theirs/of",
        ],
        folders: {},
      });
    });

    it("tells where the compiled-in folder of sockets is gone, if root cannot make it anew", async () => {
      await sh("rmdir /run/postgresql");
      const here = {
        dataDirectory: "/var/lib/postgresql/orders",
        service: { name: "orders", manager: "none" },
      } as const;
      expect((await told(asked("root", here))).said).toEqual([]);
      expect((await told(asked("guest", here))).said).toEqual([
        "error: db1: /var/run/postgresql is to hold the server's socket, and postgres cannot make it (/var/run belongs to root): install -d -o postgres -m 0755 /var/run/postgresql, as root and after each boot that empties it (tmpfiles.d); or declare another unix_socket_directories",
      ]);
      expect((await told(asked("guest", { ...here, settings: { unix_socket_directories: "/tmp" } }))).said).toEqual([]);
      await sh("install -d -o postgres -m 2775 /run/postgresql");
    });

    it("says that there is no such OS user, whoever logs in, and that sudo does not let it be that", async () => {
      const here = {
        dataDirectory: "/var/lib/postgresql/orders",
        service: { name: "orders", manager: "none" },
      } as const;
      const missing = await told(asked("root", here, "nobody-here"));
      expect(missing.said[0]).toBe(
        "error: db1: there is no OS user nobody-here: make it (useradd --system --create-home --shell /bin/sh nobody-here), or name another as osUser",
      );
      for (const [login, words] of [
        ["admin", "it has no OS user nobody-here: create it there, or name another in osUser"],
        ["guest", "it has no OS user nobody-here: create it there, or name another in osUser"],
      ] as const) {
        const { findings } = await preflight(asked(login, here, "nobody-here"), { hostOf });
        expect(findings[0]).toMatchObject({ check: "user", severity: "error" });
        if (login === "guest") expect(findings[0]?.message).toContain(words);
      }
      await sh("rm /etc/sudoers.d/guest");
      await closeSessions();
      const { findings } = await preflight(asked("guest", here), { hostOf });
      expect(findings).toMatchObject([{ check: "user", severity: "error" }]);
      expect(findings[0]?.message).toContain("sudo to postgres was refused there");
    });

    it("comes to its end on a host without flock, sudo and procps", async () => {
      await sh("rm -f /usr/bin/flock /usr/bin/sudo /usr/bin/ps /usr/bin/pgrep /usr/bin/pkill /bin/ps");
      const here = { dataDirectory: "/var/lib/postgresql/orders" };
      expect((await told(asked("root", here))).said).toEqual([
        expect.stringMatching(/^error: db1: flock is missing: apt-get install util-linux$/),
      ]);
      expect((await told(asked("guest", here))).said).toEqual([
        "error: db1 cannot be reached: it has no sudo: install it, or log in as postgres or root (hosts.db1.login)",
      ]);
    });
  },
);

const whyNoSuchSite = whyNoSite() ?? whyNot;

describe.skipIf(whyNoSuchSite !== undefined)(
  `a site whose hosts are reached as root, and by sudo to postgres alone${whyNoSuchSite ? ` (${whyNoSuchSite})` : ""}`,
  { timeout: 240_000 },
  () => {
    let site: RemoteSite;

    beforeAll(async () => {
      const service = { name: "sispi" };
      site = await RemoteSite.make({
        stacks: ["ctio"],
        changes: [
          [["servers", "server2", "dataDirectory"], "/srv/postgresql/sispi"],
          [["service"], service],
          // A warm standby cannot tell the guard whether it took over, and is waited for a minute (hostsSite.test.ts).
          [["settings", "hot_standby"], true],
        ],
      });
      declareHosts(asMeant);
      // What System V hosts have at boot: no tmpfiles, and a cron.
      for (const name of ["server2", "server3"]) {
        await site.host(name).must(["sh", "-c", `echo '${rules.osUser}' >/etc/sudoers.d/guest`]);
        await site
          .host(name)
          .must([
            "sh",
            "-c",
            `printf '#!/bin/sh\\n/usr/sbin/cron\\n' >/etc/rc3.d/S10cron && chmod 755 /etc/rc3.d/S10cron && /usr/sbin/cron`,
          ]);
      }
      await site
        .host("server2")
        .must([
          "sh",
          "-c",
          "printf '#!/bin/sh\\nrmdir /run/postgresql\\n' >/etc/rc3.d/S05empty && chmod 755 /etc/rc3.d/S05empty && rmdir /run/postgresql",
        ]);
    }, 120_000);

    afterAll(() => site?.remove(), 60_000);

    /** How hosts are reached, by name. */
    const declareHosts = (hosts: Readonly<Record<string, object>>) =>
      site.declare(
        "ctio",
        ...Object.entries(hosts).map(
          ([name, how]) => [["hosts", name], { address: site.host(name).address, ...how }] as const,
        ),
      );
    const asMeant = { server2: { login: "root" }, server3: { login: "guest" } };

    it("says once what holds for both, and whether SQL gets to them where it is to go directly", async () => {
      const { address } = site.host("server3");
      const { address: here } = site.net.control;
      const list = async () => (await site.pgsite(["preflight"])).stdout.split("\n").map((line) => line.trim());
      const gone =
        "and hosts.server3.sessions: direct has its SQL go there: open it in the firewall, or take that key away: SQL goes through SSH then";
      declareHosts({ server2: { login: "guest" }, server3: { login: "guest", sessions: "direct" } });
      const before = await list();
      const both = before.filter((line) => line.includes("takes root"));
      expect(both).toEqual([
        expect.stringMatching(
          /^warning: server2 and server3: a script in \/etc\/init\.d that starts it with its machine, takes root \(it logs in as guest, .*\(hosts\.NAME\.login: root\); service\.manager/,
        ),
      ]);
      // The wall of the test drops what comes from there; then nobody listens, and no rule is meant for it.
      expect(before).toContain(
        `problem: server3: port 5442 of ${address} does not answer this machine within 2 s, ${gone}`,
      );
      const wall = `pref 1 from ${here} ipproto tcp dport 23-65534 blackhole`;
      await site.host("server3").must(["sh", "-c", "ip rule del pref 1"]);
      const open = await list();
      await site.host("server3").must(["sh", "-c", `ip rule add ${wall}`]);
      expect(open.filter((line) => line.includes("sessions: direct"))).toEqual([
        expect.stringContaining(
          `warning: server3: no access rule lets dbadmin in from ${here}, if that is how this machine comes to it, and hosts.server3.sessions: direct`,
        ),
      ]);
      declareHosts(asMeant);
    });

    const times = (text: string, words: string) => text.split(words).length - 1;

    it("is told it in one list, once, in the preview and in the up, and nobody touches a host by hand", async () => {
      const all = await site.must("ctio", ["preview"]);
      expect(all).toMatch(/pgsite:index:Preflight \(sispi-preflight\):\n\s+warning: the preflight found 1 warning:\n/);
      expect(times(all, "starts it in its place")).toBe(1);
      expect(times(all, "an up first makes the folder /srv/postgresql 0755 postgres on server2, as root")).toBe(1);
      expect(all).not.toContain("has a problem");
      const up = await site.up("ctio");
      expect(times(up, "starts it in its place")).toBe(1);
      expect((await site.host("server2").must(["stat", "-c", "%a %U", "/srv/postgresql"])).trim()).toBe("755 postgres");
      expect(await site.host("server3").must(["crontab", "-l", "-u", "postgres"])).toContain(
        "@reboot cd /; umask 077; ",
      );
      expect(await site.streaming("server2")).toEqual([`server3 ${site.host("server3").address} streaming`]);
      expect(await site.must("ctio", ["preview"])).toMatch(/Resources:\n {4}\d+ unchanged\n/);
    });

    it("comes back after a reboot of all hosts, /run emptied: by the script of System V, and by postgres's crontab", async () => {
      await Promise.all(["server2", "server3"].map((name) => site.reboot(name)));
      // A guard waits up to a minute for a peer that is a warm standby already, and says nothing.
      await expect
        .poll(() => site.streaming("server2").catch(String), { timeout: 100_000 })
        .toEqual([`server3 ${site.host("server3").address} streaming`]);
      expect((await site.host("server2").must(["stat", "-c", "%a %U", "/run/postgresql"])).trim()).toBe("755 postgres");
    });

    it("is refused in one list, once and without a prefix, where what was there is gone", async () => {
      await site.host("server3").must(["rm", "/usr/bin/flock"]);
      site.declare("ctio", [["expectedGrowth"], { years: 1000, perDay: "1TB" }]);
      for (const args of [["preview"], ["up", "--yes", "--skip-preview"]]) {
        const result = await site.start("ctio", args).finished;
        const all = said(result);
        expect(result.code).not.toBe(0);
        expect(times(all, "flock is missing")).toBe(1);
        expect(times(all, "are needed")).toBe(2);
        expect(all).toMatch(/error: the preflight found 3 problems: no server was made or changed\n\s+server/);
        expect(all).not.toContain("has a problem");
      }
    });
  },
);
