import { type ChildProcessWithoutNullStreams, execFile, spawn } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify, stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { StackDrift } from "../../cli/drift/digest.js";
import { Rehearsal } from "../../cli/rehearsal/rehearsal.js";
import { until } from "../../servers/process/until.js";
import { checkout } from "../../toolchain/paths.mjs";

const stackFile = `config:
  pgsite:site: orders
  pgsite:postgresql: "15"
  pgsite:port: 5491
  pgsite:hosts: { db1: 192.0.2.11, db2: 192.0.2.12 }
  pgsite:primary: db1
  pgsite:servers:
    db1: { dataDirectory: /srv/orders }
    db2: { dataDirectory: /srv/orders }
  pgsite:settings: { max_connections: 40, shared_buffers: 16MB, work_mem: 8MB, fsync: off }
`;

let rehearsal: Rehearsal;
const program = join(checkout, "dist/pgsite.js");

beforeAll(async () => {
  const options = { name: `drift-${process.pid}`, texts: { orders: stackFile }, postgresql: "15", block: 90 };
  await promisify(execFile)(process.execPath, [join(checkout, "toolchain/build.mjs")]);
  rehearsal = await Rehearsal.prepare(options);
  await rehearsal.up("orders");
}, 120_000);

afterAll(async () => {
  await rehearsal?.down();
}, 60_000);

