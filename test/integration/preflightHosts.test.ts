import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hostOf } from "../../hosts/index.js";
import { makeFolders } from "../../preflight/folders.js";
import { preflight } from "../../preflight/index.js";
import type { PreflightRequest, ServerRequest } from "../../preflight/request.js";
import { enter, leave } from "../support/here.js";
import { sayNfs } from "../support/multihost/nfs.js";
import { type MultiHost, multiHost, whyNoHosts } from "../support/multihost.js";
import { programsOf } from "../support/programs.js";

const why = whyNoHosts();
const names = ["server2", "server3", "des10"] as const;
type Name = (typeof names)[number];
let net: MultiHost;
/** Server programs of the declared version, and of another. */
let right: string;
let wrong: string;

beforeAll(async () => {
  if (why !== undefined) return;
  [right, wrong, net] = await Promise.all([programsOf("15"), programsOf("16"), multiHost(names)]);
  enter(net.control.env);
  for (const host of net.hosts) await host.must(["install", "-d", "-o", "postgres", "/data"]);
}, 120_000);

afterAll(async () => {
  await leave();
  await net?.close();
}, 60_000);

function server(name: Name, more: Partial<ServerRequest> = {}): ServerRequest {
  const { address } = net.host(name);
  const dataDirectory = more.dataDirectory ?? "/data/sispi";
  return {
    name,
    host: { name, transport: "ssh", address, login: "admin", user: "postgres" },
    address,
    port: 5442,
    binDirectory: right,
    settings: {},
    disposable: false,
    ...more,
    dataDirectory,
    controlDirectory: `${dataDirectory}.pgsite`,
  };
}

async function told(servers: readonly ServerRequest[], more: Partial<PreflightRequest> = {}) {
  const asked = {
    site: "sispi",
    stack: "ctio",
    version: "15",
    locales: ["C"],
    install: false,
    servers,
    ...more,
  } as const;
  const { findings } = await preflight(asked, { hostOf });
  return findings.map(({ severity, message }) => `${severity}: ${message}`);
}

