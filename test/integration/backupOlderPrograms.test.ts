import { createHash } from "node:crypto";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BackedUp, rulesOf } from "../support/backedUp.js";
import { programsOfTen } from "../support/olderPrograms.js";
import { debianPrograms, haveClients, OwnServer } from "../support/ownServer.js";
import { contentOf, drilled, restored } from "../support/restored.js";

const odd = `odd it's "a" :x`;
const databases = ["decam", "desbrdev", "crl", odd];

/** What a database can have of its own, in all the ways in which its text could go wrong. */
const script = `create role dbadmin superuser login;
create role reader login;
create role writer login;
create role "guest's ""role""";
create role only_there;
create database decam template template0;
create database desbrdev template template0 owner dbadmin;
create database crl template template0 encoding 'LATIN1';
comment on database crl is 'Müllers';
create database "${odd.replaceAll('"', '""')}" template template0 owner "guest's ""role""";
alter database decam set search_path = constants, telemetry, "$user", public;
alter database decam set timezone = 'America/Santiago';
alter database decam set work_mem = '8MB';
comment on database decam is 'what the camera says';
revoke connect on database decam from public;
grant connect on database decam to reader, writer;
\\connect decam
create schema telemetry;
create table telemetry.weather (id serial primary key, what text);
insert into telemetry.weather (what) select 'sample ' || n from generate_series(1, 9) n;
create table public.other as select 1 as n;
\\set odd 'odd it\\'s "a" :x'
alter database :"odd" set search_path = '', "Odd, one", "select", pg_catalog, "$user";
alter database :"odd" set datestyle = 'SQL, DMY';
alter database :"odd" set pgsite.text = E'two\\nlines; it''s \\\\ "odd" :x :''DBNAME'' $1';
alter database :"odd" set pgsite.nothing = '';
alter database :"odd" set standard_conforming_strings = off;
comment on database :"odd" is E'a comment; it''s \\\\ of\\n-- two lines';
revoke temporary on database :"odd" from "guest's ""role""";
alter database desbrdev set session_preload_libraries = '$libdir/plpgsql', plpgsql;
alter database desbrdev connection limit 40;
alter database desbrdev is_template true;
alter role writer in database desbrdev set search_path = public, "Their Own";
grant connect, temporary on database desbrdev to reader with grant option;
grant create on database desbrdev to reader, only_there;
set session authorization reader;
grant connect on database desbrdev to "guest's ""role""";
reset session authorization;
revoke all on database crl from public, postgres;
\\connect desbrdev
create table reduction as select 1 as n;
alter database desbrdev set default_transaction_read_only = on;
\\connect :"odd"
create table public.here (n int);`;

