import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findCommandPlugin } from "../../toolchain/commandPlugin.mjs";
import { type CommandProgram, prepare, preview, stack, type UpResult, up } from "../support/commands.js";
import { runs, until } from "../support/processes.js";
import { PulumiSandbox, type StateResource } from "../support/pulumi.js";

/**
 * What a `command` plugin does, line by line. Runs against the plugin that this machine has, or against the one in the
 * folder that PGSITE_COMMAND_PLUGIN names: the official plugin passes too, except where a line says that it does not.
 */
const given = process.env.PGSITE_COMMAND_PLUGIN;
const isStandIn = given === undefined && (await findCommandPlugin()).kind === "stand-in";

type State = ReadonlyMap<string, StateResource>;

let sandbox: PulumiSandbox;
let acts: string;

/** What commands noted with `note`, in order. */
function noted(): readonly string[] {
  return existsSync(acts) ? readFileSync(acts, "utf8").split("\n").slice(0, -1) : [];
}

/** A shell command that notes that it ran. */
function note(text: string): string {
  return `echo "${text}" >> '${acts}'; echo "${text}"`;
}

function outputOf(state: State, name: string): unknown {
  return state.get(name)?.outputs?.stdout;
}

beforeAll(async () => {
  sandbox = await PulumiSandbox.make(given);
  acts = join(sandbox.program, "acts");
  mkdirSync(join(sandbox.program, "elsewhere"));
  await prepare(sandbox);
}, 60_000);

afterAll(async () => {
  await sandbox?.remove();
});

