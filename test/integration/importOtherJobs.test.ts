import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { otherJobWords, readOtherJobs } from "../../cli/import/otherJobs.js";
import { enter, leave } from "../support/here.js";
import { type MultiHost, multiHost, whyNoHosts } from "../support/multihost.js";

const why = whyNoHosts(["/usr/bin/crontab"]);
let net: MultiHost;

beforeAll(async () => {
  if (why !== undefined) return;
  net = await multiHost(["db1"]);
  enter(net.control.env);
}, 120_000);

afterAll(async () => {
  await leave();
  await net?.close();
}, 60_000);

const files: Readonly<Record<string, string>> = {
  "/home/dba/bin/weekly.sh": `#!/bin/sh\npg_dumpall | gzip >/raid/all.gz || echo failed | mail -s backup night-watch\n`,
  "/home/dba/bin/other.sh": "#!/bin/sh\ntrue\n",
  "/etc/cron.d/check":
    "# hourly\nMAILTO=postgres-status\n\n1 * * * * root PGPASSWORD='zq9 secret' psql -c 'select 1' sispi\n",
  "/etc/cron.daily/old-dumps": "#!/bin/sh\nfind /srv/pgsql/dumps -mtime +30 -delete\n",
  "/etc/systemd/system/base.timer": "[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n",
  "/etc/systemd/system/base.service": "[Service]\nExecStart=/usr/bin/pg_basebackup \\\n  -D /raid/base\n",
  "/etc/systemd/system/never.timer": "[Timer]\nOnCalendar=daily\n",
  "/etc/systemd/system/never.service": "[Service]\nExecStart=/usr/bin/pg_dump x\n",
  "/etc/aliases": "root: admin\nnight-watch: joe\npostgres-status: jane,\n  joe\nweb: ann\n",
  "/tmp/crontab": "# of the dba's\n2 11 * * 0 cd /home/dba/bin && ./weekly.sh\n5 5 * * * /home/dba/bin/other.sh\n",
};

describe.skipIf(why !== undefined)(`an import of a host with jobs of its own${why ? ` (${why})` : ""}`, () => {
  it("names them, takes none, and says what it could not read", { timeout: 60_000 }, async () => {
    const host = net.host("db1");
    await host.must([
      "sh",
      "-c",
      "mkdir -p /home/dba/bin /srv/pgsql /etc/cron.daily /etc/systemd/system/timers.target.wants",
    ]);
    for (const [path, content] of Object.entries(files))
      await host.must(["sh", "-c", 'cat >"$1" && chmod 755 "$1"', "sh", path], { input: content });
    await host.must(["crontab", "-u", "postgres", "/tmp/crontab"]);
    await host.must(["ln", "-s", "/etc/systemd/system/base.timer", "/etc/systemd/system/timers.target.wants/"]);
    await host.must([
      "sh",
      "-c",
      "echo '0 0 * * * root pg_dump x' >/etc/cron.d/closed && chmod 600 /etc/cron.d/closed",
    ]);
    const place = { host: "db1", address: host.address, transport: "ssh", dataDirectory: "/srv/pgsql/data" } as const;
    const spec = { name: "db1", address: host.address, transport: "ssh", login: "admin", user: "postgres" } as const;
    const { found, unread } = await readOtherJobs({ place, spec, binDirectory: "/usr/bin" });
    expect(found.map(otherJobWords)).toEqual([
      "the crontab of postgres, line 2: 2 11 * * 0 cd /home/dba/bin && ./weekly.sh (it runs /home/dba/bin/weekly.sh, which is about PostgreSQL)",
      "/etc/cron.d/check, line 4: 1 * * * * root PGPASSWORD=******** psql -c 'select 1' sispi",
      "/etc/cron.daily/old-dumps, line 2: find /srv/pgsql/dumps -mtime +30 -delete",
      "/etc/systemd/system/base.service, which base.timer starts: ExecStart=/usr/bin/pg_basebackup    -D /raid/base",
      "/etc/aliases: night-watch: joe",
      "/etc/aliases: postgres-status: jane, joe",
    ]);
    expect(unread).toEqual([{ file: "/etc/cron.d/closed", why: "it is closed to postgres" }]);
  });
});
