import {
  appendFileSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findingsIn } from "../../cli/drift/findings.js";
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

/** Resources by their URN. */
type State = Readonly<Record<string, unknown>>;

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
    // No link: what starts a build looks for it beside itself.
    cpSync(join(checkout, "toolchain/launch"), join(other.project, "toolchain/launch"), { recursive: true });
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
  /** The steps of a preview, and what its resources found. */
  const preview = async (one: Build) => {
    const file = join(rehearsal.folder, "findings");
    writeFileSync(file, "", { mode: 0o600 });
    const stdout = await pulumi(one, ["preview", "--json", "--refresh"], { PGSITE_FINDINGS: file });
    const read = findingsIn(readFileSync(file, "utf8"));
    if (!("told" in read)) throw new Error(read.failure);
    const { steps = [] } = JSON.parse(stdout) as { steps?: { op: string; urn: string; detailedDiff?: unknown }[] };
    return {
      steps: Object.fromEntries(steps.map(({ op, urn, detailedDiff }) => [`${op} ${urn}`, detailedDiff])),
      told: read.told,
    };
  };
  /** Each resource of the state, by its URN. */
  const exported = async (): Promise<State> => {
    const { deployment } = JSON.parse(await pulumi(own, ["stack", "export", "--show-secrets"])) as {
      deployment: { resources: { urn: string }[] };
    };
    return Object.fromEntries(deployment.resources.map((resource) => [resource.urn, resource]));
  };
  const plant = async () => {
    const all = plants.filter(({ name }) => planted.includes(name));
    expect(all.length).toBe(planted.length);
    expect(ofDatabases.length).toBeGreaterThan(8);
    for (const one of [...all, ...ofDatabases]) await one.plant(plot);
    appendFileSync(join(plot.server("server2").controlDirectory, "runbook/guard"), "# somebody was here\n");
    await plot.stop("server3");
  };

  it("has nothing to do on what pgsite brought up", async () => {
    const [one, two] = await both(preview);
    expect(one.told).toEqual([]);
    expect(differing(one, two)).toEqual([]);
    expect(Object.keys(two.steps).filter((step) => !/^(?:same|refresh) /.test(step))).toEqual([]);
  });

  describe("where much differs, and a standby is stopped", () => {
    let before: string;

    beforeAll(async () => {
      before = await pulumi(own, ["stack", "export"]);
      await plant();
    }, 120_000);

    it("finds the same, and plans the same", async () => {
      const [one, two] = await both(preview);
      expect(one.told.filter(({ kind }) => kind === "difference").length).toBeGreaterThan(20);
      expect(one.told.filter(({ kind }) => kind === "plan").length).toBe(1);
      expect(differing(one, two, new Set(["message"]))).toEqual([]);
    });

    it.each(["drift", "status", "preflight"])("says the same to programs: pgsite %s --json", async (command) => {
      const [one, two] = await both(pgsite(command));
      expect(one.exitCode).toBe(command === "drift" ? 2 : 0);
      expect(differing(one, two)).toEqual([]);
    });

    it("keeps the same in the state after a refresh, no words among it", async () => {
      const refresh = async (one: Build) => {
        await restore(before);
        await pulumi(one, ["refresh", "--yes", "--skip-preview"]);
        return exported();
      };
      const [one, two] = await both(refresh);
      expect(differing(one, two, new Set())).toEqual([]);
    });

    it("brings about the same, and keeps the same in the state", async () => {
      const up = async (one: Build) => {
        if (one === other) {
          await restore(before);
          await plant();
        }
        await pulumi(one, ["up", "--yes", "--skip-preview"]);
        return exported();
      };
      const [one, two] = await both(up);
      expect(differing(one, two, new Set())).toEqual([]);
      expect((await preview(own)).told).toEqual([]);
    });
  });

  it("says the same to programs where a server hangs, and the rollout is refused", async () => {
    appendFileSync(plot.path("server2", "postgresql.conf"), "work_mem = 99MB\n");
    await plot.signal("des10", "SIGSTOP");
    try {
      // A preview locks nothing, and waits for the server.
      const [one, two] = await Promise.all([pgsite("drift")(own), pgsite("drift")(other)]);
      expect(one.exitCode).toBe(2);
      expect(JSON.stringify(one.output)).toContain('"silent"');
      expect(differing(one, two)).toEqual([]);
    } finally {
      await plot.signal("des10", "SIGCONT");
    }
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