describe("pgsite drift", { timeout: 60_000 }, () => {
  const conf = () => join(rehearsal.folder, "hosts/db1/srv/orders/postgresql.conf");

  /** Status and output of the program, as CI sees them. */
  const drift = (...args: readonly string[]) =>
    new Promise<{ code: number; stdout: string }>((resolve) => {
      const command = [program, "drift", ...args];
      execFile(process.execPath, command, { cwd: rehearsal.project, env: rehearsal.environment }, (error, stdout) =>
        resolve({ code: error === null ? 0 : Number(error.code), stdout }),
      );
    });
  const stacksIn = (stdout: string) => (JSON.parse(stdout) as { stacks: StackDrift[] }).stacks;

  it("ends with 0 where the servers are as the stack files say", async () => {
    expect(await drift()).toEqual({ code: 0, stdout: "orders: clean\n" });
  });

  it("ends with 2 and a table where they are not, and with the same for programs", async () => {
    const before = readFileSync(conf(), "utf8");
    appendFileSync(conf(), "work_mem = '9MB'\n");
    const [told, json] = await Promise.all([drift("--stack", "orders"), drift("--json")]);
    writeFileSync(conf(), before);
    expect(told.code).toBe(2);
    expect(told.stdout).toMatch(/^orders: 1 difference\n/);
    expect(told.stdout).toContain("\ndb1: 1 reload\n");
    expect(told.stdout).toMatch(/[│|] object +[│|] there +[│|] declared +[│|] consequence +[│|]/);
    expect(told.stdout).toMatch(/[│|] postgresql\.conf work_mem +[│|] 9MB .* 8MB +[│|] reload +[│|]/);
    expect(told.stdout).toContain("pulumi up would:\n  1. db1: reload");
    expect(json.code).toBe(2);
    expect(stacksIn(json.stdout)).toEqual([
      {
        stack: "orders",
        outcome: "drift",
        differences: [
          {
            server: "db1",
            object: "postgresql.conf work_mem",
            there: expect.stringMatching(/^9MB/),
            declared: "8MB",
            consequence: "reload",
            facts: {
              object: { kind: "setting", file: "postgresql.conf", name: "work_mem" },
              there: { is: "setting", value: "9MB", waits: { for: "reload", inForce: "8MB" } },
              declared: { is: "setting", value: "8MB" },
            },
          },
        ],
        reasons: [],
        unknown: [],
        plan: [expect.stringMatching(/^1\. db1: reload/)],
        rollout: {
          steps: [
            {
              server: "db1",
              action: "reload",
              because: [expect.objectContaining({ code: "setting", setting: "work_mem", from: "9MB", to: "8MB" })],
            },
          ],
          refusals: [],
        },
      },
    ]);
  });

  it("ends with 1 and the reason where it could not tell: a server that hangs", async () => {
    const pid = Number(readFileSync(join(conf(), "../postmaster.pid"), "utf8").split("\n")[0]);
    process.kill(pid, "SIGSTOP");
    const hung = await drift("--json").finally(() => process.kill(pid, "SIGCONT"));
    const [stack] = stacksIn(hung.stdout);
    expect(hung.code, hung.stdout).toBe(1);
    expect(stack).toMatchObject({ stack: "orders", outcome: "unknown", differences: [] });
    expect(stack?.reasons.join("\n")).toMatch(/db1.* does not answer within/);
    expect(stack?.unknown.map(({ code, server }) => `${server}: ${code}`)).toContain("db1: silent");
  });

  it("ends with 1, and never calls clean, what a provider of another build looked at, or what could not be written down", async () => {
    const settings = join(rehearsal.project, "Pulumi.yaml");
    const before = readFileSync(settings, "utf8");
    const provider = join(rehearsal.folder, "provider");
    mkdirSync(provider);
    writeFileSync(settings, before.replace("path: toolchain/launch/provider", `path: ${provider}`));
    const by = (line: string) => {
      const script = `#!/bin/sh\n${line}\nexec ${join(checkout, "toolchain/launch/provider/pulumi-resource-pgsite")} "$@"\n`;
      writeFileSync(join(provider, "pulumi-resource-pgsite"), script, { mode: 0o755 });
      return drift("--json");
    };
    try {
      const silent = await by("unset PGSITE_FINDINGS");
      expect(silent.code, silent.stdout).toBe(1);
      expect(stacksIn(silent.stdout)).toMatchObject([
        { outcome: "unknown", reasons: [expect.stringMatching(/not of this build/)] },
      ]);
      const hindered = await by('rm -f "$PGSITE_FINDINGS"');
      expect(hindered.code, hindered.stdout).toBe(1);
      expect(hindered.stdout).toMatch(/what is found cannot be written down in .*PGSITE_FINDINGS/);
    } finally {
      writeFileSync(settings, before);
    }
    expect(await drift()).toEqual({ code: 0, stdout: "orders: clean\n" });
  });

  it("ends with 1 where Pulumi cannot read a stack, and tells of the others", async () => {
    const told = await drift("--stack", "orders", "nowhere");
    expect(told.code).toBe(1);
    expect(told.stdout).toMatch(/^orders: clean\nnowhere: could not tell\nnot known: .*nowhere/);
  });
});

/** The program at a terminal that script(1) makes, which afterwards says whether that is as it was before. */
class AtTerminal {
  shown = "";
  readonly ended: Promise<number>;
  readonly #child: ChildProcessWithoutNullStreams;

  constructor(...args: readonly string[]) {
    const command = [process.execPath, program, ...args].map((word) => `'${word}'`).join(" ");
    const typed = `stty cols 90 rows 30; b=$(stty -g); ${command}; c=$?; [ "$b" = "$(stty -g)" ] && echo as before; exit $c`;
    this.#child = spawn("script", ["-qec", typed, "/dev/null"], {
      cwd: rehearsal.project,
      env: { ...process.env, ...rehearsal.environment, TERM: "xterm", LC_ALL: "C.UTF-8" },
    });
    this.#child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.shown += text;
    });
    this.ended = new Promise((resolve) => this.#child.once("exit", (code) => resolve(code ?? -1)));
  }

  /** What was drawn each time, newest last. */
  get drawings(): readonly string[] {
    const [, ...drawn] = this.shown.split("\u001b[H");
    return drawn.map((text) => stripVTControlCharacters(text).replaceAll("\r", ""));
  }

  /** Of each answer: when it was asked, and how long that took, in milliseconds. */
  get questions(): readonly { readonly at: number; readonly took: number }[] {
    return this.drawings.flatMap((drawing) => {
      const [, at, took, unit] = /^asked at (.*) UTC, took ([\d.]+)(ms|s);/.exec(drawing) ?? [];
      return at === undefined ? [] : [{ at: Date.parse(`${at}Z`), took: Number(took) * (unit === "s" ? 1000 : 1) }];
    });
  }

  press(key: string): void {
    this.#child.stdin.write(key);
  }

  /** @throws with what is shown, where that does not come in time */
  async until(isSo: () => boolean): Promise<void> {
    const came = await until(async () => isSo(), { deadline: 20_000 });
    if (!came) throw new Error(`it shows ${JSON.stringify(this.shown)}`);
  }

  kill(): void {
    this.#child.kill();
  }
}

