import { appendFileSync, copyFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findingsIn, type Told } from "../../cli/drift/findings.js";
import type { Rehearsal } from "../../cli/rehearsal/rehearsal.js";
import { build } from "../../toolchain/build.mjs";
import { checkout } from "../../toolchain/paths.mjs";
import { InProcess } from "../support/engine.js";
import { buildInOtherWords } from "../support/otherWords/build.js";
import { differing } from "../support/otherWords/compare.js";
import { Plot, plantSite } from "../support/plantSite.js";
import { plants } from "../support/plants/index.js";

const stack = "plants";

/** What the servers differ in: one of each kind that takes no restart to plant. */
const planted = [
  "a setting edited and not reloaded",
  "a setting removed that takes a restart",
  "a line that is no setting",
  "postgresql.conf readable by all",
  "ALTER SYSTEM of a setting that reloads",
  "a rule of trust",
  "a rule removed",
  "a rule that no server takes",
  "a passfile readable by all",
  "a passfile with another password",
  "recovery.conf beside a primary",
  "another primary_conninfo",
  "a foreign slot on the primary",
];
/** Of the databases, all that can stand beside each other. */
const ofDatabases = plants.filter(({ said, together }) => {
  return together !== false && typeof said === "string" && said.endsWith(": SQL") && !said.startsWith("server");
});

/** Resources whose states hold sentences as long as step 4 of the house is under way; then this list is empty. */
const inWords = ["Rollout", "Topology"];
const isWhole = (type: string) => !inWords.some((one) => type.endsWith(`:${one}`));

interface Resource {
  readonly urn: string;
  readonly type: string;
}

/** A build of pgsite, with a project that runs it. */
interface Build {
  readonly project: string;
  readonly dist: string;
}

/**
 * Nothing that pgsite decides, and nothing that programs read of it, hangs on how a sentence is put: the same site is looked at
 * and brought up by pgsite as it is, and by one that says everything in other words.
 */
