import { execFile } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { StackDrift } from "../../cli/commands/drift.js";
import { Rehearsal } from "../../cli/rehearsal/rehearsal.js";
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

describe("pgsite drift", { timeout: 60_000 }, () => {
  let rehearsal: Rehearsal;

  beforeAll(async () => {
    const options = { name: `drift-${process.pid}`, texts: { orders: stackFile }, postgresql: "15", block: 90 };
    await promisify(execFile)(process.execPath, [join(checkout, "toolchain/build.mjs")]);
    rehearsal = await Rehearsal.prepare(options);
    await rehearsal.up("orders");
  }, 120_000);

  afterAll(async () => {
    await rehearsal?.down();
  }, 60_000);

  const conf = () => join(rehearsal.folder, "hosts/db1/srv/orders/postgresql.conf");

  /** Status and output of the program, as CI sees them. */
  const drift = (...args: readonly string[]) =>
    new Promise<{ code: number; stdout: string }>((resolve) => {
      const command = [join(checkout, "dist/pgsite.js"), "drift", ...args];
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