describe("pgsite status --watch", { timeout: 60_000 }, () => {
  const pidOf = (server: string) =>
    Number(readFileSync(join(rehearsal.folder, `hosts/${server}/srv/orders/postmaster.pid`), "utf8").split("\n")[0]);

  it("draws each answer over the last, never asks twice at once, and leaves the terminal as it was, also while a server hangs", async () => {
    const terminal = new AtTerminal("status", "--watch", "1");
    const hung = pidOf("db2");
    try {
      await terminal.until(() => terminal.questions.length > 1);
      expect(terminal.shown).toContain("\u001b[?1049h");
      expect(terminal.drawings[0]).toBe("asking");
      expect(terminal.drawings[1]).toMatch(
        /^asked at .* UTC, took \S+; again 1 s after the answer; q ends\norders\n {2}db1 +primary +timeline 1 +takes writes\n {2}└─▸ db2 +standby +timeline 1 +streams, /,
      );
      process.kill(hung, "SIGSTOP");
      await terminal.until(() => terminal.questions.filter(({ took }) => took >= 3000).length > 1);
      expect(terminal.drawings.at(-1)).toMatch(/^! └.* db2 +standby +timeline \S+ +unreachable/m);
      // Times are told to the second, and how long it took to a tenth.
      const gaps = terminal.questions.slice(1).map(({ at }, index) => {
        const before = terminal.questions[index];
        return at - (before?.at ?? 0) - (before?.took ?? 0);
      });
      expect(Math.min(...gaps)).toBeGreaterThan(-100);
      const began = Date.now();
      terminal.press("q");
      expect(await terminal.ended).toBe(0);
      expect(Date.now() - began).toBeLessThan(2000);
      expect(terminal.shown.trimEnd().endsWith("\u001b[?25h\u001b[?1049las before")).toBe(true);
    } finally {
      process.kill(hung, "SIGCONT");
      terminal.kill();
    }
  });

  it("ends by Ctrl-C as well", async () => {
    const terminal = new AtTerminal("status", "--watch");
    try {
      await terminal.until(() => terminal.questions.length > 0);
      terminal.press("\u0003");
      expect(await terminal.ended).toBe(0);
      expect(terminal.shown.trimEnd().endsWith("\u001b[?25h\u001b[?1049las before")).toBe(true);
    } finally {
      terminal.kill();
    }
  });

  it("is refused where it cannot be drawn", async () => {
    const refused = async (...args: readonly string[]) => {
      const run = promisify(execFile)(process.execPath, [program, "status", "--watch", ...args], {
        cwd: rehearsal.project,
        env: rehearsal.environment,
      });
      return (await run.catch((error: { stderr: string; code: number }) => error)) as { stderr: string; code: number };
    };
    expect(await refused()).toMatchObject({ code: 1, stderr: expect.stringMatching(/standard output is none/) });
    expect(await refused("--json")).toMatchObject({ code: 1, stderr: expect.stringMatching(/draws for people/) });
    expect(await refused("0")).toMatchObject({ code: 1, stderr: expect.stringMatching(/1 to 86400 seconds/) });
  });
});
