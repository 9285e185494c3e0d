import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BackedUp } from "../support/backedUp.js";
import { haveClients } from "../support/ownServer.js";

const [address, password] = ["127.0.228.2", "zqPassfile it's \\ a:b"];

/** Where the OS user is not postgres, whom the socket would let in: by an address, with a password from a file. */
describe.skipIf(!haveClients())("backups that connect by a password file", () => {
  let site: BackedUp;
  const passfile = () => join(site.control, "jobs.passfile");

  beforeAll(async () => {
    site = await BackedUp.make({ address }, { databases: {} });
    const { server } = site;
    await server.query("postgres", `create role dbadmin superuser login password '${password.replaceAll("'", "''")}'`);
    const rules = `local all all reject\nhost all dbadmin ${address}/32 scram-sha-256\nhost all dbadmin 127.0.0.1/32 scram-sha-256\n`;
    writeFileSync(join(server.data, "pg_hba.conf"), rules);
    await server.query("postgres", "select pg_reload_conf()");
    await site.install({ job: { connection: { address, role: "dbadmin", passfile: passfile() } } });
  }, 60_000);

  afterAll(() => site?.close());

  const write = (text: string) => {
    writeFileSync(passfile(), `${address}:${site.server.port}:*:dbadmin:${text.replace(/[\\:]/g, "\\$&")}\n`);
    chmodSync(passfile(), 0o600);
    if (process.getuid?.() === 0) chownSync(passfile(), site.server.uid, site.server.gid);
  };

  it("make a run, and write the password nowhere", async () => {
    write(password);
    const { code, stderr, events } = await site.backup();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(events.some(([word]) => word === "made")).toBe(true);
    const [mail = ""] = site.mails();
    expect(mail).toContain("backup good");
    const found = execFileSync("sh", ["-c", 'grep -rlaF zqPassfile "$1" || true', "sh", site.server.folder], {
      encoding: "utf8",
    });
    expect(found.trim().split("\n")).toEqual([passfile()]);
    expect(mail).not.toContain("zqPassfile");
  });

  it("say that the server lets nobody in where it is another password, and wait for none", async () => {
    write("another");
    const { code, stderr } = await site.backup();
    expect([code, stderr]).toEqual([1, expect.stringContaining("password authentication failed")]);
    expect(site.mails()[0]).toMatch(/^Subject: \[sispi\] server2: backup FAILED, the server does not answer$/m);
  });
});