describe("a command", () => {
  const kept = () => ({
    unchanged: { create: note("unchanged created") },
    createOnly: { create: note("createOnly created") },
    withUpdate: { create: note("withUpdate created"), update: note("withUpdate updated"), environment: { X: "1" } },
    environment: { create: note("environment $X"), environment: { X: "1" } },
    trigger: { create: note("trigger created"), delete: note("trigger deleted"), triggers: ["1"] },
    triggerWithUpdate: { create: note("triggered"), update: note("never"), triggers: ["1"] },
    previous: {
      create: "echo first; echo complaint >&2",
      update: `echo "$PULUMI_COMMAND_STDOUT+$PULUMI_COMMAND_STDERR"`,
    },
    noPrevious: { create: "echo first", update: `echo "<$PULUMI_COMMAND_STDOUT>"`, addPreviousOutputInEnv: false },
    failsLater: { create: "echo good" },
    chained: { create: note("chained $FROM"), environment: { FROM: { output: "createOnly" } } },
    deleted: { create: "echo was", delete: note("deleted $X $PULUMI_COMMAND_STDOUT"), environment: { X: "1" } },
    deletedWithout: { create: note("deletedWithout created") },
  });
  const first = (): CommandProgram => ({
    commands: {
      ...kept(),
      printed: { create: "echo made; echo 'mind this' >&2" },
      twoLines: { create: "printf 'a\\nb\\n\\n'" },
      silent: {},
      directory: { create: "pwd", dir: join(sandbox.program, "elsewhere") },
      noDirectory: { create: "pwd" },
      stdin: { create: "cat", stdin: "line one\nline two\n" },
      noStdin: { create: "cat" },
      interpreter: { create: "console.log(6 * 7)", interpreter: [process.execPath, "-e"] },
      inherits: { create: "echo $PULUMI_HOME" },
      secret: { create: "echo $TOKEN | tr a-z A-Z", environment: { TOKEN: { secret: "hidden" } } },
      secretStdin: { create: "cat >&2", stdin: { secret: "hidden too" }, logging: "none" },
      logAll: { create: "echo out; sleep 0.1; echo err >&2" },
      logStdout: { create: "echo out; echo err >&2", logging: "stdout" },
      logStderr: { create: "echo out; echo err >&2", logging: "stderr" },
      logNone: { create: "echo out; echo err >&2", logging: "none" },
      longLine: { create: "head -c 60000 /dev/zero | tr '\\0' x" },
    },
    runs: { ran: { command: "echo $X; echo err >&2", environment: { X: "invoked" } } },
  });
  const second = (): CommandProgram => ({
    commands: {
      unchanged: kept().unchanged,
      createOnly: { create: note("createOnly created again") },
      withUpdate: { ...kept().withUpdate, environment: { X: "2" } },
      environment: { ...kept().environment, environment: { X: "2" } },
      trigger: { ...kept().trigger, triggers: ["2"] },
      triggerWithUpdate: { ...kept().triggerWithUpdate, triggers: ["2"] },
      previous: { ...kept().previous, environment: { X: "2" } },
      noPrevious: { ...kept().noPrevious, environment: { X: "2" } },
      failsLater: { create: "echo spoken; echo aloud >&2; exit 3" },
      chained: kept().chained,
      failing: { create: "echo bad; sleep 0.1; echo worse >&2; exit 7" },
      killed: { create: "kill -9 $$" },
      nowhere: { create: "true", dir: "/does/not/exist" },
      noInterpreter: { create: "true", interpreter: ["no-such-program", "-c"] },
    },
  });

  let made: UpResult;
  let state: State;
  let text: string;
  let outputs: unknown;
  let actsOfSecond: readonly string[];
  let planned: ReadonlyMap<string, string>;
  let changed: UpResult;
  let after: State;

  beforeAll(async () => {
    made = await up(sandbox, first());
    expect(made.code, made.stdout + made.stderr).toBe(0);
    text = (await sandbox.must(["stack", "export", "--stack", stack])).stdout;
    state = await sandbox.state(stack, true);
    outputs = JSON.parse((await sandbox.must(["stack", "output", "--json", "--stack", stack])).stdout);
    const before = noted().length;
    planned = await preview(sandbox, second());
    expect(noted()).toHaveLength(before);
    changed = await up(sandbox, second());
    actsOfSecond = noted().slice(before);
    after = await sandbox.state(stack, true);
  }, 120_000);

  it.each([
    ["captures what it prints", "printed", "made", "mind this"],
    ["loses one line feed at the end of its output, no more", "twoLines", "a\nb\n", ""],
    ["without `create` does nothing and has empty output", "silent", "", ""],
    ["gets what `stdin` holds", "stdin", "line one\nline two", ""],
    ["without `stdin` reads nothing", "noStdin", "", ""],
    ["is given to the interpreter as its last argument", "interpreter", "42", ""],
  ])("%s", (_, name, stdout, stderr) => {
    expect(state.get(name)?.outputs).toMatchObject({ stdout, stderr });
  });

  it("runs in `dir`", () => expect(outputOf(state, "directory")).toBe(join(sandbox.program, "elsewhere")));
  it("without `dir` runs in the program's folder", () => expect(outputOf(state, "noDirectory")).toBe(sandbox.program));
  it("inherits the environment of Pulumi", () => expect(outputOf(state, "inherits")).toBe(sandbox.home));
  it("has its inputs among its outputs", () => {
    expect(state.get("withUpdate")?.outputs).toMatchObject(kept().withUpdate);
  });
  it("has an id that starts with its name", () => expect(state.get("printed")?.id).toMatch(/^printed[0-9a-f]{8}$/));
  it("prints a line of 60,000 characters", () => expect(outputOf(state, "longLine")).toHaveLength(60_000));

  it("gets secret inputs in clear, and they stay secret in the state", () => {
    expect(outputOf(state, "secret")).toBe("HIDDEN");
    expect(state.get("secretStdin")?.outputs?.stderr).toBe("hidden too");
    const inputs = JSON.parse(text).deployment.resources.find(
      ({ id }: StateResource) => id === state.get("secret")?.id,
    );
    expect(JSON.stringify([inputs.inputs, inputs.outputs])).not.toContain("hidden");
  });

  it.each([
    ["both streams where nothing else is said", "logAll", ["out", "err"]],
    ["its standard output alone with `logging: stdout`", "logStdout", ["out"]],
    ["its standard error alone with `logging: stderr`", "logStderr", ["err"]],
    ["nothing with `logging: none`", "logNone", undefined],
  ])("shows %s", (_, name, lines) => {
    expect(made.logged.get(name)?.filter((line) => line !== "")).toEqual(lines);
  });

  it("of `local.run` runs at every update, and its output is the result", () => {
    expect(outputs).toMatchObject({ ran: { command: "echo $X; echo err >&2", stdout: "invoked", stderr: "err" } });
  });

  it("previews as the step that it then takes, and runs in no preview", () => {
    const expected = {
      createOnly: "update",
      withUpdate: "update",
      environment: "update",
      trigger: "replace",
      triggerWithUpdate: "replace",
      previous: "update",
      chained: "update",
      failing: "create",
      deleted: "delete",
      silent: "delete",
    };
    const found = Object.fromEntries([...planned].filter(([name]) => name in expected));
    expect(found).toEqual(expected);
    expect(planned.get("unchanged") ?? "same").toBe("same");
  });

  it("that did not change does not run", () => expect(actsOfSecond).not.toContain("unchanged created"));
  it("whose `create` changed runs it again, and stays the same resource", () => {
    expect(actsOfSecond).toContain("createOnly created again");
    expect(after.get("createOnly")?.id).toBe(state.get("createOnly")?.id);
    expect(outputOf(after, "createOnly")).toBe("createOnly created again");
  });
  it("with `update` runs that instead when an input changed", () => {
    expect(actsOfSecond.filter((act) => act.startsWith("withUpdate"))).toEqual(["withUpdate updated"]);
  });
  it("runs again when its environment changed", () => expect(actsOfSecond).toContain("environment 2"));
  it("whose triggers changed is created anew, and the old one deleted after", () => {
    const own = actsOfSecond.filter((act) => act.startsWith("trigger "));
    expect(own).toEqual(["trigger created", "trigger deleted"]);
    expect(after.get("trigger")?.id).not.toBe(state.get("trigger")?.id);
  });
  it("whose triggers changed runs `create`, also where there is an `update`", () => {
    expect(actsOfSecond).toContain("triggered");
    expect(actsOfSecond).not.toContain("never");
  });
  it("gets its previous output in its environment", () => expect(outputOf(after, "previous")).toBe("first+complaint"));
  it("gets none with `addPreviousOutputInEnv: false`", () => expect(outputOf(after, "noPrevious")).toBe("<>"));
  it("gets the new output of the one it depends on", () => {
    expect(actsOfSecond).toContain("chained createOnly created again");
  });
  it("that left the program runs `delete`, with its environment and its previous output", () => {
    expect(actsOfSecond).toContain("deleted 1 was");
  });
  it("without `delete` leaves in silence", () => {
    expect(after.has("deletedWithout")).toBe(false);
    expect(actsOfSecond.filter((act) => act.startsWith("deletedWithout"))).toEqual([]);
  });

  it.each([
    [
      "its status, its text and all that it printed",
      'exit status 7: running "echo bad; sleep 0.1; echo worse >&2; exit 7":',
      "bad\n",
    ],
    ["the signal that ended it", 'signal: killed: running "kill -9 $$":', ""],
    ["the directory that is missing", 'chdir /does/not/exist: no such file or directory: running "true":', ""],
    ["the program that is missing", 'exec: "no-such-program": executable file not found in $PATH: running "true":', ""],
  ])("that fails says %s", (_, message, printed) => {
    const flat = changed.stdout.replaceAll(/^ +/gm, "");
    expect(flat).toContain(`${message}\n${printed}`);
    expect(changed.code).not.toBe(0);
  });
  it("that fails to be created is not in the state", () => expect(after.has("failing")).toBe(false));
  it("that fails to be updated keeps its old state", () => {
    expect(after.get("failsLater")?.outputs).toMatchObject({ create: "echo good", stdout: "good" });
  });
});