describe("pgsite in other words", { timeout: 180_000 }, () => {
  let rehearsal: Rehearsal;
  let plot: Plot;
  let own: Build;
  let other: Build;
  const both = async <T>(act: (one: Build) => Promise<T>): Promise<readonly [T, T]> => [
    await act(own),
    await act(other),
  ];

  beforeAll(async () => {
    await build();
    [rehearsal] = await Promise.all([plantSite("15", 246, "words"), buildInOtherWords("dist/otherWords")]);
    plot = new Plot("15", await InProcess.of(rehearsal, stack));
    own = { project: rehearsal.project, dist: join(checkout, "dist") };
    other = { project: join(rehearsal.folder, "other"), dist: join(checkout, "dist/otherWords") };
    mkdirSync(other.project, { mode: 0o700 });
    for (const file of ["Pulumi.yaml", `Pulumi.${stack}.yaml`])
      copyFileSync(join(own.project, file), join(other.project, file));
    symlinkSync(other.dist, join(other.project, "dist"));
    symlinkSync(join(checkout, "node_modules"), join(other.project, "node_modules"));
  }, 180_000);

  afterAll(async () => {
    await rehearsal?.down();
    rmSync(join(checkout, "dist/otherWords"), { recursive: true, force: true });
  }, 120_000);

  const run = (one: Build, program: string, args: readonly string[], more: Readonly<Record<string, string>> = {}) =>
    execa(program, [...args], {
      cwd: one.project,
      env: { ...rehearsal.environment, PULUMI_DEBUG_COMMANDS: "true", ...more },
      extendEnv: false,
      reject: false,
      timeout: 120_000,
    });
  const pulumi = async (one: Build, args: readonly string[], more: Readonly<Record<string, string>> = {}) => {
    const ran = await run(one, "pulumi", [...args, "--stack", stack, "--non-interactive", "--color=never"], more);
    expect(ran.exitCode, `${args.join(" ")}: ${ran.stdout}${ran.stderr}`).toBe(0);
    return ran.stdout;
  };
  /** Exit code and output of `pgsite … --json`. */
  const pgsite = (command: string) => async (one: Build) => {
    const { exitCode, stdout, stderr } = await run(one, process.execPath, [
      join(one.dist, "pgsite.js"),
      command,
      "--json",
    ]);
    return { exitCode, output: JSON.parse(stdout || JSON.stringify(stderr)) as unknown };
  };
  /** The steps of a preview, and what its resources found, in an order of its own: they are looked at all at once. */
  const preview = async (one: Build) => {
    const file = join(rehearsal.folder, "findings");
    writeFileSync(file, "", { mode: 0o600 });
    const stdout = await pulumi(one, ["preview", "--json", "--refresh"], { PGSITE_FINDINGS: file });
    const read = findingsIn(readFileSync(file, "utf8"));
    if (!("told" in read)) throw new Error(read.failure);
    const { steps = [] } = JSON.parse(stdout) as { steps?: { op: string; urn: string; detailedDiff?: unknown }[] };
    const key = ({ urn, ...rest }: Told) =>
      `${urn} ${rest.kind} ${JSON.stringify("difference" in rest ? rest.difference : {})}`;
    return {
      steps: steps.map(({ op, urn, detailedDiff }) => ({ op, urn, detailedDiff })),
      told: read.told.toSorted((left, right) => (key(left) < key(right) ? -1 : 1)),
    };
  };
  const exported = async () => {
    const { deployment } = JSON.parse(await pulumi(own, ["stack", "export", "--show-secrets"])) as {
      deployment: { resources: (Resource & Record<string, unknown>)[] };
    };
    return deployment.resources
      .map(({ created: _created, modified: _modified, ...rest }): Resource => rest as unknown as Resource)
      .toSorted((left, right) => (left.urn < right.urn ? -1 : 1));
  };
  const plant = async () => {
    const all = plants.filter(({ name }) => planted.includes(name));
    expect(all.length).toBe(planted.length);
    expect(ofDatabases.length).toBeGreaterThan(8);
    for (const one of [...all, ...ofDatabases]) await one.plant(plot);
    appendFileSync(join(plot.server("server2").controlDirectory, "runbook/guard"), "# somebody was here\n");
    await plot.stop("server3");
  };

  describe("where nothing differs", () => {
    it("has nothing to do on what pgsite brought up, and says so alike", async () => {
      const [one, two] = await both(preview);
      expect(one.told).toEqual([]);
      expect(differing(one, two)).toEqual([]);
      expect(new Set(two.steps.map(({ op }) => op))).toEqual(new Set(["same"]));
      const [ours, theirs] = await both(pgsite("preflight"));
      expect(differing(ours, theirs)).toEqual([]);
    });
  });

  describe("where much differs, and a standby is stopped", () => {
    let before: string;
    let refreshed: readonly [readonly Resource[], readonly Resource[]];
    let healed: readonly [readonly Resource[], readonly Resource[]];

    const pair = (states: readonly [readonly Resource[], readonly Resource[]], select: (type: string) => boolean) =>
      states.map((resources) => resources.filter(({ type }) => select(type)));

    beforeAll(async () => {
      before = await pulumi(own, ["stack", "export"]);
      await plant();
    }, 120_000);

    it("finds the same, and plans the same", async () => {
      const [one, two] = await both(preview);
      expect(one.told.length).toBeGreaterThan(20);
      expect(differing(one, two)).toEqual([]);
    });

    it.each(["drift", "status", "preflight"])("says the same to programs: pgsite %s --json", async (command) => {
      const [one, two] = await both(pgsite(command));
      expect(one.exitCode).toBe(command === "drift" ? 2 : 0);
      expect(differing(one, two)).toEqual([]);
    });

    it("keeps the same of it after a refresh", async () => {
      const refresh = async (one: Build) => {
        await restore(before);
        await pulumi(one, ["refresh", "--yes", "--skip-preview"]);
        return exported();
      };
      refreshed = await both(refresh);
      const [one, two] = pair(refreshed, isWhole);
      expect(differing(one, two, new Set())).toEqual([]);
    });

    it("brings about the same, and keeps the same of it after an up", async () => {
      const up = async (one: Build) => {
        if (one === other) {
          await restore(before);
          await plant();
        }
        await pulumi(one, ["up", "--yes", "--skip-preview"]);
        return exported();
      };
      healed = await both(up);
      const [one, two] = pair(healed, isWhole);
      expect(differing(one, two, new Set())).toEqual([]);
      expect((await preview(own)).told).toEqual([]);
    });

    it.each(inWords)("keeps the same of %s after a refresh and an up", (type) => {
      for (const states of [refreshed, healed]) {
        const [one, two] = pair(states, (found) => found.endsWith(`:${type}`));
        expect(differing(one, two, new Set())).toEqual([]);
      }
    });
  });

  describe("where a server hangs, and the rollout is refused", () => {
    it("says the same to programs", async () => {
      appendFileSync(plot.path("server2", "postgresql.conf"), "work_mem = 99MB\n");
      await plot.signal("des10", "SIGSTOP");
      try {
        const [one, two] = await both(pgsite("drift"));
        expect(one.exitCode).toBe(2);
        expect(JSON.stringify(one.output)).toContain('"silent"');
        expect(differing(one, two)).toEqual([]);
      } finally {
        await plot.signal("des10", "SIGCONT");
      }
    });
  });

  const restore = async (state: string) => {
    const ran = await execa("pulumi", ["stack", "import", "--stack", stack, "--non-interactive"], {
      cwd: own.project,
      env: { ...rehearsal.environment },
      extendEnv: false,
      input: state,
      reject: false,
    });
    expect(ran.exitCode, ran.stderr).toBe(0);
  };
});
