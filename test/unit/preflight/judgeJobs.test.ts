import { describe, expect, it } from "vitest";
import type { HostFacts, ServerFacts, WantedFolder } from "../../../preflight/facts.js";
import { foldersToMake } from "../../../preflight/folders.js";
import type { JobsRequest } from "../../../preflight/jobs.js";
import { judge, packagesOf, seenOf } from "../../../preflight/judge.js";
import type { PreflightRequest } from "../../../preflight/request.js";
import { healthy, hostSpec, judged, machine, requested } from "../../support/judging.js";

const weekly = { program: "backup", key: "backups", cron: "2 11 * * 0" } as const;
const jobs: JobsRequest = {
  needs: ["backups", "jobs"],
  clients: ["psql", "pg_dump"],
  times: [weekly],
  folders: [{ path: "/backup", key: "backups.folder" }],
};
const guest = { root: { can: false, why: "refused", login: { user: "guest", sudo: [] } } } as const;
const itself = "(it logs in as guest, and sudo lets it do nothing without a password)";
const ways =
  "let sudo make it root too (visudo: guest ALL=(root, postgres) NOPASSWD: /bin/sh), or log in as root (hosts.db1-host.login: root)";

interface Case {
  readonly host?: Partial<HostFacts>;
  readonly server?: Partial<ServerFacts>;
  readonly jobs?: Partial<JobsRequest>;
  readonly stack?: Partial<PreflightRequest>;
}

const asked = ({ host = {}, server = {}, jobs: more = {}, stack = {} }: Case) =>
  judged({ db1: { host, server, request: { jobs: { ...jobs, ...more } } } }, stack);

function folder(found: WantedFolder["found"], more: Partial<WantedFolder> = {}): WantedFolder {
  const parent = { path: "/", owner: "root", writable: false, way: [] };
  return { path: "/backup", found, owner: found === "absent" ? "-" : "root", parent, ...more };
}

