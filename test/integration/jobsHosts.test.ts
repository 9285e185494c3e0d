import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { whyNoHosts } from "../support/multihost.js";
import { until } from "../support/processes.js";
import { dataDirectories, RemoteSite, said, whyNoSite } from "../support/remoteSite.js";
import { type Mail, SmtpSink } from "../support/smtpSink.js";

const why = whyNoSite() ?? whyNoHosts(["/usr/sbin/cron", "/usr/sbin/dma"]);
const runs = "/raid2/database/db_backup/server2";
const copies = "/raid3/database/db_backup/server2";
const control = `${dataDirectories.server2}.pgsite`;
const alias = "postgres-status";
/** The guide's times are a week apart: the same line once a minute. */
const soon = "* * * * *";

describe.skipIf(why !== undefined)(
  `backups, watch and mail of the committed stack on hosts of a distribution${why ? ` (${why})` : ""}`,
  { timeout: 240_000 },
  () => {
    let site: RemoteSite;
    let sink: SmtpSink;

    beforeAll(async () => {
      site = await RemoteSite.make({
        stacks: ["ctio"],
        jobs: true,
        changes: [[["mail", "aliases"], { [alias]: ["dba@example.org"] }]],
      });
      sink = await SmtpSink.on(site.net, site.host("client"));
      const servers = ["server2", "server3"].map((name) => site.host(name));
      for (const host of servers) {
        await host.must(["ln", "-sfn", "/usr/share/zoneinfo/America/Santiago", "/etc/localtime"]);
        await host.must(["cron"]);
      }
      await trust(site);
      await site.up("ctio");
    }, 300_000);

    afterAll(async () => {
      await sink?.close();
      await site?.remove();
    }, 60_000);

    const shell = (host: string, script: string) => site.host(host).must(["sh", "-c", script]);
    const mailOf = (subject: RegExp): Mail | undefined => sink.mails.find((mail) => subject.test(mail.subject));

    it("are put where cron runs them at the declared times, and an unchanged preview shows nothing", async () => {
      expect(await shell("server2", "cat /etc/cron.d/pgsite-sispi-server2-backup")).toMatch(
        /\n2 11 \* \* 0 postgres .*\/raid2\/database\/sispi_db\.pgsite\/backups\/backup/,
      );
      expect(await shell("server3", "cat /etc/cron.d/pgsite-sispi-server3-drill")).toMatch(/\n2 11 \* \* 1 postgres /);
      expect(await shell("server3", "cat /etc/cron.d/pgsite-sispi-server3-watch")).toMatch(/\n1 \* \* \* \* postgres /);
      expect(await shell("server2", "cat /etc/aliases")).toBe(
        `# See man 5 aliases for format\npostmaster:    root\n${alias}: dba@example.org\n`,
      );
      expect(await site.preview("ctio")).toMatch(/Resources:\n {4}\d+ unchanged\n/);
    });

    it("run by cron's own line: a run is made, copied to the other host, restored there, and each is mailed", async () => {
      site.declare("ctio", [["backups", "schedule"], soon]);
      await site.up("ctio");
      await until("a mail of the backup", () => mailOf(/backup/i) !== undefined, 90).catch(async (error: Error) => {
        const left = `ls -lR ${runs} ${control}/jobs /var/spool/dma; cat ${control}/jobs/outbox/* ${control}/jobs/backup.last`;
        throw new Error(`${error.message}: ${(await site.host("server2").run(["sh", "-c", left])).stdout}`);
      });
      site.declare("ctio");
      await site.up("ctio");
      const mail = mailOf(/backup/i) as Mail;
      expect([mail.to, mail.headers["Auto-Submitted"]]).toEqual([["dba@example.org"], "auto-generated"]);
      expect(mail.subject).toMatch(/^\[sispi\] server2: /);
      expect(mail.subject).not.toMatch(/fail/i);
      for (const [host, folder] of [
        ["server2", runs],
        ["server3", copies],
      ] as const) {
        const files = await shell(host, `find ${folder}/*Z -printf '%y %m %u\\n' | sort -u`);
        expect([host, files]).toEqual([host, "d 700 postgres\nf 600 postgres\n"]);
      }
      const { stdout, code } = await site.pgsite(["drill", "--server", "server3"]);
      expect([code, stdout]).toEqual([0, expect.stringContaining("decam_dev")]);
      expect(await shell("server2", `ls ${runs}/*/verified | wc -l`)).not.toBe("");
      await expect.poll(() => mailOf(/drill/i)?.subject, { timeout: 20_000 }).toMatch(/^\[sispi\] server3: /);
    });

    it("that somebody changed by hand show in the preview, each with its consequence, and an up heals them", async () => {
      await shell("server2", "sed -i 's/^2 11 /3 11 /' /etc/cron.d/pgsite-sispi-server2-backup");
      await shell("server2", `echo '# mine' >>${control}/watch/watch`);
      await shell("server3", "sed -i s/dba@/somebody@/ /etc/aliases");
      await shell("server3", "rm /etc/cron.d/pgsite-sispi-server3-watch");
      const preview = await site.preview("ctio");
      for (const sentence of [
        "the schedule pgsite-sispi-server2-backup on server2 is another than declared: install",
        `the content of ${control}/watch/watch on server2 is another than declared: install`,
        `the mail alias ${alias} on server3 is somebody@example.org, declared dba@example.org: install`,
        "the schedule pgsite-sispi-server3-watch on server3 is missing: install",
      ])
        expect(preview).toContain(sentence);
      await site.up("ctio");
      expect(await site.preview("ctio")).toMatch(/Resources:\n {4}\d+ unchanged\n/);
    });

    it("go with their keys of the stack file, and leave what they have made, and say so", async () => {
      site.declare("ctio", [["backups"], undefined], [["watch"], undefined], [["mail"], undefined]);
      const up = await site.startUp("ctio").finished;
      expect(said(up)).toContain(`left the backups in ${runs} on server2`);
      expect(await shell("server2", "ls /etc/cron.d | grep -c pgsite || true")).toBe("0\n");
      expect(await shell("server2", `ls ${control}; cat /etc/aliases; ls ${runs} | wc -l`)).not.toMatch(
        /^(backups|watch|postgres-status.*|0)$/m,
      );
      expect(await site.preview("ctio")).toMatch(/Resources:\n {4}\d+ unchanged\n/);
    });
  },
);

/** server2's OS user logs in on server3 by a key, as rsync from cron takes it. */
async function trust(site: RemoteSite): Promise<void> {
  const [server2, server3] = [site.host("server2"), site.host("server3")];
  const home = (await server2.must(["sh", "-c", "getent passwd postgres | cut -d : -f 6"])).trim();
  const made = `install -d -o postgres -m 700 ${home}/.ssh && cd ${home}/.ssh`;
  const key = `${made} && ssh-keygen -q -t ed25519 -N '' -f id_ed25519 && chown postgres id_ed25519* && cat id_ed25519.pub`;
  const publicKey = (await server2.must(["sh", "-c", key])).trim();
  const known = `echo '${server3.address} ${server3.hostKey}' >known_hosts && chown postgres known_hosts`;
  await server2.must(["sh", "-c", `${made} && ${known}`]);
  const taken = `echo '${publicKey}' >>authorized_keys && chown postgres authorized_keys && chmod 600 authorized_keys`;
  await server3.must(["sh", "-c", `${made} && ${taken}`]);
}
