import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { controlDirectoryOf } from "../../config/controlDirectory.js";
import { hostOf } from "../../hosts/index.js";
import { type BackupFacts, backupFiles } from "../../installed/backups/render.js";
import { installFiles } from "../../installed/folder.js";
import { scheduleOf } from "../../installed/jobs/scheduled.js";
import { findScheduler, installSchedule, readSchedule } from "../../installed/schedule.js";
import { enter, leave } from "../support/here.js";
import { type HostMachine, type MultiHost, multiHost, whyNoHosts } from "../support/multihost.js";
import { until } from "../support/processes.js";
import { SmtpSink } from "../support/smtpSink.js";

const bin = "/usr/lib/postgresql/15/bin";
const why = whyNoHosts([`${bin}/postgres`, `${bin}/pg_dump`, "/lib/systemd/systemd", "/usr/sbin/dma"]);
const data = "/srv/db";
const folder = "/srv/backup";

/** The same programs as cron runs, by a timer of the real systemd. */
describe.skipIf(why !== undefined)(`a backup by systemd${why ? ` (${why})` : ""}`, { timeout: 180_000 }, () => {
  let net: MultiHost;
  let host: HostMachine;
  let sink: SmtpSink;
  const hosts = () => {
    const spec = { name: host.name, transport: "ssh", address: host.address, login: "root" } as const;
    return { host: hostOf({ ...spec, user: "postgres" }), root: hostOf({ ...spec, user: "root" }) };
  };
  const facts: BackupFacts = {
    job: {
      site: "sispi",
      server: "server2",
      version: "15",
      user: "postgres",
      dataDirectory: data,
      controlDirectory: controlDirectoryOf(data),
      binDirectory: bin,
      port: 5432,
      connection: { socketFolder: "/srv/run" },
      mail: { to: "dba@example.org" },
    },
    folder,
    role: "primary",
    databases: {},
    jobs: 1,
    lockWait: 60,
    keep: { last: 2, daily: 0, weekly: 0, monthly: 0 },
    places: [],
  };

  beforeAll(async () => {
    net = await multiHost(["server2", "mail"], { init: "systemd" });
    host = net.host("server2");
    sink = await SmtpSink.on(net, net.host("mail"));
    enter(net.control.env);
    const owner = (command: string) => host.must(["su", "-s", "/bin/sh", "-c", command, "postgres"], { seconds: 120 });
    await host.must([
      "install",
      "-d",
      "-o",
      "postgres",
      "-m",
      "700",
      data,
      folder,
      "/srv/run",
      controlDirectoryOf(data),
    ]);
    await owner(`${bin}/initdb -D ${data} -A peer >/dev/null`);
    await owner(`${bin}/pg_ctl -D ${data} -l /srv/run/log -o "-k /srv/run -c listen_addresses=''" -w start`);
  }, 120_000);

  afterAll(async () => {
    await leave();
    await sink?.close();
    await net?.close();
  }, 60_000);

  it("runs at the times that are declared, in a zone that is not the host's, and its mail arrives", async () => {
    const files = await backupFiles(facts);
    await installFiles(hosts().host, files);
    const scheduler = await findScheduler(hosts());
    expect(scheduler).toBe("systemd");
    if (scheduler === undefined) return;
    const sunday = scheduleOf(facts.job, files.folder, {
      program: "backup",
      cron: "2 11 * * 0",
      zone: "America/Santiago",
    });
    await installSchedule(hosts(), scheduler, sunday);
    const next = await host.must([
      "sh",
      "-c",
      `TZ=America/Santiago date -d "$(systemctl show -P NextElapseUSecRealtime ${sunday.name}.timer)" '+%a %H:%M'`,
    ]);
    expect(next).toBe("Sun 11:02\n");
    const soon = scheduleOf(facts.job, files.folder, {
      program: "backup",
      cron: "* * * * *",
      zone: "America/Santiago",
    });
    await installSchedule(hosts(), scheduler, soon);
    expect((await readSchedule(hosts(), scheduler, soon)).runs).toBe(true);
    await until("a mail of the backup", () => sink.mails.length > 0, 100).catch(async (error: Error) => {
      const look = `systemctl status --no-pager ${soon.name}.service; ls -lR ${folder} ${controlDirectoryOf(data)}/jobs /var/spool/dma`;
      throw new Error(`${error.message}: ${(await host.run(["sh", "-c", look])).stdout}`);
    });
    expect(sink.mails[0]?.subject).toMatch(/^\[sispi\] server2: backup good, /);
    expect(await host.must(["sh", "-c", `ls ${folder}`])).toMatch(/^\d{8}T\d{6}Z\n/);
  });
});