describe("a host whose server has backups and a watch", () => {
  it("is spoken of by nobody where it has all that they take", () => {
    const clients = [
      { program: "psql", own: true },
      { program: "pg_dump", own: false, version: "20.1" },
    ];
    expect(asked({ server: { clients, jobFolders: [folder("open")] }, stack: { mail: { aliases: ["dba"] } } })).toEqual(
      [],
    );
    expect(asked({ host: { ...guest, manager: "none" }, jobs: { times: [{ ...weekly, zone: "UTC" }] } })).toEqual([]);
  });

  it("needs the programs of what the stack says, and of nothing else", () => {
    const missing = { missingTools: ["sha256sum", "rsync", "ssh", "pv", "ionice", "logger"] };
    const rsync = "rsync is missing: a base backup that is cut off begins anew: apt-get install rsync";
    expect(judged({ db1: { host: missing } })).toEqual([`warning: db1-host: ${rsync}`]);
    expect(asked({ host: missing })).toEqual([
      "error: db1-host: sha256sum is missing: backups and watch run it: apt-get install coreutils",
      `warning: db1-host: ${rsync}`,
    ]);
    expect(asked({ host: missing, jobs: { needs: ["copies", "ionice", "rateLimit", "ssh"] } })).toEqual([
      "error: db1-host: rsync is missing: runs are copied by it: apt-get install rsync",
      "error: db1-host: ssh is missing: runs are copied to other hosts by it: apt-get install openssh-client",
      "error: db1-host: pv is missing: backups.rateLimit takes it: apt-get install pv",
      "error: db1-host: ionice is missing: backups.ionice takes it: apt-get install util-linux",
    ]);
    const rocky = { id: "rocky", like: ["rhel"], name: "Rocky Linux 9" };
    const byCron = { missingTools: ["logger"], manager: "sysv", system: rocky } as const;
    expect(asked({ host: byCron })).toEqual([
      "error: db1-host: logger is missing: what cron's programs say goes to syslog by it: dnf install util-linux",
    ]);
    expect(asked({ host: byCron, jobs: { times: [] } })).toEqual([]);
  });

  it("has them installed where the stack says so, and no others", () => {
    const host = { ...machine, host: "db1-host", missingTools: ["sha256sum", "pv", "logger"] };
    const clients = [{ program: "pg_dump", own: false, version: "13.4" }];
    const request = {
      site: "orders",
      stack: "test",
      version: "15",
      locales: [],
      install: true,
      servers: [requested("db1", { jobs })],
    } as const;
    const facts = { ...host, servers: { db1: { ...healthy, clients } } };
    const observations = [{ host: hostSpec("db1-host"), facts }];
    expect(packagesOf(request, seenOf(request, observations))).toEqual({
      "db1-host": ["coreutils", "postgresql-client-15"],
    });
    expect(judge(request, observations)).toEqual([]);
  });

  it("needs PostgreSQL's client programs, which may be newer and not older", () => {
    const clients = [
      { program: "psql", own: false },
      { program: "pg_dump", own: false, version: "9.6.24" },
    ];
    const lack = (what: string) =>
      `error: db1 on db1-host: ${what} of PostgreSQL 15, which /usr/lib/postgresql/15/bin does not have, nor PATH, where they are older (pg_dump 9.6.24): apt-get install postgresql-client-15`;
    expect(asked({ server: { clients } })).toEqual([lack("backups run psql, pg_dump")]);
    expect(asked({ server: { clients }, jobs: { needs: ["jobs"] } })).toEqual([lack("the watch run psql, pg_dump")]);
    const rehearsed = { server: { clients }, host: { missingTools: ["tee"] }, request: { jobs, disposable: true } };
    expect(judged({ db1: rehearsed })).toEqual([
      "warning: db1-host: tee is missing: backups run it: apt-get install coreutils",
      expect.stringMatching(/^warning: db1 on db1-host: backups run psql, pg_dump of /),
    ]);
    // The guard's question by psql is said no second time.
    const without = { host: { missingTools: ["psql"] }, server: { clients: clients.slice(0, 1) }, request: { jobs } };
    expect(judged({ db1: without, db2: {} })).toEqual([expect.stringContaining("backups run psql of PostgreSQL 15")]);
  });

  it("can be written by the OS user where runs are to lie, or an up makes the folder", () => {
    const not = { server: { jobFolders: [folder("absent")] } };
    const cannot =
      "error: db1 on db1-host: postgres cannot make /backup (/ belongs to root): install -d -o postgres -m 0700 /backup";
    expect(asked({ ...not, host: { ...guest, manager: "sysv" } })).toEqual([cannot]);
    expect(asked(not)).toEqual([]);
    expect(asked({ server: { jobFolders: [folder("closed")] } })).toEqual([
      "error: db1 on db1-host: /backup, where backups lie, belongs to root and is closed to postgres: chown postgres /backup",
    ]);
    expect(asked({ server: { jobFolders: [folder("other")] } })).toEqual([
      "error: db1 on db1-host: /backup, where backups lie, is no folder: move that away, or declare another folder",
    ]);
    const metrics = { folders: [], metrics: "/metrics" };
    expect(asked({ server: { jobFolders: [folder("closed", { path: "/metrics" })] }, jobs: metrics })).toEqual([
      "error: db1 on db1-host: /metrics, where the watch puts metrics, belongs to root and is closed to postgres: have its owner let postgres write there (chgrp postgres /metrics, chmod g+w /metrics), or leave metrics out",
    ]);
  });

  it("gets each folder once, and none below another that is made", () => {
    const made = (dataDirectory: string) => {
      const parent = { path: "/", owner: "root", writable: false, way: [] };
      const server = requested("db1", { dataDirectory, controlDirectory: `${dataDirectory}.pgsite`, jobs });
      const facts = { ...healthy, parent, jobFolders: [folder("absent", { parent })] };
      const host = { ...machine, host: "db1-host", servers: { db1: facts } };
      const request = {
        site: "orders",
        stack: "t",
        version: "15",
        locales: [],
        install: false,
        servers: [server],
      } as const;
      return foldersToMake([{ request, server, host, facts }]);
    };
    const data = { path: "/data", mode: 0o755 };
    expect(made("/data/pg")).toEqual({ "db1-host": [data, { path: "/backup", mode: 0o700 }] });
    expect(made("/backup/pg")).toEqual({ "db1-host": [{ path: "/backup", mode: 0o755 }] });
  });
});

