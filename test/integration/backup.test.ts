import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BackedUp } from "../support/backedUp.js";
import { haveClients, processesOf } from "../support/ownServer.js";
import { sispiPasswords } from "../support/sispi.js";

const rows = 300;

describe.skipIf(!haveClients())("a run of the backups of a site like SISPI", () => {
  let site: BackedUp;
  let run = "";
  let copies = "";

  beforeAll(async () => {
    site = await BackedUp.make({ rows });
    copies = join(site.server.folder, "copies");
    await site.install({
      places: [
        { name: "server3", folder: join(copies, "server 3's"), foreign: false },
        { name: "fermilab", folder: join(copies, "fermilab"), foreign: true },
      ],
    });
    const { code, stderr, events } = await site.backup();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    run = events.find(([word]) => word === "made")?.[1] ?? "";
  }, 60_000);

  afterAll(async () => {
    await site?.close();
  });

  const lines = (word: string) => site.manifest(run).filter(([first]) => first === word);
  const dumpOf = (file: string, ...more: string[]) =>
    site.server.must([`${site.server.serverPrograms}/pg_restore`, ...more, join(site.folder, run, file)]);

  it("has each table and sequence of each declared database in exactly one dump", async () => {
    for (const database of ["decam", "desbrdev", "decamcrl"]) {
      const there = await site.server.query(
        database,
        `copy (select n.nspname, c.relname, c.relkind from pg_class c join pg_namespace n on n.oid = c.relnamespace
           where c.relkind in ('r', 'S') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' order by 1, 2) to stdout`,
      );
      const held = lines("holds")
        .filter(([, path, , , kind]) => path?.startsWith(`${database}/`) && kind !== "m")
        .map(([, , ...relation]) => relation.join("\t"));
      expect(held.sort()).toEqual(there.split("\n").sort());
    }
  });

  it("makes the dumps that the rules say", () => {
    const dumps = new Map<string, string[]>();
    for (const [, path = "", schema, name, kind] of lines("holds"))
      if (kind !== "S") dumps.set(path, [...(dumps.get(path) ?? []), `${schema}.${name}`]);
    expect(dumps.get("decam/telemetry.environment.dump")).toEqual(["telemetry.environment"]);
    expect(dumps.get("decam/monsoon.dump")).toHaveLength(8);
    expect(dumps.get("decam/telemetry.dump")).toHaveLength(10);
    expect(dumps.get("decam/obstac.dump")).toEqual(["obstac.empty", "obstac.plan"]);
    expect(dumps.get("decam/frame.dump")).toEqual(["exposure.nightly"]);
    const rest = ["bss.script", `public.odd\\ttab, Müller's \\\\ "q" $1*?`, "public.unforeseen", "users.account"];
    expect(dumps.get("decam/rest.dump")).toEqual(rest);
    expect(lines("unnamed").map(([, , schema, table]) => `${schema}.${table}`)).toEqual(rest);
    expect(lines("uncovered").map(([, name]) => name)).toContain("decam_dev");
    expect(lines("moment")).toEqual(["decam", "desbrdev", "decamcrl"].map((name) => ["moment", name, "one"]));
  });

  it("counts the rows that the dumps give back", async () => {
    const counts = Object.fromEntries(lines("rows").map(([, , schema, table, count]) => [`${schema}.${table}`, count]));
    expect(counts["telemetry.environment"]).toBe(`${rows}`);
    expect(counts["public.unforeseen"]).toBe("5");
    expect(counts["obstac.empty"]).toBe("0");
    expect(counts["constants.document"]).toBe("2");
    expect(await dumpOf("decam/rest.dump", "-l")).toMatch(/ BLOBS /);
  });

  it("writes sizes and checksums of all files, for their owner alone, and no password beside globals.sql", () => {
    const files = readdirSync(join(site.folder, run), { recursive: true, withFileTypes: true });
    const manifest = new Map(lines("file").map(([, path = "", ...facts]) => [path, facts]));
    for (const entry of files) {
      const path = join(entry.parentPath, entry.name);
      expect(statSync(path).mode & 0o777).toBe(entry.isDirectory() ? 0o700 : 0o600);
      if (entry.isDirectory() || entry.name === "manifest") continue;
      const name = path.slice(join(site.folder, run).length + 1);
      const content = readFileSync(path);
      const [size, sum] = manifest.get(name) ?? [];
      expect([name, size, sum]).toEqual([
        name,
        `${content.length}`,
        createHash("sha256").update(content).digest("hex"),
      ]);
      if (name === "globals.sql") expect(content.toString()).toContain("SCRAM-SHA-256$");
      else expect(content.includes("SCRAM-SHA-256$")).toBe(false);
      manifest.delete(name);
    }
    expect([...manifest.keys()]).toEqual([]);
  });

  it("copies to each place, and no passwords to another site's", () => {
    const tree = (folder: string) => (readdirSync(folder, { recursive: true }) as string[]).sort();
    const own = tree(join(site.folder, run));
    expect(tree(join(copies, "server 3's", run))).toEqual(own);
    const kept = own.filter((name) => !/^(globals\.sql|configuration)/.test(name));
    expect(tree(join(copies, "fermilab", run))).toEqual(kept);
    expect(kept).toContain("globals-without-passwords.sql");
  });

  it("is mailed: what, how large, how long, what no rule names, and no password", () => {
    const [mail = "", ...others] = site.mails();
    expect(others).toEqual([]);
    expect(mail).toMatch(/^Subject: \[sispi\] server2: backup good, \d+ kB in \d+ s$/m);
    expect(mail).toMatch(/^decam\/telemetry\.environment\.dump +[\d.]+ kB +\d s$/m);
    expect(mail).toContain(`${run} is copied to fermilab`);
    expect(mail).toContain("- public.unforeseen of database decam");
    expect(mail).toContain("The database decam_dev is on this server and in no backup");
    expect(mail).toContain("none counts as verified");
    for (const password of Object.values(sispiPasswords)) expect(mail).not.toContain(password);
  });

  it.each([901, 902, 903, 904, 905, 906, 1000, 1400, 1700])(
    "asks a server of version %s in words that a server takes",
    async (number) => {
      // What 15 takes as well: 9.0 alone has other columns (relistemp), and 17 a setting of its own.
      const script = `here=$1 program=backup lock_wait=5 one_moment=no recovering=f server_number=$2; . "$here/server.sh"; listing 1 lock | sed '/transaction_timeout = 0/d'`;
      const backups = join(site.control, "backups");
      const sql = await site.server.must(["sh", "-c", script, "sh", backups, `${number}`]);
      expect(await site.server.query("decam", sql)).toBe("ready");
      expect(readFileSync(join(site.server.folder, "relations.1"), "utf8")).toContain("\ttelemetry\tenvironment\tr\t");
    },
  );

  it("leaves nothing running, and no session", async () => {
    const sessions = "select count(*) from pg_stat_activity where application_name like 'pgsite%'";
    await expect.poll(() => site.server.query("postgres", sessions)).toBe("0");
    // The last look at who holds locks ends by itself within two seconds.
    await expect.poll(() => processesOf(site.server), { timeout: 5000, interval: 300 }).toEqual([]);
    expect(readdirSync(join(site.control, "jobs")).sort()).toEqual([
      "backup.last",
      "backup.lock",
      "outbox",
      "outbox.lock",
    ]);
  });

  it("names a copy and an own run that have changed since, and makes the copy anew", async () => {
    for (const folder of [site.folder, join(copies, "fermilab")])
      flip(join(folder, run, "decam/telemetry.environment.dump"));
    const { code, events } = await site.backup();
    expect(code).toBe(1);
    const troubles = events.filter(([word]) => word === "trouble").map(([, cause, object]) => [cause, object]);
    expect(troubles).toEqual([
      ["damaged", `this server ${run}`],
      ["damaged", `fermilab ${run}`],
    ]);
    const next = events.find(([word]) => word === "made")?.[1] ?? "";
    expect(site.runs()).toEqual([next]);
    expect(site.runs(join(copies, "server 3's"))).toEqual([run, next]);
    expect(site.runs(join(copies, "fermilab"))).toEqual([next]);
    const [mail = ""] = site.mails();
    expect(mail).toMatch(/^Subject: .* made, but an older run is damaged$/m);
    expect(mail).toContain("changed decam/telemetry.environment.dump");
    run = next;
  });

  it("carries to each place what a drill found in another", async () => {
    const far = join(copies, "fermilab");
    writeFileSync(join(far, run, "verified"), "by a drill\n");
    await site.backup();
    const { events } = await site.backup();
    expect(readFileSync(join(site.folder, run, "verified"), "utf8")).toBe("by a drill\n");
    expect(readFileSync(join(copies, "server 3's", run, "verified"), "utf8")).toBe("by a drill\n");
    expect(statSync(join(site.folder, run, "verified")).mode & 0o777).toBe(0o600);
    expect(events.filter(([word]) => word === "trouble")).toEqual([]);
    expect(site.mails().at(-1)).toContain(`restored and found equal: ${run}.`);
    run = events.find(([word]) => word === "made")?.[1] ?? "";
  });

  it("keeps mail until sendmail takes it", async () => {
    site.deliver(false);
    await site.install({ databases: { decam_dev: { tables: [], groups: {}, schemas: [] } }, places: [] });
    const { code, stderr } = await site.backup();
    expect(code).toBe(0);
    expect(stderr).toContain("ended with status 75: the relay is down");
    site.deliver(true);
    await site.backup();
    expect(site.mails()).toHaveLength(2);
  });

  it("takes every database that takes connections where none is declared", async () => {
    await site.install({ databases: {} });
    const { code, events } = await site.backup();
    expect(code).toBe(0);
    const made = events.find(([word]) => word === "made")?.[1] ?? "";
    const whole = site.manifest(made).filter(([word, , , , kind]) => word === "file" && kind === "whole");
    expect(whole.map(([, path]) => path).sort()).toEqual([
      "decam/whole.dump",
      "decam_dev/whole.dump",
      "decamcrl/whole.dump",
      "desbrdev/whole.dump",
      "postgres/whole.dump",
      "template1/whole.dump",
    ]);
  });
});

/** Another bit in the middle of a file. */
function flip(path: string): void {
  const { mtime } = statSync(path);
  const content = readFileSync(path);
  const middle = Math.floor(content.length / 2);
  content[middle] = (content[middle] as number) ^ 1;
  writeFileSync(path, content);
  execFileSync("touch", ["-d", mtime.toISOString(), path]);
}
