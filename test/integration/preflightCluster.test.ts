import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hostOf } from "../../hosts/index.js";
import { closeSessions } from "../../hosts/shell/sessions.js";
import { preflight } from "../../preflight/index.js";
import type { PreflightRequest, ServerRequest } from "../../preflight/request.js";
import { enter, leave } from "../support/here.js";
import { type MultiHost, multiHost, whyNoHosts } from "../support/multihost.js";
import { binaries } from "../support/remoteSite.js";

const whyNot = whyNoHosts([`${binaries}/postgres`, "/usr/bin/pg_createcluster"]);

describe.skipIf(whyNot !== undefined)(
  `a host with a cluster main of its distribution's${whyNot ? ` (${whyNot})` : ""}`,
  { timeout: 60_000 },
  () => {
    let net: MultiHost;
    const sh = (script: string) => net.host("db1").must(["sh", "-c", script]);

    beforeAll(async () => {
      net = await multiHost(["db1"]);
      enter(net.control.env);
      // As its package makes it; whatever this machine has is not there.
      await sh("rm -rf /etc/postgresql/* /var/lib/postgresql/* && pg_createcluster 15 main >/dev/null 2>&1");
    }, 60_000);

    afterAll(async () => {
      await leave();
      await net?.close();
    }, 60_000);

    async function told(settings: Readonly<Record<string, string>>, more: Partial<ServerRequest> = {}) {
      const { address } = net.host("db1");
      const server: ServerRequest = {
        name: "db1",
        host: { name: "db1", transport: "ssh", address, login: "admin", user: "postgres" },
        address,
        port: 5432,
        binDirectory: binaries,
        settings,
        disposable: false,
        dataDirectory: "/var/lib/postgresql/orders",
        controlDirectory: "/var/lib/postgresql/orders.pgsite",
        ...more,
      };
      const request: PreflightRequest = {
        site: "orders",
        stack: "test",
        version: "15",
        locales: ["C"],
        install: false,
        servers: [server],
      };
      await closeSessions();
      const { findings } = await preflight(request, { hostOf });
      return findings.map(({ severity, message }) => `${severity}: ${message}`);
    }

    const everywhere = { listen_addresses: "*" };
    const drop = "if nothing in it is needed: pg_dropcluster --stop 15 main";

    it("is warned of one that would take the port when the machine starts, and not of one that does not start", async () => {
      expect(await told(everywhere)).toEqual([
        `warning: db1: the cluster 15/main, which does not run, starts with the machine and takes port 5432 then: ${drop}, else echo manual >/etc/postgresql/15/main/start.conf; or declare another port for db1`,
      ]);
      expect(await told(everywhere, { port: 5433 })).toEqual([]);
      await sh("echo manual >/etc/postgresql/15/main/start.conf");
      expect(await told(everywhere)).toEqual([]);
    });

    it("is refused where it runs, on the port or with its socket alone, which is enough to keep a server from starting", async () => {
      await sh("pg_ctlcluster 15 main start");
      const otherwise = `, the cluster 15/main: ${drop}; if it is to be pgsite's: pgsite import; else declare another port for db1`;
      expect(await told(everywhere)).toEqual([
        expect.stringMatching(
          /^error: db1: port 5432 is taken by postgres \(process \d+ of postgres\) on .* and \d more, /,
        ),
      ]);
      expect((await told(everywhere))[0]).toContain(otherwise);
      // It listens on localhost alone.
      const own = { listen_addresses: net.host("db1").address };
      const lines = await told(own);
      expect(lines).toEqual([
        expect.stringMatching(
          /^error: db1: the socket \/var\/run\/postgresql\/\.s\.PGSQL\.5432 is taken by the server of \/var\/lib\/postgresql\/15\/main \(process \d+ of postgres\), /,
        ),
      ]);
      expect(lines[0]).toContain(otherwise);
      const start = `su -s /bin/sh postgres -c 'd=$(mktemp -d) && ${binaries}/initdb -D $d >/dev/null && ${binaries}/pg_ctl -D $d -w -o "-c listen_addresses=${own.listen_addresses}" start 2>&1; cat $d/log 2>/dev/null; true'`;
      expect(await sh(start)).toContain('lock file "/var/run/postgresql/.s.PGSQL.5432.lock" already exists');
      expect(await told({ ...own, unix_socket_directories: "/tmp" })).toEqual([]);
    });

    it("is told that it is another's where it is the very data directory, and nothing of its port", async () => {
      const data = "/var/lib/postgresql/15/main";
      expect(await told(everywhere, { dataDirectory: data, controlDirectory: `${data}.pgsite` })).toEqual([
        expect.stringMatching(/^error: db1: .* is not empty and was not made by pgsite for this server/),
      ]);
    });

    it("has nothing in the way where it was killed and left its socket behind", async () => {
      await sh(
        "kill -9 $(head -n 1 /var/lib/postgresql/15/main/postmaster.pid); sleep 0.3; ls /var/run/postgresql/.s.PGSQL.5432.lock",
      );
      expect(await told({ listen_addresses: net.host("db1").address })).toEqual([]);
    });
  },
);