describe.skipIf(why !== undefined)(
  `a preflight of hosts over SSH${why ? ` (${why})` : ""}`,
  { timeout: 60_000 },
  () => {
    it("finds nothing wrong where nothing is", async () => {
      expect(await told(names.map((name) => server(name)))).toEqual([]);
    });

    it("says all that is wrong on three hosts in one run, and changes nothing", async () => {
      const [server2, server3, des10] = names.map((name) => net.host(name)) as [Host, Host, Host];
      const nfs = await sayNfs(server2, "/data");
      // As far as the host's own programs can tell.
      expect((await server2.must(["stat", "-f", "-c", "%T", "/data"])).trim()).toBe("nfs");
      const listen =
        "require('net').createServer().listen(5442, () => console.log('listens')); setTimeout(() => {}, 60000)";
      await server2.must([
        "sh",
        "-c",
        'node -e "$1" >/tmp/listener 2>&1 & until grep -q listens /tmp/listener; do sleep 0.1; done',
        "sh",
        listen,
      ]);
      await server3.must(["sh", "-c", "mkdir /small && mount -t tmpfs -o size=4m,mode=777 small /small"]);
      await des10.must([
        "sh",
        "-c",
        "install -d -o postgres /foreign && echo mine >/foreign/notes.txt && mkdir -m 700 /closed",
      ]);
      const lines = await told(
        [
          server("server2", { binDirectory: wrong }),
          server("server3", { dataDirectory: "/small/sispi", binDirectory: "/usr/pgsql-15/bin" }),
          server("des10", { dataDirectory: "/foreign", settings: { shared_buffers: "1TB" } }),
          { ...server("des10", { dataDirectory: "/closed/sispi", port: 5443 }), name: "des11" },
        ],
        { expectedGrowth: 5_000_000, locales: ["C", "tlh_KX.UTF-8"] },
      );
      await nfs.mend();
      const expected = [
        /^error: server2: the locale tlh_KX.UTF-8 is not there: /,
        /^error: server2: .*\/postgres is PostgreSQL 16\.\d+, and 15 is declared: /,
        /^error: server2: port 5442 is taken by .*: stop it, or declare another port for server2$/,
        /^error: server2: \/data\/sispi lies on NFS.*: choose a dataDirectory on a local disk/,
        /^error: server3: the locale tlh_KX.UTF-8 is not there: /,
        /^error: server3: there is no PostgreSQL 15 in \/usr\/pgsql-15\/bin: /,
        /^warning: server3: \/small\/sispi lies on memory \(tmpfs\)/,
        /^error: server3: \/small\/sispi has 4.19 MB free, and 5 MB are needed/,
        /^error: des10: the locale tlh_KX.UTF-8 is not there: /,
        /^error: des10: \/foreign on des10, .*, is not empty and was not made by pgsite/,
        /^error: des10: shared_buffers takes 1\.1 TB, and of /,
      ];
      for (const line of expected) expect(lines).toContainEqual(expect.stringMatching(line));
      expect(lines).toHaveLength(expected.length);
      expect(await des10.must(["sh", "-c", "ls /foreign; ls -A /closed"])).toBe("notes.txt\n");
    });

    it("says what backups would miss there, and makes the folder of their runs", async () => {
      const server3 = net.host("server3");
      await server3.must([
        "sh",
        "-c",
        "rm -f /usr/sbin/sendmail /usr/lib/sendmail /usr/bin/sendmail /etc/aliases /usr/bin/pv && ln -sf /usr/share/zoneinfo/UTC /etc/localtime && install -d -o root /kept",
      ]);
      const times = { program: "backup", key: "backups", cron: "2 11 * * 0", zone: "America/Santiago" } as const;
      const folders = [
        { path: "/backup/sispi", key: "backups.folder" },
        { path: "/kept", key: "backups.copies[0].folder" },
      ];
      const needs = ["backups", "copies", "jobs", "rateLimit"] as const;
      const request: PreflightRequest = {
        site: "sispi",
        stack: "ctio",
        version: "16",
        locales: ["C"],
        install: false,
        mail: { aliases: ["postgres-status"] },
        servers: [
          server("server3", {
            binDirectory: wrong,
            jobs: { needs, clients: ["psql", "pg_dump"], times: [times], folders, metrics: "/metrics" },
          }),
        ],
      };
      const look = () => preflight(request, { hostOf });
      const said = async () => (await look()).findings.map(({ severity, message }) => `${severity}: ${message}`);
      const expected = [
        /^error: server3: pv is missing: backups.rateLimit takes it: /,
        /^warning: server3: nothing there delivers mail \(there is no sendmail program\): /,
        /^warning: server3: there is no \/etc\/aliases for postgres-status: /,
        // Debian's are 15, if they are there.
        /^error: server3: backups run psql, pg_dump of PostgreSQL 16, which \/\S+ does not have, nor PATH/,
        /^error: server3: \/kept, where backups lie, belongs to root and is closed to postgres: chown postgres \/kept$/,
        /^error: server3: \/metrics, where the watch puts metrics, is no folder: /,
        /^error: server3: cron is to run backup, and no cron runs: /,
        /^error: server3: the times of backup .* the host's own zone alone, (?:Etc\/)?UTC, whose clock is not always as far /,
      ];
      const lines = await said();
      for (const line of expected) expect(lines).toContainEqual(expect.stringMatching(line));
      expect(lines).toHaveLength(expected.length);

      await server3.must(["cron"]);
      await server3.must(["ln", "-sf", "/usr/share/zoneinfo/America/Santiago", "/etc/localtime"]);
      await server3.must(["install", "-m", "755", "/bin/true", "/usr/sbin/sendmail"]);
      await server3.must(["touch", "/etc/aliases"]);
      await server3.must(["chown", "postgres", "/kept"]);
      expect((await said()).filter((line) => !/pv is missing|backups run|metrics/.test(line))).toEqual([]);
      const report = await look();
      expect(report.folders).toEqual({ server3: [{ path: "/backup/sispi", mode: 0o700 }] });
      await makeFolders(
        report.folders,
        request.servers.map(({ host }) => host),
        hostOf,
      );
      expect(await server3.must(["stat", "-c", "%a %U", "/backup", "/backup/sispi"])).toBe("755 root\n700 postgres\n");
      expect((await look()).folders).toEqual({});
    });

    it("does nothing as a user that is root by another name, and runs no program that a stack file names", async () => {
      const des10 = net.host("des10");
      await des10.must([
        "sh",
        "-c",
        `mkdir -p /opt/evil && cd /opt/evil && for p in postgres initdb pg_ctl; do printf '#!/bin/sh\\nid -un >>/tmp/ran\\necho "postgres (PostgreSQL) 15.8"\\n' >$p; chmod 755 $p; done; : >/tmp/ran; chmod 666 /tmp/ran; sed -i '1i toor:x:0:0::/root:/bin/sh' /etc/passwd`,
      ]);
      const asked = server("des10", { binDirectory: "/opt/evil" });
      const lines = await told([{ ...asked, host: { ...asked.host, login: "root", user: "toor" } }]);
      expect(lines).toEqual([
        expect.stringContaining("its OS user toor is root by another name (uid 0), as which no server runs"),
      ]);
      expect(await told([{ ...asked, dataDirectory: "/data/other", controlDirectory: "/data/other.pgsite" }])).toEqual(
        [],
      );
      expect(await des10.must(["cat", "/tmp/ran"])).toBe("");
    });
  },
);

type Host = ReturnType<MultiHost["host"]>;
