import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { committedStacks, Rehearsal } from "../../cli/rehearsal/rehearsal.js";
import type { StatusRow } from "../../servers/status/report.js";
import { checkout } from "../../toolchain/paths.mjs";
import { atOldServers } from "../support/oldServers.js";
import { ran } from "../support/ran.js";
import { serverUser } from "../support/serverUser.js";

/* The demo, and what it leaves: each of the committed stacks at servers that no registry carries. */

const run = promisify(execFile);
const program = join(checkout, "dist/pgsite.js");

beforeAll(async () => {
  await run(process.execPath, [join(checkout, "toolchain/build.mjs")]);
}, 60_000);

atOldServers("the demo", (server) => {
  const name = `old-life-${server.version}`;
  const command = (...args: readonly string[]) =>
    run(process.execPath, [program, "rehearsal", ...args, "--name", name], { cwd: checkout, maxBuffer: 2 ** 26 });

  afterAll(async () => {
    await command("down");
  }, 120_000);

  it("is made, and streams", { timeout: 600_000 }, async () => {
    const { stdout } = await command("up", "--binaries", server.bin);
    expect(stdout).toMatch(/^a row written on server2 was read on des10$/m);
    expect(stdout).toMatch(/^restored beside server3, equal: the run counts as verified/m);
  });

  it("shows walsenders by their names, and lag", { timeout: 60_000 }, async () => {
    const { stdout } = await command("status", "--json");
    const { servers } = JSON.parse(stdout) as { readonly servers: readonly StatusRow[] };
    expect(servers.map(({ name, problems }) => [name, problems])).toEqual(servers.map(({ name }) => [name, []]));
    const of = (name: string) => servers.find((one) => one.name === name);
    // A stack of its own: at 9.0 its walsender has no name, but the place where des10 receives.
    const des10 = of("des10")?.receivesAt ?? "des10";
    expect([...(of("server2")?.walSenders ?? [])].sort()).toEqual([des10, "server3"].sort());
    for (const name of ["server3", "des10"]) expect(of(name)).toMatchObject({ lagBytes: expect.any(Number) });
  });

  it("changes nothing when it is made again", { timeout: 600_000 }, async () => {
    const { stdout } = await command("up", "--binaries", server.bin);
    expect(stdout).toMatch(/^nothing changed: all \d+ resources are as described$/m);
    ran(server, "demo");
    ran(server, "backups");
  });

  it("has no drift", { timeout: 120_000 }, async () => {
    const rehearsal = (await Rehearsal.find(name)) as Rehearsal;
    const { stdout } = await run(process.execPath, [program, "drift"], {
      cwd: rehearsal.project,
      env: { ...process.env, ...rehearsal.environment },
    });
    expect(stdout).toBe(committedStacks.map((stack) => `${stack}: clean\n`).join(""));
    ran(server, "drift");
  });

  it("is watched: the primary's watch sees its standby stream, the standby's that it receives", {
    timeout: 60_000,
  }, async () => {
    const rehearsal = (await Rehearsal.find(name)) as Rehearsal;
    const facts = async (host: string, folder: string) => {
      const data = join(rehearsal.folder, "hosts", host, folder, "database");
      const control = readdirSync(data).find((entry) => entry.endsWith(".pgsite")) ?? "";
      const watch = join(data, control, "watch/watch");
      expect(existsSync(watch)).toBe(true);
      const user = await serverUser();
      const argv = userInfo().username === user ? ["sh", "-c", watch] : ["su", "-s", "/bin/sh", user, "-c", watch];
      const [first = "", ...others] = argv.map((word) => (word === watch ? `'${watch}' --dry --events` : word));
      return (await run(first, others)).stdout.split("\n");
    };
    const primary = await facts("server2", "raid2");
    expect(primary).toContain("fact\tstandby.streams\tserver3\t1");
    expect(await facts("server3", "raid3")).toContain("fact\treceives\tserver2\t1");
    expect(primary.filter((line) => /^fact\tunseen|^condition/.test(line))).toEqual([]);
    ran(server, "watch");
  });
});
