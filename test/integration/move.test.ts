import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Server, Site } from "../../config/site.js";
import { instancePlace } from "../../installed/runbook/instance.js";
import type { RunbookFacts } from "../../installed/runbook/render.js";
import type { MoveEvent, MovePhase } from "../../postgres/move/model.js";
import { commitMove, goBack, sinceMoved } from "../../servers/move/back.js";
import { readJournal } from "../../servers/move/journal.js";
import { lookAtMove } from "../../servers/move/look.js";
import { CutOff, type MoveOptions, moveServer } from "../../servers/move/move.js";
import { MoveRefused } from "../../servers/move/refused.js";
import { processState } from "../../servers/process/process.js";
import { stopServer } from "../../servers/process/stop.js";
import { openSession } from "../../servers/sql/session.js";
import { allPrograms } from "../../toolchain/clients.mjs";
import { Cluster } from "../support/cluster.js";
import { serverFolder } from "../support/serverUser.js";

/** Another file system than that of a cluster of tests: to it data are copied, as to another host. */
const otherFileSystem = "/dev/shm";
const signal = new AbortController().signal;
/** With pg_dump and pg_restore of the servers' own version, where this machine has them. */
const clients = await allPrograms("15");

describe.skipIf(!existsSync(otherFileSystem))("a server moves", () => {
  let cluster: Cluster;
  let server: Server;
  let folder: string;
  let first = 10;

  beforeAll(async () => {
    folder = await serverFolder(`${otherFileSystem}/pgsite-move-`);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  beforeEach(async () => {
    const servers = [{ name: "server1", role: "primary" }] as const;
    cluster = await Cluster.describe({ major: "15", first: first++, block: 244, servers });
    await cluster.seed("server1");
    await cluster.start("server1");
    server = cluster.server("server1");
    await cluster.query("server1", "create table t as select n, md5(n::text) filler from generate_series(1, 20000) n");
  }, 60_000);
  afterEach(async () => {
    const journal = await readJournal(server).catch(() => undefined);
    for (const to of [journal?.to, placed("far")]) {
      if (to !== undefined) await stopServer(cluster.host("server1"), to, { mode: "immediate" }).catch(() => undefined);
    }
    await cluster?.close();
    for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true, force: true });
  });

  /** The server as it is declared for a folder of the other file system; beside its own data where `near`. */
  const placed = (name: string, near = false): Server => {
    const dataDirectory = join(near ? cluster.folder : folder, name);
    const controlDirectory = `${dataDirectory}.pgsite`;
    const files = Object.fromEntries(
      Object.entries(server.files).map(([file, text]) => [file, text === null ? null : `# of ${name}\n${text}`]),
    );
    return { ...server, dataDirectory, controlDirectory, passfile: join(controlDirectory, "passfile"), files };
  };
  const siteOf = (one: Server): Site => ({ ...cluster.site, servers: [one] });
  const optionsTo = (to: Server, more: Partial<MoveOptions> = {}): MoveOptions => {
    const { site, passwords } = cluster;
    return { site, moved: siteOf(to), server, to, passwords, signal, ...more };
  };
  const login = () => ({ user: "dbadmin", password: cluster.passwords.dbadmin ?? "" });
  const ask = async (at: Server, sql: string) => {
    const session = await openSession(at, login());
    try {
      return (await session.query(sql))[0]?.is;
    } finally {
      await session.end();
    }
  };
  const sum = (at: Server) => ask(at, "select count(*) || ' ' || sum(hashtext(n || filler)) as is from t");
  const runs = async (at: Server) => (await processState(cluster.host("server1"), at.dataDirectory)).kind === "running";

  it("by a copy in two passes, back with what was written since told, and again until it is committed", {
    timeout: 90_000,
  }, async () => {
    const to = placed("far");
    const before = await sum(server);
    const events: MoveEvent[] = [];
    // Written while the first pass is made.
    const onPhase = async (phase: MovePhase) => {
      if (phase === "copying") await cluster.query("server1", "create table later (n int)");
    };
    const { journal, facts } = await moveServer(optionsTo(to, { report: (event) => events.push(event), onPhase }));
    expect(facts).toMatchObject({ way: "archive", oneHost: true });
    expect(events.map(({ code }) => code)).toEqual([
      "first pass",
      "stopping",
      "second pass",
      "compared",
      "renamed",
      "proven",
    ]);
    expect(await sum(to)).toBe(before);
    expect(await runs(server)).toBe(false);
    const kept = `${server.dataDirectory}.moved-${journal.time}`;
    expect([
      existsSync(server.dataDirectory),
      existsSync(kept),
      existsSync(join(to.dataDirectory, "pgsite.incomplete")),
    ]).toEqual([false, true, false]);
    expect(readFileSync(join(to.dataDirectory, "postgresql.conf"), "utf8")).toContain("# of far\n");
    expect(statSync(to.dataDirectory).mode & 0o777).toBe(0o700);
    // Written since: told, and not at the old place.
    await ask(to, "insert into t select n, 'since' from generate_series(1, 50) n");
    await ask(to, "select pg_sleep(1)");
    const since = await sinceMoved(journal, { login: login(), signal });
    expect(since?.tables).toEqual([{ database: "postgres", table: "public.t", rows: 50 }]);
    expect(since?.walBytes).toBeGreaterThan(1000);
    await goBack(journal, { login: login(), signal });
    expect(await sum(server)).toBe(before);
    expect([
      await runs(to),
      existsSync(to.dataDirectory),
      existsSync(`${to.dataDirectory}.moved-${journal.time}`),
    ]).toEqual([false, false, true]);
    expect(await readJournal(server)).toBeUndefined();
    const again = await moveServer(optionsTo(to));
    await commitMove(again.journal);
    expect(readdirSync(cluster.folder).sort()).toEqual(["server1"]);
    expect(readdirSync(join(cluster.folder, "server1"))).toEqual([]);
    expect(await readJournal(to)).toBeUndefined();
    expect(await sum(to)).toBe(before);
  });

  it("on one file system by a rename, and back with all that was written since", { timeout: 60_000 }, async () => {
    const to = placed("near", true);
    const { journal, facts } = await moveServer(optionsTo(to));
    expect(facts?.way).toBe("rename");
    await ask(to, "insert into t values (0, 'since')");
    const now = await sum(to);
    expect(existsSync(server.dataDirectory)).toBe(false);
    await goBack(journal, { login: login(), signal });
    expect(await sum(server)).toBe(now);
    expect(readFileSync(join(server.dataDirectory, "postgresql.conf"), "utf8")).not.toContain("# of near");
  });

  // The other phases: npm run proof -- move.
  it.each(["stopping", "switching"] as const)(
    "cut off when it is %s, it goes on when it is run again",
    { timeout: 90_000 },
    async (at) => {
      const to = placed("far");
      const before = await sum(server);
      const onPhase = (phase: MovePhase) => {
        if (phase === at) throw new CutOff("killed");
      };
      await expect(moveServer(optionsTo(to, { onPhase }))).rejects.toThrow(CutOff);
      expect((await readJournal(server))?.phase).toBe(at);
      const { journal } = await moveServer(optionsTo(to));
      expect(journal.phase).toBe("done");
      expect(await sum(to)).toBe(before);
      expect(await runs(server)).toBe(false);
    },
  );

  it.skipIf(clients === undefined)(
    "by dump and restore, with its guard, and back",
    {
      timeout: 90_000,
    },
    async () => {
      await cluster.query("server1", "create role reader");
      await cluster.query("server1", "alter role reader set work_mem = '7MB'");
      await cluster.query("server1", "grant select on t to reader");
      await cluster.query("server1", "select lo_from_bytea(4711, decode(repeat('ab', 3000), 'hex'))");
      await cluster.query(
        "server1",
        "create database \"o'ther one\" template template0 lc_collate 'C.utf8' lc_ctype 'C.utf8'",
      );
      await cluster.query("server1", "alter system set application_name = 'by hand'");
      writeFileSync(join(server.dataDirectory, "included.conf"), "# by hand\n");
      const to = placed("far");
      const { name, version, binDirectory, port, passfile, dataDirectory, controlDirectory, host } = to;
      const runbook: RunbookFacts = {
        ...{
          site: "test",
          server: name,
          version,
          user: host.user,
          dataDirectory,
          controlDirectory,
          binDirectory,
          port,
        },
        ...{ passfile, prefix: "", alone: { listens: [] }, peers: [] },
      };
      const content = async (at: Server) => [
        await sum(at),
        await ask(at, "select md5(lo_get(4711)) as is"),
        await ask(
          at,
          "select has_table_privilege('reader', 't', 'select')::text || setconfig::text as is from pg_db_role_setting",
        ),
        await ask(at, "select datcollate as is from pg_database where datname = 'o''ther one'"),
      ];
      const before = await content(server);
      const events: MoveEvent[] = [];
      const report = (event: MoveEvent) => {
        if (event.code !== "line") events.push(event);
      };
      const asked = optionsTo(to, { wish: "dump", runbook, report });
      const options = { ...asked, site: { ...asked.site, clientDirectory: clients as string } };
      const { journal, facts } = await moveServer(options);
      expect(facts).toMatchObject({ way: "dump", dump: { slots: [], closed: [] } });
      expect(events.map((event) => event.code)).toEqual([
        "cluster made",
        "stopping",
        "restoring",
        "contents compared",
        "renamed",
        "proven",
        "statistics",
      ]);
      expect(await content(to)).toEqual(before);
      expect(journal.newIdentifier).not.toBe(journal.systemIdentifier);
      expect(readFileSync(join(to.dataDirectory, "postgresql.auto.conf"), "utf8")).toContain("by hand");
      expect(readFileSync(join(to.dataDirectory, "included.conf"), "utf8")).toBe("# by hand\n");
      expect([
        existsSync(join(controlDirectory, "move-work")),
        existsSync(`${server.controlDirectory}/move-work`),
      ]).toEqual([false, false]);
      const { code, stderr } = await cluster
        .host("server1")
        .run([join(controlDirectory, "runbook", "guard"), "--dry-run"]);
      expect([code, stderr]).toEqual([3, expect.stringContaining(`it runs already: postgres (process `)]);
      expect(await instancePlace(cluster.host("server1"), to)).toBe("here");
      await ask(to, "insert into t select n, 'since' from generate_series(1, 50) n");
      await ask(to, "select pg_sleep(1)");
      const since = await sinceMoved(journal, { login: login(), signal });
      expect(since?.tables).toEqual([{ database: "postgres", table: "public.t", rows: 50 }]);
      await goBack(journal, { login: login(), signal });
      expect([await content(server), await runs(to)]).toEqual([before, false]);
    },
  );

  it("what fails brings the old server back, and leaves nothing", { timeout: 60_000 }, async () => {
    const broken = placed("far");
    const files = { ...broken.files, "postgresql.conf": `${broken.files["postgresql.conf"]}no_such_setting = 1\n` };
    const before = await sum(server);
    await expect(moveServer(optionsTo({ ...broken, files }))).rejects.toThrow(/does not start/);
    expect([await runs(server), await sum(server), existsSync(broken.dataDirectory)]).toEqual([true, before, false]);
    expect(await readJournal(server)).toBeUndefined();
    // A disk that is full in the second pass, a stop that fails: before anything has changed places.
    const onPhase = (phase: MovePhase) => {
      if (phase === "stopping") throw new Error("no space");
    };
    await expect(moveServer(optionsTo(placed("far"), { onPhase }))).rejects.toThrow("no space");
    expect([await runs(server), readdirSync(folder).filter((name) => name === "far")]).toEqual([true, []]);
  });

  it("refuses before anything is touched", { timeout: 60_000 }, async () => {
    const to = placed("far");
    const codes = async (options: MoveOptions) => (await lookAtMove(options)).refusals.map(({ code }) => code);
    expect(await codes(optionsTo(server))).toEqual(["same place"]);
    const second = { ...server, name: "server2" };
    expect(await codes({ ...optionsTo(to), site: { ...cluster.site, servers: [server, second] } })).toEqual([
      "not single",
    ]);
    expect(await codes(optionsTo({ ...to, layout: "debian" }))).toEqual(["layout"]);
    // Data there, and a server on the port.
    await cluster.host("server1").makeDirectory(to.dataDirectory);
    await cluster.host("server1").writeFile(join(to.dataDirectory, "PG_VERSION"), "15\n");
    expect(await codes(optionsTo(to))).toContain("place taken");
    await cluster.host("server1").remove(to.dataDirectory);
    const port = {
      ...to,
      port: server.port,
      address: "127.0.0.1",
      settings: { ...to.settings, listen_addresses: "*" },
    };
    expect(await codes(optionsTo(port))).toEqual(["preflight"]);
    // A link that leads to a file, and a tablespace that both would use.
    const host = cluster.host("server1");
    await host.makeDirectory(join(cluster.folder, "space"));
    await cluster.query("server1", `create tablespace space location '${join(cluster.folder, "space")}'`);
    expect(await codes(optionsTo(to))).toEqual(["shared tablespaces"]);
    await cluster.query("server1", "drop tablespace space");
    // By hand.
    const conf = join(server.dataDirectory, "postgresql.conf");
    writeFileSync(conf, `${readFileSync(conf, "utf8")}# by hand\n`);
    expect(await codes(optionsTo(to))).toEqual(["files differ"]);
    await expect(moveServer(optionsTo(to))).rejects.toThrow(MoveRefused);
    expect([existsSync(to.dataDirectory), existsSync(to.controlDirectory), await runs(server)]).toEqual([
      false,
      false,
      true,
    ]);
  });
});
