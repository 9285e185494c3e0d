import { describe, expect, it } from "vitest";
import { otherJobsIn, otherJobWords } from "../../../cli/import/otherJobs.js";

const server = {
  spec: { name: "db1", address: "192.0.2.1", transport: "ssh", user: "postgres" },
  place: { host: "db1", address: "192.0.2.1", transport: "ssh", dataDirectory: "/data_local/pgsql/sispi" },
  binDirectory: "/usr/lib/postgresql/15/bin",
} as const;

const line = (kind: string, file: string, number: number, text: string, through = "-") =>
  `line\t${kind}\t${file}\t${number}\t${through}\t${text}`;
const read = (...lines: readonly string[]) => otherJobsIn([...lines, "end", ""].join("\n"), server);
const words = (...lines: readonly string[]) => read(...lines).found.map(otherJobWords);
const mine = "the crontab of postgres";

describe("what an import finds beside the servers", () => {
  it("is what names PostgreSQL's programs, the server's folders, or a script that does", () => {
    expect(
      words(
        line("crontab", mine, 1, "2 11 * * 0 pg_dump -Fc sispi >/raid/sispi.dump"),
        line("crontab", mine, 2, "1 * * * * $HOME/check.sh", "/home/postgres/check.sh"),
        line("cron", "/etc/cron.d/disk", 3, "0 * * * * root du -s /data_local/pgsql/sispi"),
        line("cron", "/etc/cron.d/disk", 4, "0 * * * * root du -s /data_local/pgsql"),
        line("timer", "", 0, ""),
        "timer\tdump.timer\t/etc/systemd/system/dump.service\t-\tExecStart=/usr/bin/pg_dumpall -g",
      ),
    ).toEqual([
      `${mine}, line 1: 2 11 * * 0 pg_dump -Fc sispi >/raid/sispi.dump`,
      `${mine}, line 2: 1 * * * * $HOME/check.sh (it runs /home/postgres/check.sh, which is about PostgreSQL)`,
      "/etc/cron.d/disk, line 3: 0 * * * * root du -s /data_local/pgsql/sispi",
      "/etc/cron.d/disk, line 4: 0 * * * * root du -s /data_local/pgsql",
      "/etc/systemd/system/dump.service, which dump.timer starts: ExecStart=/usr/bin/pg_dumpall -g",
    ]);
  });

  it("is nothing that only looks like it, and nothing of pgsite's own", () => {
    expect(
      words(
        line("cron", "/etc/crontab", 1, "SHELL=/bin/sh"),
        line("cron", "/etc/crontab", 2, "0 3 * * * root /usr/sbin/my_psql_like"),
        line("cron", "/etc/crontab", 3, "0 3 * * * root du -s /data_local/pgsql-old /data_local"),
        line("cron", "/etc/cron.d/pgsite-x", 3, "0 3 * * * postgres /data_local/pgsql/sispi.pgsite/backups/backup"),
      ),
    ).toEqual([]);
  });

  it("has aliases that such lines mail to, and those of PostgreSQL's name, with no others", () => {
    const aliases = [
      "alias\tpostmaster: root",
      "alias\troot: admin",
      'alias\t"postgres-status": jane@x.org,',
      "alias\t  joe",
    ];
    const more = ["alias\tdba: jane", "alias\tnight: joe", "alias\tweb: ann"];
    expect(
      words(
        ...aliases,
        ...more,
        line("cron", "/etc/cron.d/pg", 1, "MAILTO=dba"),
        line("cron", "/etc/cron.d/pg", 2, "0 3 * * * root /root/dump.sh", "/root/dump.sh"),
        line("mails", "/root/dump.sh", 0, 'echo "$out" | mail -s "dump of root" night'),
        line("cron", "/etc/cron.d/web", 1, "MAILTO=web"),
        line("cron", "/etc/cron.d/web", 2, "0 3 * * * www-data /opt/web/clean"),
      ).slice(1),
    ).toEqual([
      // The subject's words may be recipients too.
      "/etc/aliases: root: admin",
      "/etc/aliases: postgres-status: jane@x.org, joe",
      "/etc/aliases: dba: jane",
      "/etc/aliases: night: joe",
    ]);
  });

  it("shows no password, and says what could not be read", () => {
    const { found, unread } = read(
      line("crontab", mine, 1, "0 1 * * * PGPASSWORD=s3cret pg_dump sispi"),
      line("crontab", mine, 2, "0 1 * * * psql postgresql://me:s3cret@db1/sispi -c 'select 1'"),
      "unread\t/etc/cron.d/closed\tit is closed to postgres",
    );
    expect(JSON.stringify(found)).not.toContain("s3cret");
    expect(found.map(({ text }) => text)).toEqual([
      "0 1 * * * PGPASSWORD=******** pg_dump sispi",
      "0 1 * * * psql postgresql://me:********@db1/sispi -c 'select 1'",
    ]);
    expect(unread).toEqual([{ file: "/etc/cron.d/closed", why: "it is closed to postgres" }]);
  });
});