/** pg_dump before 11 keeps nothing of a database's own settings and grants. */
describe.skipIf(!haveClients())("a run by programs of 10", () => {
  let site: BackedUp;
  let other: OwnServer;
  let run = "";
  let whole: unknown;
  const at = () => `${other.sockets}:${other.port}`;
  const content = () => contentOf(other, databases);

  beforeAll(async () => {
    [site, other] = await Promise.all([BackedUp.make({}), OwnServer.make()]);
    await site.server.query("postgres", script);
    const rules = { decam: { schemas: ["telemetry"] }, desbrdev: {}, crl: {}, [odd]: {} };
    await site.install({
      databases: Object.fromEntries(Object.entries(rules).map(([name, some]) => [name, rulesOf(some)])),
    });
    const newer = await site.backup();
    expect({ code: newer.code, stderr: newer.stderr }).toEqual({ code: 0, stderr: "" });
    expect(site.manifest(site.runs()[0] ?? "").filter(([, , , , kind]) => kind === "properties")).toEqual([]);
    await site.install({ job: { binDirectory: programsOfTen(join(site.server.folder, "bin")) } });
    const { code, stderr, events } = await site.backup();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    run = events.find(([word]) => word === "made")?.[1] ?? "";
    whole = await contentOf(site.server, databases);
  }, 90_000);

  afterAll(async () => {
    await Promise.all([site?.close(), other?.close()]);
  }, 60_000);

  const files = () => site.manifest(run).filter(([word, , , , kind]) => word === "file" && kind === "properties");

  it("has a file of what these leave out, by database, and no name in it", () => {
    expect(files().map(([, , , , , database]) => database)).toEqual(expect.arrayContaining(databases));
    for (const [, path = ""] of files()) {
      expect(statSync(join(site.folder, run, path)).mode & 0o777).toBe(0o600);
      expect(readFileSync(join(site.folder, run, path), "utf8")).not.toMatch(/DATABASE (?!:"DBNAME")/);
    }
  });

  it("says which roles its grants need", async () => {
    const { ways } = await restored(site, { at: at(), from: run, database: "desbrdev", dryRun: true });
    expect(ways).toContainEqual({ code: "role", role: "only_there", database: "desbrdev" });
  });

  it("comes back as it was: by dumps of both sides that are not ours", async () => {
    const { outcome, events } = await restored(site, { at: at(), from: run, globals: true, replace: true });
    expect(events.filter(({ code }) => code === "error" || code === "remark")).toEqual([]);
    expect(outcome.code).toBe("done");
    expect(await content()).toEqual(whole);
  }, 60_000);

  it("comes back in place of what is there", async () => {
    const { outcome } = await restored(site, { at: at(), from: run, database: odd, replace: true });
    expect(outcome.code).toBe("done");
    await other.query(
      "postgres",
      `select 'drop database ' || quote_ident(datname) from pg_database where datname ~ '_before_' \\gexec`,
    );
    expect(await content()).toEqual(whole);
  }, 60_000);

  it("comes back under another name, in part too", async () => {
    const textOf = async (server: OwnServer, name: string) => {
      const text = await server.must([
        join(debianPrograms, "pg_dump"),
        "-C",
        "-s",
        "-d",
        `dbname='${name.replace(/['\\]/g, "\\$&")}'`,
      ]);
      return text
        .split("\n")
        .filter((line) => /^(ALTER ROLE .* IN|ALTER|COMMENT ON|GRANT .* ON|REVOKE .* ON) DATABASE /.test(line))
        .map((line) => line.replace(` DATABASE ${name} `, " DATABASE desbrdev "));
    };
    const was = await textOf(site.server, "desbrdev");
    expect(was.length).toBeGreaterThan(7);
    for (const [into, part] of [
      ["looked_at", {}],
      ["in_part", { table: "public.reduction" }],
    ] as const) {
      const { outcome } = await restored(site, { at: at(), from: run, database: "desbrdev", into, ...part });
      expect(outcome.code).toBe("done");
      expect(await textOf(other, into)).toEqual(was);
    }
    expect(await content()).toEqual(whole);
  }, 60_000);

  it("is compared by a drill, which finds nothing but what is not as its file says", async () => {
    const [, path = "", , sum = ""] = files().find(([, , , , , database]) => database === "crl") ?? [];
    const file = join(site.folder, run, path);
    const lost = `ALTER DATABASE :"DBNAME" SET work_mem TO '1MB';`;
    const planted = readFileSync(file, "utf8").replace("-- whole", `${lost}\n${lost.replace("1MB", "2MB")}\n-- whole`);
    writeFileSync(file, planted);
    const manifest = join(site.folder, run, "manifest");
    const now = createHash("sha256").update(planted).digest("hex");
    writeFileSync(manifest, readFileSync(manifest, "utf8").replace(sum, now));
    const { outcome, events } = await drilled(site, { run });
    expect(outcome).toMatchObject({ code: "failed", cause: "differs" });
    expect(events.flatMap((event) => (event.code === "difference" ? [event.difference] : []))).toEqual([
      { code: "onlyInRun", database: "crl", line: lost },
    ]);
    const compared = events.flatMap((event) => (event.code === "compared" ? [[event.database, event.equal]] : []));
    expect(Object.fromEntries(compared)).toEqual({ decam: true, desbrdev: true, crl: false, [odd]: true });
  }, 60_000);
});
