import { type ChildProcess, spawn } from "node:child_process";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PageReport, PageStack } from "../../servers/page/model.js";
import { until } from "../../servers/process/until.js";
import { checkout } from "../../toolchain/paths.mjs";
import { Canaries, canary } from "../support/canary/secrets.js";
import { LocalSite } from "../support/localSite.js";
import { serverFolder, serverUser } from "../support/serverUser.js";

/** The page of a real site: written, served, through a failover by hand, and with a secret wherever one can be. */
describe("pgsite page", { timeout: 120_000 }, () => {
  const canaries = new Canaries();
  const [administrator, replicator, reader, handWritten, encrypted] = ["adm", "repl", "read", "hand", "sealed"].map(
    canary,
  ) as [string, string, string, string, string];
  let site: LocalSite;
  let folder: string;
  let backups: string;

  beforeAll(async () => {
    canaries.addPassword("administrator's password", "postgres", administrator);
    canaries.addPassword("replication password", "replicator", replicator);
    canaries.addPassword("role's password", "reader", reader);
    for (const one of [handWritten, encrypted]) canaries.add("hand-written password", one);
    folder = mkdtempSync(join(tmpdir(), "pgsite-page-"));
    backups = await serverFolder("/var/tmp/pgsite-page-runs-");
    site = await LocalSite.make({
      major: "15",
      block: 249,
      passwords: { postgres: administrator, replicator, reader },
      description: {
        roles: { reader: {} },
        backups: { schedule: "none", folder: backups },
        watch: { schedule: "none", thresholds: { diskPercent: 0, diskBytes: 0 } },
        settings: {
          archive_mode: true,
          archive_command: `PGPASSWORD=${handWritten} true %p`,
          "shop.password": handWritten,
          log_statement: "all",
          work_mem: "64MB",
        },
      },
    });
    await sealed();
    await site.up();
  }, 120_000);

  afterAll(async () => {
    await site?.remove();
    for (const one of [folder, backups]) if (one !== undefined) rmSync(one, { recursive: true, force: true });
  });

  /** As an operator encrypts a setting: nothing in its name or form tells that it is a secret. */
  const sealed = async () => {
    const args = ["config", "set", "--secret", "--path", 'pgsite:settings["shop.motto"]', "--stack", "site"];
    const { program, env } = site.sandbox;
    await execa("pulumi", args, { cwd: program, env, extendEnv: false, input: encrypted, timeout: 60_000 });
  };
  const env = () => ({ ...site.sandbox.env, PGSITE_PROJECT: site.sandbox.program });
  const pgsite = (...args: readonly string[]) =>
    execa(process.execPath, [join(checkout, "dist", "pgsite.js"), ...args], {
      cwd: folder,
      env: env(),
      extendEnv: false,
      reject: false,
      timeout: 90_000,
    });
  /** Writes a page, and reads what it shows. */
  const page = async (...args: readonly string[]): Promise<{ readonly html: string; readonly stack: PageStack }> => {
    const path = join(folder, "site.html");
    const { exitCode, stderr } = await pgsite("page", "--out", "site.html", ...args);
    expect(exitCode, stderr).toBe(0);
    const html = readFileSync(path, "utf8");
    expect(canaries.around(html)).toBe("");
    return { html, stack: dataIn(html).stacks[0] as PageStack };
  };

  it("is written whole, for its owner alone, with all that is asked, and says what takes long", async () => {
    const before = await pgsite("page", "--out", "site.html");
    expect(before.stderr).toMatch(/^previewing site .*\nasking the servers of site$/);
    expect(before.stdout).toMatch(/site\.html: site, \d+ kB$/);
    expect(readdirSync(folder)).toEqual(["site.html"]);
    expect(statSync(join(folder, "site.html")).mode & 0o777).toBe(0o600);
    const report = dataIn(readFileSync(join(folder, "site.html"), "utf8"));
    expect(Math.abs(Date.parse(report.generatedAt) - Date.now())).toBeLessThan(60_000);
    const [stack] = report.stacks as [PageStack];
    expect(stack).toMatchObject({
      ...{ stack: "site", site: "orders", version: "15" },
      streams: [{ server: "server3", from: "server2" }],
      drift: { outcome: "clean", differences: [], reasons: [], plan: [], refusals: [] },
      backups: { schedule: "by hand alone", runs: [] },
      watch: { schedule: "by hand alone", incidents: [] },
      history: [
        { kind: "update", by: "pulumi", result: "succeeded", message: expect.stringMatching(/^pulumi up: \d+ create/) },
      ],
      unknown: [],
    });
    expect(stack.streams[0]).not.toHaveProperty("off");
    expect(stack.servers).toMatchObject([
      {
        name: "server2",
        host: "server2",
        role: "primary",
        state: "read-write",
        timeline: 1,
        problems: [],
        walSenders: ["server3"],
      },
      { name: "server3", role: "standby", state: "in recovery, read-only", lagBytes: 0, problems: [] },
    ]);
    expect(stack.servers[0]).not.toHaveProperty("lagBytes");
    const settings = stack.servers[1]?.settings ?? [];
    const named = (name: string) => settings.find((one) => one.name === name);
    expect(named("work_mem")).toEqual({ name: "work_mem", declared: "64MB", running: "64MB", differs: false });
    expect(named("archive_command")).toMatchObject({ declared: "PGPASSWORD=******** true %p", differs: false });
    // No view of the server shows what belongs to no library.
    expect(named("shop.password")).toEqual({ name: "shop.password", declared: "********", differs: false });
    expect(named("shop.motto")).toEqual({ name: "shop.motto", declared: "********", differs: false });
    expect(named("primary_conninfo")?.running).toContain("passfile=");
    expect(settings.filter(({ differs }) => differs)).toEqual([]);
    expect(settings.length).toBeGreaterThan(12);
  });

  it("shows what differs, and incidents, and no secret that somebody wrote by hand", async () => {
    const auto = join(site.dataDirectory("server3"), "postgresql.auto.conf");
    const asItWas = readFileSync(auto, "utf8");
    appendFileSync(
      auto,
      `primary_conninfo = 'host=${site.address("server2")} port=5442 user=replicator password=${handWritten}'\nwork_mem = '4MB'\n`,
    );
    await site.query("server3", "select pg_reload_conf()");
    await site.query("server2", `create role tmp password '${handWritten}'`);
    // As a run of the watch has left them.
    const jobs = join(site.controlDirectory("server2"), "jobs");
    mkdirSync(jobs, { recursive: true });
    const watched = (lines: readonly string[]) => lines.map((line) => `${line}\n`).join("");
    writeFileSync(
      join(jobs, "watch.state"),
      watched([
        ...["pgsite-watch\t1", "last\t1796000000"],
        `open\tstandbyAbsent\tserver3\twatch-1-1\t1795990000\t1795990000\t0\t`,
      ]),
    );
    writeFileSync(
      join(jobs, "watch.over"),
      "watch-1-0-end\twatch-1-0\tsilent\tcritical\t\t1\t0\t1795900000\t1795903600\tx\n",
    );
    const { stack } = await page();
    expect(stack.drift.outcome).toBe("drift");
    expect(stack.drift.differences).toContainEqual({
      server: "server3",
      object: "postgresql.auto.conf work_mem",
      setting: "work_mem",
      there: "4MB",
      declared: "64MB",
      consequence: "reload",
    });
    const workMem = stack.servers[1]?.settings.find(({ name }) => name === "work_mem");
    expect(workMem).toMatchObject({ declared: "64MB", running: "4MB", differs: true });
    expect(stack.watch?.incidents).toEqual([
      {
        ...{ server: "server3", seenBy: "server2", condition: "standbyAbsent" },
        message: "The standby server3 does not stream from this server.",
        since: new Date(1_795_990_000_000).toISOString().replace(".000Z", "Z"),
      },
      {
        ...{ server: "server2", seenBy: "server2", condition: "silent", message: "The server does not answer: x." },
        since: new Date(1_795_900_000_000).toISOString().replace(".000Z", "Z"),
        ended: new Date(1_795_903_600_000).toISOString().replace(".000Z", "Z"),
      },
    ]);
    writeFileSync(auto, asItWas);
    await site.query("server3", "select pg_reload_conf()");
    const senders = () => site.query("server2", "select 1 from pg_stat_replication where state = 'streaming'");
    expect(await until(async () => (await senders()).length === 1, { deadline: 20_000 })).toBe(true);
  });

  it("is written also while servers are silent, and tells of a failover by the runbook", async () => {
    await site.stop("server2", "SIGQUIT");
    const script = join(site.controlDirectory("server3"), "runbook", "failover");
    const { code, stdout, stderr } = await site.host().run([script], { timeout: 60_000 });
    expect(code, stdout + stderr).toBe(0);
    const { stack } = await page("--drift", "none");
    expect(stack.drift.outcome).toBe("not asked");
    expect(stack.servers).toMatchObject([
      { name: "server2", state: "stopped", problems: [{ code: "stopped" }] },
      { name: "server3", state: "read-write", timeline: 2, problems: [{ code: "writesUndeclared" }] },
    ]);
    const [promoted] = stack.history;
    expect(promoted).toMatchObject({ kind: "role", server: "server3", by: "hand", result: "succeeded" });
    expect(promoted?.message).toMatch(
      /^server3 took over from server2 \(runbook\/failover\): timeline 2 begins, from 1 at 0\/[0-9A-F]+$/,
    );
    expect(stack.history.filter(({ kind }) => kind === "role")).toHaveLength(1);
  });

  it("is served to this machine's own user, made anew, without a secret, until it is ended", async () => {
    const served = spawn(
      process.execPath,
      [join(checkout, "dist", "pgsite.js"), "page", "--serve", "--drift", "none"],
      {
        env: env(),
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    try {
      const url = await addressOf(served);
      const [html, json] = [await text(url), await text(`${url}report.json`)];
      for (const one of [html, json]) expect(canaries.around(one)).toBe("");
      expect(html).toContain(" data-live");
      const state = (given: string) => (JSON.parse(given) as PageReport).stacks[0]?.servers[0]?.state;
      expect(state(json)).toBe("stopped");
      if (process.getuid?.() === 0) expect(await asStranger(url)).toBe("cut off");
      site.declare({ primary: "server3" });
      await sealed();
      await site.up();
      const isSeen = async () => state(await text(`${url}report.json`)) === "in recovery, read-only";
      expect(await until(isSeen, { deadline: 30_000, interval: 500 })).toBe(true);
      const ended = new Promise<number | null>((resolve) => served.once("exit", (status) => resolve(status)));
      served.kill("SIGINT");
      expect(await ended).toBe(0);
    } finally {
      served.kill("SIGKILL");
    }
  });

  it("is put where the web viewers have it, as their OS user, which needs nothing of ours", async () => {
    const folder = await serverFolder("/var/tmp/pgsite-page-www-");
    try {
      const user = await serverUser();
      await site.host().makeDirectory(join(folder, "html"), 0o755);
      const viewers = { host: "server3", user, folder, page: "html/site.html", applications: {} };
      site.declare({ primary: "server3", viewers });
      await sealed();
      const { exitCode, stdout, stderr } = await pgsite("page", "--to-viewers", "--drift", "none");
      expect(exitCode, stderr).toBe(0);
      const path = join(folder, "html", "site.html");
      expect(stdout).toMatch(/\/html\/site\.html on server3: site, \d+ kB$/);
      const status = await site.host().stat(path);
      expect(status).toMatchObject({ owner: user, mode: 0o600 });
      expect(readdirSync(join(folder, "html"))).toEqual(["site.html"]);
      const html = readFileSync(path, "utf8");
      expect(dataIn(html).stacks[0]?.servers).toHaveLength(2);
      expect(canaries.around(html)).toBe("");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    site.declare({ primary: "server3" });
    await sealed();
  });

  it.each([
    [["page"], /takes --out FILE, --to-viewers, or --serve/],
    [["page", "--out", "x", "--serve"], /takes --out FILE, --to-viewers, or --serve/],
    [["page", "--to-viewers", "--drift", "none"], /no stack here says where its web viewers have the page/],
    [["page", "--out", "x", "--port", "1"], /--port is of --serve/],
    [["page", "--serve", "--port", "none"], /a port is a number/],
    [["page", "--out", "/nowhere/at/all.html", "--drift", "none"], /\/nowhere\/at/],
  ] as const)("is refused clearly: %j", async (args, words) => {
    const { exitCode, stderr } = await pgsite(...args);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(words);
  });
});

function dataIn(html: string): PageReport {
  const [, data = ""] = /<script [^>]*id="report"[^>]*>(.*?)<\/script>/s.exec(html) ?? [];
  return JSON.parse(data) as PageReport;
}

async function text(url: string): Promise<string> {
  const answer = await fetch(url);
  expect(answer.status).toBe(200);
  return answer.text();
}

/** What another user of this machine gets. */
async function asStranger(url: string): Promise<string> {
  const script = `require("node:http").get(${JSON.stringify(url)}, ({ statusCode }) => console.log(statusCode)).on("error", () => console.log("cut off"))`;
  const { stdout } = await execa(process.execPath, ["-e", script], { uid: 65534, gid: 65534, cwd: "/" });
  return stdout;
}

/** Where it says that it is. */
function addressOf(served: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    for (const stream of [served.stdout, served.stderr]) {
      stream?.setEncoding("utf8").on("data", (part: string) => {
        said += part;
        const [, url] = /^(http:\S+) /m.exec(said) ?? [];
        if (url !== undefined) resolve(url);
      });
    }
    served.once("exit", () => reject(new Error(said)));
  });
}
