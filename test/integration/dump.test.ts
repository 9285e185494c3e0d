import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Server, Site } from "../../config/site.js";
import { parseArchiveHeader } from "../../postgres/dumps/header.js";
import type { DumpEvent, DumpRefusal } from "../../postgres/dumps/model.js";
import { type DumpOptions, dump } from "../../servers/dump/dump.js";
import { DumpRefused } from "../../servers/dump/refused.js";
import { type RestoreDumpOptions, restoreDump } from "../../servers/dump/restore.js";
import { withSession } from "../../servers/sql/session.js";
import { haveClients, OwnServer } from "../support/ownServer.js";
import { proof } from "../support/proof.js";

const passwords = { boss: "s3cret of b:oss" };
const signal = new AbortController().signal;

describe.skipIf(!haveClients())("dump and restore", () => {
  let own: OwnServer;
  let server: Server;
  let site: Site;
  let folder: string;

  beforeAll(async () => {
    own = await OwnServer.make({ address: "127.0.243.2", settings: { max_connections: "20" } });
    folder = mkdtempSync("/var/tmp/pgsite-dump-");
    server = serverOf(own);
    site = siteOf(server);
    await own.query("postgres", `create role boss superuser login password '${passwords.boss}'`);
    for (const name of ["shop", "empty", "full", "odd=name"]) await own.query("postgres", `create database "${name}"`);
    await own.query(
      "shop",
      `create schema s; create type s.mood as enum ('a', 'b');
       create table s.t (id serial primary key, mood s.mood, filler text);
       insert into s.t (mood, filler) select 'a', md5(n::text) from generate_series(1, 20000) n;
       create function s.f() returns int language sql as 'select 1';
       create view s.v as select count(*) from s.t;
       select lo_from_bytea(0, 'a large object')`,
    );
    await own.query("full", "create function alone() returns int language sql as 'select 2'");
  }, 60_000);

  afterAll(async () => {
    await own?.close();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  const dumped = (path: string, more: Partial<DumpOptions> = {}) =>
    dump({ site, server, passwords, signal, database: "shop", to: { on: "here", path: join(folder, path) }, ...more });
  const restored = (path: string, database: string, more: Partial<RestoreDumpOptions> = {}) =>
    restoreDump({ site, server, passwords, signal, database, from: { on: "here", path: join(folder, path) }, ...more });
  const contentOf = (database: string) =>
    own.query(
      database,
      "select count(*), sum(hashtext(id || filler || mood)), (select s.f()), (select count from s.v), (select last_value from s.t_id_seq), (select count(*) from pg_largeobject_metadata) from s.t",
    );

  it("a dump is whole, 0600, with its SHA-256 beside it, and comes back as it was", async () => {
    const events: DumpEvent[] = [];
    let told = 0;
    const advance = (bytes: number) => {
      told += bytes;
    };
    const progress = { start: () => undefined, advance, end: () => undefined };
    const made = await dumped("shop.dump", { report: (event) => events.push(event), progress });
    const path = join(folder, "shop.dump");
    const content = readFileSync(path);
    expect(made).toMatchObject({
      path,
      bytes: content.length,
      sum: createHash("sha256").update(content).digest("hex"),
    });
    expect(readFileSync(`${path}.sha256`, "utf8")).toBe(`${made.sum}  shop.dump\n`);
    expect([path, `${path}.sha256`].map((one) => statSync(one).mode & 0o777)).toEqual([0o600, 0o600]);
    expect(events.map(({ code }) => code)).toEqual(["dumping", "checking"]);
    expect(told).toBeGreaterThanOrEqual(content.length);
    expect(parseArchiveHeader(content)).toMatchObject({ format: "custom", database: "shop" });
    expect(readdirSync(folder).sort()).toEqual(["shop.dump", "shop.dump.sha256"]);
    // No password is left behind.
    expect(readdirSync(server.controlDirectory)).toEqual([]);
    const before = await contentOf("shop");
    expect(await restored("shop.dump", "empty", { dryRun: true })).toBeUndefined();
    expect(await own.query("empty", "select count(*) from pg_namespace where nspname = 's'")).toBe("0");
    await restored("shop.dump", "empty");
    expect(await contentOf("empty")).toBe(before);
    await own.query("empty", "delete from s.t where id < 100; drop view s.v");
    expect(await refusal(restored("shop.dump", "empty"))).toMatchObject({ code: "not empty" });
    await restored("shop.dump", "empty", { clean: true });
    expect(await contentOf("empty")).toBe(before);
    await restored("shop.dump", "odd=name");
    expect(await contentOf("dbname='odd=name'")).toBe(before);
    expect(await refusal(dumped("shop.dump"))).toMatchObject({ code: "is there", path });
  });

  it("several jobs write a folder of the server's host, and read it", async () => {
    const path = join(own.folder, "a dump");
    const made = await dumped("", { to: { on: "host", path }, jobs: 2, level: 1 });
    expect(made.bytes).toBeGreaterThan(1000);
    expect(readFileSync(`${path}.sha256`, "utf8")).toContain("toc.dat");
    await own.query("postgres", "create database jobs");
    await restored("", "jobs", { from: { on: "host", path }, jobs: 2 });
    expect(await contentOf("jobs")).toBe(await contentOf("shop"));
    expect(await refusal(dumped("x", { jobs: 2 }))).toMatchObject({ code: "jobs need the host" });
    const file = join(own.folder, "file.dump");
    const one = await dumped("", { to: { on: "host", path: file } });
    expect(one.sum).toBe(createHash("sha256").update(readFileSync(file)).digest("hex"));
    await own.query("postgres", "create database one");
    await restored("", "one", { from: { on: "host", path: file } });
    expect(await contentOf("one")).toBe(await contentOf("shop"));
  });

  it("whom it waits for is named, and it does not wait for ever", async () => {
    const login = { user: "boss", password: passwords.boss };
    await withSession(server, login, { database: "shop" }, async (session) => {
      await session.query("begin");
      await session.query("lock table s.t in access exclusive mode");
      const events: DumpEvent[] = [];
      const why = await refusal(dumped("locked.dump", { lockWait: 4, report: (event) => events.push(event) }));
      expect(why).toMatchObject({
        code: "locked",
        seconds: 4,
        holder: { relation: "s.t", user: "boss", application: "pgsite" },
      });
      expect(events.map(({ code }) => code)).toEqual(["dumping", "waits"]);
    });
    expect(readdirSync(folder).filter((name) => name.startsWith("locked"))).toEqual([]);
  });

  it("what is cut, changed, newer, no dump, or for a database that is not there, touches nothing", async () => {
    await dumped("good.dump", { level: 0 });
    const good = readFileSync(join(folder, "good.dump"));
    const at = good.indexOf(createHash("md5").update("9000").digest("hex"));
    const flipped = Buffer.from(good);
    flipped[at] = (flipped[at] as number) ^ 1;
    const write = (name: string, content: Buffer) => writeFileSync(join(folder, name), content);
    write("cut.dump", good.subarray(0, Math.floor(good.length * 0.6)));
    write("flipped.dump", flipped);
    copyFileSync(join(folder, "good.dump.sha256"), join(folder, "flipped.dump.sha256"));
    write("script.sql", Buffer.from("create table t ();\n"));
    const header = parseArchiveHeader(good);
    const newer = Buffer.from(
      good.toString("latin1").replace(header?.dumper ?? "", (header?.dumper ?? "").replace(/^15/, "18")),
      "latin1",
    );
    write("newer.dump", newer);
    await own.query("postgres", "create database untouched");
    expect(await refusal(restored("cut.dump", "untouched"))).toMatchObject({ code: "unreadable" });
    expect(await refusal(restored("flipped.dump", "untouched"))).toMatchObject({ code: "checksum" });
    expect(await refusal(restored("newer.dump", "untouched"))).toMatchObject({
      code: "newer than the server",
      version: expect.stringMatching(/^18/),
    });
    expect(await refusal(restored("script.sql", "untouched"))).toMatchObject({ code: "no archive" });
    expect(await refusal(restored("nothing", "untouched"))).toMatchObject({ code: "no dump" });
    expect(await refusal(restored("good.dump", "nobody"))).toMatchObject({ code: "no database" });
    expect(await refusal(dumped("x", { database: "nobody" }))).toMatchObject({ code: "no database" });
    expect(await own.query("untouched", "select count(*) from pg_class where oid >= 16384")).toBe("0");
    expect(await refusal(restored("good.dump", "full"))).toMatchObject({
      code: "not empty",
      content: [{ kind: "function", count: 1, first: "public.alone" }],
    });
  });

  it("a restore that fails leaves the database as it was", async () => {
    await own.query("shop", "create role owner_of_it; alter table s.t owner to owner_of_it");
    await dumped("owned.dump");
    await own.query("shop", "alter table s.t owner to postgres; drop role owner_of_it");
    await own.query("postgres", "create database half");
    expect(await refusal(restored("owned.dump", "half"))).toMatchObject({ code: "restore failed", undone: true });
    expect(await own.query("half", "select count(*) from pg_namespace where nspname = 's'")).toBe("0");
    await restored("owned.dump", "half", { noOwner: true });
    expect(await own.query("half", "select count(*) from s.t")).toBe("20000");
    expect(existsSync(join(folder, "owned.dump"))).toBe(true);
  });

  const serverOf = (made: OwnServer): Server => {
    const dataDirectory = made.data;
    const controlDirectory = `${dataDirectory}.pgsite`;
    const host = { name: "here", transport: "local", address: "127.0.243.2", user: made.user } as const;
    const files = {};
    return {
      name: "server1",
      host,
      address: "127.0.243.2",
      port: made.port,
      dataDirectory,
      controlDirectory,
      role: "primary",
      version: made.major,
      binDirectory: made.serverPrograms,
      hotStandby: true,
      settings: {},
      files,
      passfile: join(controlDirectory, "passfile"),
      proof: proof(),
      disposable: true,
    };
  };
});

function siteOf(server: Server): Site {
  return {
    name: "test",
    stack: "test",
    version: server.version,
    administrator: "boss",
    replicationRole: "boss",
    primary: server.name,
    servers: [server],
    initdb: { locale: "C", encoding: "UTF8", dataChecksums: true },
  };
}

async function refusal(act: Promise<unknown>): Promise<DumpRefusal | undefined> {
  try {
    await act;
  } catch (error) {
    if (error instanceof DumpRefused) return error.why;
    throw error;
  }
  return undefined;
}