describe("a command that is not as it should be", () => {
  let refused: UpResult;
  beforeAll(async () => {
    const wrong = { create: 71, environment: { A: 72 }, interpreter: "73", assetPaths: ["74"], unheardOf: "75" };
    refused = await up(sandbox, { commands: { wrong } } as unknown as CommandProgram);
  }, 60_000);

  // The official plugin has words of its own, and serves assets.
  it
    .skipIf(!isStandIn)
    .each([
      "create must be a string",
      "environment must be a map of strings",
      "interpreter must be a list of strings",
      "assetPaths is not served by pgsite's stand-in for Pulumi's command plugin; install the official plugin for it",
    ])("is told: %s", (reason) => expect(refused.stdout.replaceAll(/\s+/g, " ")).toContain(reason));
  it.skipIf(!isStandIn)("is not told its values", () => expect(refused.stdout).not.toMatch(/\b7[1-5]\b/));
  it("does not run", () => expect(refused.code).not.toBe(0));
});

describe("a command that is cut off", () => {
  const waiting = (name: string) => `sh -c 'echo $$ > ${name}.pid; exec sleep 120'`;

  async function started(name: string, create: string) {
    sandbox.write({ "commands.json": JSON.stringify({ commands: { [name]: { create } } }) });
    const running = sandbox.start(["up", "--yes", "--skip-preview", "--stack", stack]);
    const file = join(sandbox.program, `${name}.pid`);
    await until("the command starts", () => existsSync(file) && readFileSync(file, "utf8").endsWith("\n"));
    return { running, command: Number(readFileSync(file, "utf8")) };
  }

  it.each([
    ["that is the plugin's own child", "executed", `exec ${waiting("executed")}`],
    // It holds the command's output open. The official plugin ends the shell alone, and waits for the rest.
    ...(isStandIn ? [["below a shell", "interrupted", `${waiting("interrupted")}; true`]] : []),
  ] as [string, string, string][])(
    "by an interrupt of Pulumi ends, one %s, and so does the update",
    async (_, name, create) => {
      const { running, command } = await started(name, create);
      process.kill(running.pid, "SIGINT");
      const result = await running.finished;
      expect(result.code).not.toBe(0);
      await until("the command ends", () => !runs(command), 5);
    },
    60_000,
  );

  it("by the death of Pulumi leaves a stack that works again after `pulumi cancel`", async () => {
    const { running, command } = await started("orphaned", `${waiting("orphaned")}; true`);
    process.kill(running.pid, "SIGKILL");
    await running.finished;
    // The official plugin does not notice, and lets the command run on to its end.
    if (isStandIn) await until("the command ends", () => !runs(command), 5);
    else process.kill(command, "SIGKILL");
    await sandbox.must(["cancel", "--yes", stack]);
    const result = await up(sandbox, { commands: { orphaned: { create: "echo done" } } });
    expect(result.code, result.stdout + result.stderr).toBe(0);
  }, 60_000);
});
