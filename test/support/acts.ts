import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { expect } from "vitest";
import type { LocalSite } from "./localSite.js";
import { until } from "./processes.js";

export const nothingToDo = /Resources:\n {4}\d+ unchanged\n/;

export const kept = (site: LocalSite, server: string, name: string) =>
  readFileSync(join(site.controlDirectory(server), name), "utf8");

/** What the guards of both servers go by. */
export const protection = (site: LocalSite) =>
  ["server2", "server3"].flatMap((server) =>
    readdirSync(join(site.controlDirectory(server), "runbook"))
      .sort()
      .map((name) => [server, name, kept(site, server, `runbook/${name}`)]),
  );

/** A script of a server's runbook, as its OS user runs it. */
export async function runbook(site: LocalSite, server: string, script: string, ...words: readonly string[]) {
  const argv = [join(site.controlDirectory(server), "runbook", script), ...words];
  const { code, stdout, stderr } = await site.host().run(argv, { timeout: 330_000 });
  return { code, said: stdout + stderr };
}

/** How the one peer of each server answers its guard: both lines must be `told`. */
export async function expectAsked(site: LocalSite): Promise<void> {
  for (const [server, peer] of [
    ["server2", "server3"],
    ["server3", "server2"],
  ] as const) {
    expect((await runbook(site, server, "guard", "--ask")).said).toMatch(new RegExp(`^${peer}\\t\\S+\\ttold\\t`));
  }
}

/** The primary crashes, the standby is promoted by its runbook, the old primary's guard is asked as at its boot. */
export async function theNight(site: LocalSite): Promise<void> {
  await site.stop("server2", "SIGQUIT");
  const { code, said } = await runbook(site, "server3", "failover");
  expect({ code, said }).toMatchObject({ code: 0, said: expect.stringContaining("server3 takes writes") });
  expect(said).not.toContain("follows nobody that this runbook knows");
  expect(await runbook(site, "server2", "guard")).toMatchObject({
    code: 3,
    said: expect.stringContaining("it was superseded"),
  });
}

/** An `up` of which everything is killed as soon as its events say so. */
export async function killedUp(site: LocalSite, when: RegExp): Promise<void> {
  const run = site.startUp();
  await until(`an up that says ${when}`, () => when.test(site.events()), 100);
  process.kill(-run.pid, "SIGKILL");
  await run.finished;
  for (const line of site.processes()) {
    try {
      process.kill(Number(line.split(" ")[0]), "SIGKILL");
    } catch {
      // It has ended.
    }
  }
  await site.cancel();
}

/**
 * Runs Pulumi where programs are missing and /proc shows nobody else's processes, in a mount namespace of its own.
 * `close` removes what that takes.
 */
export function bareHost(site: LocalSite, hidden: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), "pgsite-bare-"));
  const pulumi = site.sandbox.env.PATH?.split(delimiter)
    .map((place) => join(place, "pulumi"))
    .find((path) => existsSync(path));
  const empty = join(folder, "empty");
  writeFileSync(empty, "");
  const hiding = hidden.map((program) => `[ ! -e /usr/bin/${program} ] || mount --bind ${empty} /usr/bin/${program}`);
  const script = ["mount -t proc -o hidepid=2 proc /proc", ...hiding, `exec ${pulumi} "$@"`].join("\n");
  writeFileSync(join(folder, "within"), script);
  writeFileSync(join(folder, "pulumi"), `#!/bin/sh\nexec unshare -m sh ${join(folder, "within")} "$@"\n`);
  chmodSync(join(folder, "pulumi"), 0o755);
  chmodSync(folder, 0o755);
  return {
    run: (...args: readonly string[]) =>
      site.sandbox.run([...args, "--stack", "site"], {
        seconds: 180,
        env: { PATH: `${folder}${delimiter}${site.sandbox.env.PATH}` },
      }),
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}
