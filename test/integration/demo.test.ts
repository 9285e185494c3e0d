import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Major } from "../../postgres/versions.js";
import type { StatusRow } from "../../servers/status/report.js";
import { checkout } from "../../toolchain/paths.mjs";
import { cloneAsItStands, newcomersEnvironment } from "../support/clone.js";
import { hashOfTree } from "../support/cluster.js";
import { commandsBelow } from "../support/documents.js";
import { triesAll } from "../support/everyRun.js";
import { runs } from "../support/processes.js";
import { availableMajors, programsOf } from "../support/programs.js";
import { processesIn, said, sweepFolder } from "../support/rehearsal.js";

/** The same in every run of this checkout's tests, so that what a killed run has left is found. */
const folder = join("/var/tmp", `pgsite-test-demo-${digest(checkout)}`);
const clone = join(folder, "pgsite");
const home = join(folder, "home");
const rehearsals = join("/var/tmp", `pgsite-${userInfo().uid}`);
const rehearsal = join(rehearsals, `demo-${digest(clone)}`);
const neighbour = join(rehearsals, `not-the-demo-${digest(clone)}`);

function digest(path: string): string {
  return createHash("sha256").update(path).digest("hex").slice(0, 6);
}

async function clean(): Promise<void> {
  for (const path of [rehearsal, folder]) await sweepFolder(path);
  rmSync(neighbour, { force: true });
}

beforeAll(async () => {
  await clean();
  await cloneAsItStands(clone);
  // A user of Pulumi, logged in elsewhere.
  mkdirSync(join(home, ".pulumi", "workspaces"), { recursive: true });
  writeFileSync(join(home, ".pulumi", "credentials.json"), '{"current": "https://pulumi.example.org"}\n');
  mkdirSync(rehearsals, { recursive: true });
  writeFileSync(neighbour, "another's");
}, 180_000);

afterAll(clean, 120_000);

/** What README.md tells a newcomer to type. */
const readme = commandsBelow(readFileSync(join(checkout, "README.md"), "utf8"), "## See it work");
const [demo, status, preview, down, , withBinaries] = readme;

/** A command in the user's environment, in the clone: what was downloaded once may be used, and nothing of this test run's own. */
function type(command: string | undefined, env: Readonly<Record<string, string>> = {}) {
  return execa("sh", ["-c", command ?? "false"], {
    cwd: clone,
    env: { ...newcomersEnvironment(), HOME: home, ...env },
    extendEnv: false,
    reject: false,
    stdin: "ignore",
    timeout: 20 * 60_000,
  });
}

const changedInTheClone = async () => said(await type("git status --porcelain"));
const pidsOf = (rows: readonly StatusRow[]) =>
  rows.map(({ dataDirectory }) => readFileSync(join(dataDirectory, "postmaster.pid"), "utf8").split("\n")[0]);

const stacks = ["ctio", "fnal", "momentum"];

