import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { hostOf } from "../../hosts/index.js";
import { openSession } from "../../servers/sql/session.js";
import { statusOf } from "../../servers/status/status.js";
import { checkout } from "../../toolchain/paths.mjs";
import { untilReplayed } from "./disconnect.js";
import { writing } from "./heldUp.js";
import { killServer } from "./kill.js";
import { type Language, makeLocale } from "./languages.js";
import { debian15, rowsIn, startPastGuard } from "./parted.js";
import { password, quick, type RolloutDeclaration, RolloutSite } from "./rolloutSite.js";
import { installRunbooks, runScript } from "./siteRunbook.js";
import { WontStart } from "./wontStart.js";

/** A process whose locale lacks a letter writes a question mark. */
const asWritten = (text: string) => new RegExp(text.replace(/[^ -~]/g, "."));

const passwords = { postgres: password, replicator: "repl" };

export interface LifeAbroad {
  readonly block: number;
  /** `initdb.locale` @default C */
  readonly locale?: string;
  /** With what takes longer than continuous integration has. */
  readonly whole?: boolean;
}

/** What an administrator does and meets on a site whose servers speak that language: each decision is what it is in English. */
export function livesIn(language: Language, { block, locale, whole = false }: LifeAbroad): void {
  let site: RolloutSite;
  let primary = "server2";
  let lost: string | undefined;
  const settings: Record<string, string> = {
    ...quick,
    lc_messages: language.locale,
    max_connections: "30",
    wal_keep_segments: "8",
    archive_mode: "on",
    archive_command: "if [ -e /hold/fails ]; then exit 1; fi # %p",
  };
  const declaration = (): RolloutDeclaration => {
    const names = ["server2", "server3"];
    const servers = names.map((name) => [
      name,
      { dataDirectory: "/data/db", ...(name === lost ? { lost: true } : {}) },
    ]);
    return { settings, servers: Object.fromEntries(servers), primary, ...(locale === undefined ? {} : { locale }) };
  };
  const declare = () => site.declare(declaration());
  const problems = async (name: string) =>
    (await statusOf({ site: site.site, passwords })).find((one) => one.name === name)?.problems;
  const log = (name: string) => readFileSync(join(site.server(name).controlDirectory, "start.log"), "utf8");

  beforeAll(async () => {
    makeLocale(language);
    site = await RolloutSite.make("15", block, declaration(), debian15);
    await installRunbooks(site, declaration());
    await site.query("server2", "create table kept (by text)", "insert into kept values ('both')");
  }, 60_000);

  afterAll(() => site?.close(), 30_000);

  it("speak it", async () => {
    for (const name of ["server2", "server3"]) expect(log(name)).toMatch(asWritten(language.ready));
    await expect(site.query("server2", "select 1/0")).rejects.toThrow(language.byZero);
    expect(await site.preview()).toEqual([]);
  });

  it.runIf(whole)("are reloaded", async () => {
    Object.assign(settings, { work_mem: "5MB" });
    declare();
    expect((await site.preview()).join("\n")).toMatch(/server2: reload .*\n.*server3: reload/);
    await site.up();
    expect(await site.preview()).toEqual([]);
  });

  it.runIf(whole)("are restarted", async () => {
    Object.assign(settings, { max_connections: "40" });
    declare();
    expect((await site.preview()).join("\n")).toMatch(/server3: restart .*\n.*server2: restart/);
    await site.up();
    expect(await site.differences()).toEqual([]);
  });

  it.runIf(whole)("are not stopped for what they would not start with", async () => {
    const wont = new WontStart(site, declaration());
    await wont.refused(
      { ...declaration(), settings: { ...settings, shared_preload_libraries: "nothere" } },
      'server2 would not start with what it is to get: its program says "FATAL: could not access file "nothere"',
    );
  });

  it.runIf(whole)("say what they refuse of their files, and one up puts it right", async () => {
    appendFileSync(join(site.server("server3").dataDirectory, "postgresql.conf"), "work_mem = 'viel'\n");
    await site.query("server3", "select pg_reload_conf()", "select pg_sleep(0.2)");
    const found = (await site.differences()).join("\n");
    expect(found).toContain("server3: the server is not willing to take postgresql.conf line ");
    await site.up();
    expect(await site.differences()).toEqual([]);
  });

  it("hand over although the archiver fails", async () => {
    const flag = join(site.folder, "server2", "hold", "fails");
    mkdirSync(dirname(flag), { recursive: true });
    writeFileSync(flag, "");
    await site.query("server2", "insert into kept values ('server2')", "select pg_switch_wal()");
    await expect
      .poll(
        async () => {
          primary = "server3";
          declare();
          await site.preview();
          return site.said.join("\n");
        },
        { timeout: 10_000 },
      )
      .toMatch(/server2.*archive_command fails \(0000/);
    await site.up();
    rmSync(flag);
    expect(await writing(site)).toEqual(["server3"]);
    expect(await site.preview()).toEqual([]);
  });

  it("say by which lock they keep pgsite out", async () => {
    const locks = async (name: string) =>
      (await problems(name))?.flatMap((one) => ("lock" in one ? [`${one.lock.code} by ${one.lock.by}`] : []));
    await site.query("server3", "alter role postgres password 'another'");
    expect(await locks("server3")).toEqual(["password by host"]);
    const reset = await openSession(site.server("server3"), { user: "postgres", password: "another" });
    await reset.query(`alter role postgres password '${password}'`);
    await reset.end();
    const clients = await holdAll("server3");
    expect(await locks("server3")).toEqual(["full by host"]);
    for (const client of clients) await client.end();

    const { dataDirectory, host } = site.server("server3");
    const rules = join(dataDirectory, "pg_hba.conf");
    writeFileSync(rules, `local all all reject\nhost all all all reject\n${readFileSync(rules, "utf8")}`);
    await hostOf(host).run([join(debian15, "pg_ctl"), "reload", "-D", dataDirectory]);
    await expect.poll(() => locks("server3"), { timeout: 5000 }).toEqual(["noRule by host"]);
    await site.up();
    expect(await problems("server3")).toEqual([]);
    expect(await site.preview()).toEqual([]);
  });

  it("are waited for by the guard while they take nobody in", async () => {
    const { address, port, host, dataDirectory } = site.server("server2");
    await site.stop("server3");
    const session = await openSession(site.server("server2"), { user: "postgres", password });
    await hostOf(host).run([join(debian15, "pg_ctl"), "stop", "-m", "smart", "-W", "-D", dataDirectory]);
    await expect(site.query("server2", "select 1")).rejects.toMatchObject({
      kind: "cannotConnectNow",
      message: expect.stringMatching(asWritten(language.stopping)),
    });
    const asked = await runScript(site, "server3", "guard", "--ask");
    expect(asked.said.split("\t").slice(0, 3)).toEqual(["server2", `${address}:${port}`, "rejects"]);
    const guarded = await runScript(site, "server3", "guard", "--dry-run");
    expect(guarded.said).toContain("whoever may have superseded it lives and does not say");
    expect(guarded.code).toBe(3);
    // As it is asked where there is no pg_isready: before 9.3.
    const program = readFileSync(join(checkout, "installed", "runbook", "lives.sh"), "utf8");
    const admits = () =>
      hostOf(host).run(["sh", "-c", `${program}\nadmits_nobody "$1" "$2"`, "sh", address, `${port}`]);
    expect((await admits()).code).toBe(0);
    await session.end();
    await expect.poll(async () => (await admits()).code, { timeout: 5000 }).toBe(1);
    await expect.poll(() => runScript(site, "server3", "guard", "--dry-run")).toMatchObject({ code: 0 });
    await site.up();
    expect(await site.preview()).toEqual([]);
  });

  it("are taken over from when they crash, by what their logs say", async () => {
    await untilReplayed(site, "server2", "server3");
    await killServer(site.server("server3"));
    [primary, lost] = ["server2", "server3"];
    declare();
    expect((await site.preview()).join("\n")).toMatch(
      /^1\. server2: promote \(failover: server3 is lost\); it received up to .*, and its stream ended with the primary; /,
    );
    const rehearsed = await runScript(site, "server2", "failover", "--dry-run");
    expect(rehearsed.said).toContain('its stream was ended by the other end: "FATAL: ');
    await site.up();
    expect(await writing(site)).toEqual(["server2"]);
  });

  it("rejoin by pg_rewind", async () => {
    await startPastGuard(site.server("server3"));
    await site.query("server3", "insert into kept values ('server3 alone')", "checkpoint");
    await site.query("server2", "insert into kept values ('server2')");
    lost = undefined;
    declare();
    expect((await site.preview()).join("\n")).toContain("server3: rejoin by pg_rewind");
    await site.up();
    expect(await rowsIn((sql) => site.query("server3", sql))).toEqual({ both: 1, server2: 2 });
    expect(await site.differences()).toEqual([]);
  });

  /** Sessions until there is no room for one more. */
  async function holdAll(name: string): Promise<readonly pg.Client[]> {
    const { address, port } = site.server(name);
    const clients: pg.Client[] = [];
    for (;;) {
      const client = new pg.Client({ host: address, port, user: "postgres", password, database: "postgres" });
      client.on("error", () => undefined);
      try {
        await client.connect();
      } catch {
        return clients;
      }
      clients.push(client);
    }
  }
}