describe("who runs them at their times", () => {
  const line = (said: string, remedy: string, severity = "error") => [
    `${severity}: db1 on db1-host: ${said}: ${remedy}`,
  ];
  const byHand = "or say schedule: none and run it by hand";
  const start = `start it, and have it start with the machine; ${byHand}`;
  const cron = (runs: "yes" | "no" | "hidden") => ({ folder: true, runs });

  it("is somebody, or a problem", () => {
    const nobody = { crontab: "missing", cron: { folder: false, runs: "no" } } as const;
    expect(asked({ host: nobody })).toEqual([]);
    expect(asked({ host: { ...nobody, manager: "sysv" } })).toEqual(
      line("nobody there runs backup: there is no crontab", `apt-get install cron; ${byHand}`),
    );
    expect(asked({ host: { ...nobody, ...guest } })).toEqual(
      line(
        `nobody there runs backup: there is no crontab, and a systemd timer, which takes root ${itself}`,
        `apt-get install cron; ${ways}; ${byHand}`,
      ),
    );
    expect(asked({ host: { ...nobody, ...guest }, jobs: { times: [] } })).toEqual([]);
  });

  it("is a cron that runs, and lets the OS user have a crontab where that is its way", () => {
    const sysv = { manager: "sysv" } as const;
    expect(asked({ host: { ...sysv, cron: cron("no"), crontab: "stopped" } })).toEqual(
      line("cron is to run backup, and no cron runs", start),
    );
    expect(asked({ host: { ...sysv, cron: cron("hidden") } })).toEqual(
      line(
        "cron is to run backup, and whether one runs postgres cannot see (/proc hides what others run)",
        start,
        "warning",
      ),
    );
    expect(asked({ host: { ...sysv, crontab: "refused" } })).toEqual([]);
    expect(asked({ host: { ...sysv, ...guest, crontab: "refused" } })).toEqual(
      line(
        "postgres's crontab is to run backup, and postgres may have none",
        `let it have one (/etc/cron.allow, /etc/cron.deny), ${byHand}`,
      ),
    );
  });

  it("is a cron whose zone can say the times, or a systemd timer, which knows zones", () => {
    const chile = { times: [{ ...weekly, zone: "America/Santiago" }] };
    const sysv = { manager: "sysv", zone: "UTC" } as const;
    expect(asked({ jobs: chile })).toEqual([]);
    expect(asked({ host: { ...sysv, zone: "America/Santiago" }, jobs: chile })).toEqual([]);
    const remedy =
      "give the times in the host's own zone (leave timeZone out), or change the host's zone; a systemd timer knows zones";
    expect(asked({ host: sysv, jobs: chile })).toEqual(
      line(
        "the times of backup (2 11 * * 0) cannot be kept: cron there knows the host's own zone alone, UTC, whose clock is not always as far from that of America/Santiago",
        remedy,
      ),
    );
    expect(asked({ host: { ...sysv, zone: undefined }, jobs: chile })).toEqual([
      expect.stringContaining(
        "which the host does not name (/etc/localtime), so times of America/Santiago cannot be said",
      ),
    ]);
  });
});

describe("mail of backups and watch", () => {
  const mail = { stack: { mail: { aliases: [] } } };
  const withAlias = { stack: { mail: { aliases: ["postgres-status"] } } };

  it("is delivered by somebody, or waits", () => {
    const none = { host: { sendmail: undefined } };
    expect(asked({ ...none, ...mail })).toEqual([
      "warning: db1-host: nothing there delivers mail (there is no sendmail program): what backups and watch have to say waits on the host: apt-get install dma, which keeps what its relay does not take yet (msmtp does not)",
    ]);
    expect(asked(none)).toEqual([]);
    expect(judged({ db1: none }, mail.stack)).toEqual([]);
  });

  it("goes to aliases of a file that is there, and that pgsite may change", () => {
    expect(asked({ ...withAlias, host: { aliases: false } })).toEqual([
      "warning: db1-host: there is no /etc/aliases for postgres-status: make it (touch /etc/aliases) if the mail program there reads it; else name addresses in mail.to",
    ]);
    expect(asked({ ...withAlias, host: { ...guest, manager: "sysv" } })).toEqual([
      `warning: db1-host: the lines of /etc/aliases for postgres-status take root ${itself}, unless they are there already: ${ways}; or write them by hand`,
    ]);
    expect(asked({ ...withAlias })).toEqual([]);
  });
});