describe("the demo, from a clean clone", () => {
  let ownPulumi: string;
  let pids: readonly (string | undefined)[];
  let rows: readonly StatusRow[];

  beforeAll(async () => {
    ownPulumi = await hashOfTree(join(home, ".pulumi"));
  });

  it("types README's commands; what `--postgresql` does is shown by majors.test.ts", () => {
    expect(readme).toEqual([
      "npm run demo",
      "npx pgsite rehearsal status",
      "npx pgsite rehearsal pulumi preview --stack ctio",
      "npm run demo:down",
      "npm run demo -- --postgresql 15",
      "npm run demo -- --binaries /usr/pgsql-9.6/bin",
      "npm test",
    ]);
  });

  it("says in one sentence, to whoever calls Pulumi first, that setup comes before", async () => {
    const PULUMI_HOME = join(folder, "pulumi");
    mkdirSync(join(PULUMI_HOME, "state"), { recursive: true });
    const env = {
      PULUMI_HOME,
      PULUMI_BACKEND_URL: `file://${PULUMI_HOME}/state`,
      PULUMI_CONFIG_PASSPHRASE: "a test's",
    };
    said(await type("pulumi stack init newcomer", env));
    const { exitCode, stdout, stderr } = await type("pulumi preview --non-interactive --color never", env);
    rmSync(join(clone, "Pulumi.newcomer.yaml"));
    expect(exitCode).not.toBe(0);
    expect(`${stdout}${stderr}`.split("Diagnostics:\n")[1]?.trimEnd()).toBe(
      `  pulumi:pulumi:Stack (pgsite-newcomer):
    this checkout of pgsite is not set up yet: run \`npm run setup\` in ${clone}

Resources:`,
    );
  }, 60_000);

  it("brings up all stacks by one command, and ends with the table of their servers", async () => {
    const ran = await type(demo);
    const printed = said(ran);
    expect(printed).toContain("\na row written on server2 was read on des10\n");
    expect(printed).toContain("\na row written on msyspg was read on msyspg\n");
    expect(ran.stderr.match(/^pgsite: Pulumi v.*, its command plugin: .*$/gm)).toHaveLength(1);
    // Pulumi warns of plugins that it finds there, three times a run.
    expect(`${printed}${ran.stderr}`).not.toContain("from $PATH");
    expect(printed.trimEnd().split("\n").slice(-16)).toEqual([
      "sispi (ctio, fnal)",
      expect.stringMatching(/^ {2}server2 \(ctio\) +primary +timeline 1 +takes writes$/),
      expect.stringMatching(/^ {2}.*[▸>] des10 \(fnal\) +mirror +timeline 1 +streams, .* behind$/),
      expect.stringMatching(/^ {2}.*[▸>] server3 \(ctio\) +standby +timeline 1 +streams, .* behind$/),
      "momentum",
      expect.stringMatching(/^ {2}msyspg +standalone +timeline 1 +takes writes$/),
      expect.stringMatching(/^[┌+]/),
      expect.stringMatching(/^[│|] server +[│|] role +[│|] address +[│|] version [│|] state +[│|]$/),
      expect.stringMatching(/^[├+].*[┤+]$/),
      expect.stringMatching(
        /^[│|] server2 [│|] primary +[│|] 127\.0\.\d+\.2:5442 [│|] 10\.\d+ +[│|] read-write +[│|]$/,
      ),
      expect.stringMatching(
        /^[│|] server3 [│|] standby +[│|] 127\.0\.\d+\.3:5442 [│|] 10 +[│|] in recovery, refuses queries [│|]$/,
      ),
      expect.stringMatching(
        /^[│|] des10 +[│|] mirror +[│|] 127\.0\.\d+\.4:5442 [│|] 10\.\d+ +[│|] in recovery, read-only +[│|]$/,
      ),
      expect.stringMatching(
        /^[│|] msyspg +[│|] standalone [│|] 127\.0\.\d+\.5:5432 [│|] 10\.\d+ +[│|] read-write +[│|]$/,
      ),
      expect.stringMatching(/^[└+].*[┘+]$/),
      expect.stringMatching(/^ctio: the newest backup is \d+m?s old, and a drill has verified it$/),
      expect.stringMatching(/^momentum: the newest backup is \d+m?s old, and a drill has verified it$/),
    ]);
    expect(existsSync(rehearsal)).toBe(true);
    expect(await changedInTheClone()).toBe("");
    // What the servers' user can pass through holds nothing else for others; nor do events, should they be carried elsewhere.
    const own = readdirSync(rehearsal).filter((name) => name !== "hosts");
    for (const name of [...own, ...stacks.map((stack) => `project/events-${stack}.json`)]) {
      expect(`${name} ${statSync(join(rehearsal, name)).mode & 0o077}`).toBe(`${name} 0`);
    }
  }, 900_000);

  it("tells programs the same as JSON", async () => {
    rows = (JSON.parse(said(await type(`${status} --json`))) as { servers: StatusRow[] }).servers;
    const told = rows.map(({ name, role, state, upstream, problems }) => ({ name, role, state, upstream, problems }));
    expect(told).toEqual([
      { name: "server2", role: "primary", state: "read-write", upstream: null, problems: [] },
      { name: "server3", role: "standby", state: "in recovery, refuses queries", upstream: "server2", problems: [] },
      { name: "des10", role: "mirror", state: "in recovery, read-only", upstream: "server2", problems: [] },
      { name: "msyspg", role: "standalone", state: "read-write", upstream: null, problems: [] },
    ]);
    pids = pidsOf(rows);
    expect(await changedInTheClone()).toBe("");
  }, 120_000);

  it("changes nothing when it is run again, and says so", async () => {
    const printed = said(await type(demo));
    expect(printed).toMatch(/\nnothing changed: all \d+ resources are as described\n/);
    expect(pidsOf(rows)).toEqual(pids);
    expect(await changedInTheClone()).toBe("");
  }, 300_000);

  it("shows what Pulumi's preview shows", async () => {
    expect(said(await type(preview))).toMatch(/Resources:\n {4}\d+ unchanged\n/);
  }, 120_000);

  it("is taken down by one command, which removes what it made and nothing else", async () => {
    expect(processesIn(rehearsal).length).toBeGreaterThan(0);
    said(await type(down));
    expect(existsSync(rehearsal)).toBe(false);
    expect(processesIn(rehearsal)).toEqual([]);
    expect(pids.filter((pid) => runs(Number(pid)))).toEqual([]);
    expect(readFileSync(neighbour, "utf8")).toBe("another's");
    expect(await changedInTheClone()).toBe("");
    expect(said(await type(down))).toContain('there is no rehearsal "demo": nothing to take down');
  }, 300_000);

  const oldest = availableMajors()[0] as Major;

  // What these are is shown by majors.test.ts too, which rehearses the same stacks from such a folder.
  it.runIf(triesAll())(
    `runs server programs of any folder: PostgreSQL ${oldest}`,
    async () => {
      const printed = said(await type(withBinaries?.replace("/usr/pgsql-9.6/bin", await programsOf(oldest))));
      const row = (name: string) => printed.split("\n").find((line) => /^[│|] (\S+) /.exec(line)?.[1] === name);
      expect(row("server2")).toMatch(new RegExp(`${oldest.replace(".", "\\.")}.* read-write `));
      expect(row("server3")).toContain("in recovery, refuses queries");
      expect(row("des10")).toContain("in recovery, read-only");
      expect(printed.match(/^ {2}\S+[▸>] (des10|server3) .* streams, /gm)).toHaveLength(2);
      said(await type(down));
      expect(processesIn(rehearsal)).toEqual([]);
      expect(await changedInTheClone()).toBe("");
    },
    600_000,
  );

  it("never touches the user's own Pulumi", async () => {
    expect(await hashOfTree(join(home, ".pulumi"))).toBe(ownPulumi);
  });
});
