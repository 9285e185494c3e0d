import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hostOf } from "../../hosts/index.js";
import { statusOf } from "../../servers/status/status.js";
import { writing } from "../support/heldUp.js";
import { killServer } from "../support/kill.js";
import { type Language, languages, makeLocale, whyEnglishAlone } from "../support/languages.js";
import { livesIn } from "../support/lifeAbroad.js";
import { LocalSite } from "../support/localSite.js";
import { debian15 } from "../support/parted.js";
import { password, quick, type RolloutDeclaration, RolloutSite } from "../support/rolloutSite.js";
import { installRunbooks, runScript } from "../support/siteRunbook.js";

const why = whyEnglishAlone();
const nothingToDo = /Resources:\n {4}\d+ unchanged\n/;
const passwords = { postgres: password, replicator: "repl" };

describe.skipIf(why !== undefined)(`servers that speak French${why ? ` (${why})` : ""}`, () => {
  livesIn(languages.french, { block: 229, whole: true });
});

describe.skipIf(why !== undefined)(`servers that speak German${why ? ` (${why})` : ""}`, () => {
  livesIn(languages.german, { block: 229, locale: languages.german.locale, whole: true });
});

for (const language of Object.values(languages)) {
  describe.skipIf(why !== undefined)(`a warm standby in ${language.locale}${why ? ` (${why})` : ""}`, () => {
    warmIn(language);
  });

  describe.skipIf(why !== undefined)(`a stack in ${language.locale}${why ? ` (${why})` : ""}`, () => {
    upIn(language);
  });
}

/** A warm standby answers nobody: what it is and has is known by its process, its files and its log. */
function warmIn(language: Language): void {
  let site: RolloutSite;
  const declared = (more: Readonly<Record<string, string>> = {}, primary = "server2", lost?: string) => {
    const names = ["server2", "server3"];
    const own = (name: string) => ({
      dataDirectory: "/data/db",
      settings: { hot_standby: false },
      ...(name === lost ? { lost: true } : {}),
    });
    return {
      settings: { ...quick, lc_messages: language.locale, max_connections: "30", ...more },
      servers: Object.fromEntries(names.map((name) => [name, own(name)])),
      primary,
    } satisfies RolloutDeclaration;
  };
  const row = async (name: string) => (await statusOf({ site: site.site, passwords })).find((one) => one.name === name);

  beforeAll(async () => {
    makeLocale(language);
    site = await RolloutSite.make("15", 230, declared(), debian15);
    await installRunbooks(site, declared());
  }, 60_000);
  afterAll(() => site?.close(), 30_000);

  it("is told soon why its upstream refuses it, and what to do", async () => {
    await site.query("server2", "alter role replicator password 'another'");
    site.declare(declared({ max_connections: "40" }));
    const began = Date.now();
    await expect(site.up()).rejects.toThrow("the passfile and the role on the upstream do not agree");
    // Without the cause it has a minute.
    expect(Date.now() - began).toBeLessThan(30_000);
    await site.query("server2", `alter role replicator password '${passwords.replicator}'`);
    await site.up();
    expect(await site.preview()).toEqual([]);
  });

  it("is what it is, and so is its primary while that starts", async () => {
    expect(await row("server3")).toMatchObject({ state: "in recovery, refuses queries", problems: [] });
    const { host, dataDirectory } = site.server("server2");
    const ctl = (...words: readonly string[]) =>
      hostOf(host).run([join(debian15, "pg_ctl"), "-D", dataDirectory, ...words]);
    await site.stop("server2", "immediate");
    // It asks for what it lacks before it is consistent, and gets no answer.
    const signal = join(dataDirectory, "standby.signal");
    appendFileSync(join(dataDirectory, "postgresql.conf"), "restore_command = 'sleep 600 # %p'\n");
    await hostOf(host).writeFile(signal, "");
    await ctl("start", "-W", "-l", `${dataDirectory}.by-hand`);
    await expect
      .poll(() => row("server2"), { timeout: 10_000 })
      .toMatchObject({ state: "starting", problems: [{ code: "nobodyWrites" }] });
    await ctl("stop", "-m", "immediate");
    await hostOf(host).remove(signal);
    await site.up();
    expect(await site.preview()).toEqual([]);
  });

  it("takes over, and its runbook knows by its files how far it has received", async () => {
    await killServer(site.server("server2"));
    site.declare(declared({ max_connections: "40" }, "server3", "server2"));
    const preview = (await site.preview()).join("\n");
    const [, received] = /it received up to (\S+) at .*, and its stream ended with the primary; /.exec(preview) ?? [];
    const rehearsed = await runScript(site, "server3", "failover", "--dry-run");
    expect(rehearsed.said).toContain(
      `server3 has received up to ${received}; its stream was ended by the other end: "FATAL: `,
    );
    await site.up();
    expect(await writing(site)).toEqual(["server3"]);
  });
}

/** With the real Pulumi: what a user sees of an up. */
function upIn(language: Language): void {
  let site: LocalSite;
  const settings = { lc_messages: language.locale };

  beforeAll(async () => {
    makeLocale(language);
    const description = { binaries: debian15, initdb: { locale: language.locale }, settings };
    site = await LocalSite.make({ major: "15", block: 232, description });
  }, 120_000);
  afterAll(() => site?.remove(), 60_000);

  it("comes up, and has nothing left to do", async () => {
    await site.up();
    await expect(site.query("server2", "select 1/0")).rejects.toThrow(language.byZero);
    expect(await site.query("server2", "show lc_collate")).toEqual([{ lc_collate: language.locale }]);
    expect(await site.preview()).toMatch(nothingToDo);
  });

  it("refuses what a server would not start with, and restarts in order", async () => {
    site.declare({ settings: { ...settings, shared_preload_libraries: "nothere" } });
    expect(await site.failing("up")).toContain('its program says "FATAL: could not access file "nothere"');
    site.declare({ settings: { ...settings, max_connections: 31 } });
    await site.up();
    expect(await site.preview()).toMatch(nothingToDo);
  });

  it("hands over", async () => {
    site.declare({ primary: "server3" });
    await site.up();
    expect(await site.query("server3", "select pg_is_in_recovery()::text as recovers")).toEqual([
      { recovers: "false" },
    ]);
    expect(await site.preview()).toMatch(nothingToDo);
  });
}
