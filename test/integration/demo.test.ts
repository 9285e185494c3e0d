import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { homedir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { StatusRow } from "../../servers/status.js";
import { checkout } from "../../toolchain/paths.mjs";

/** A clone of this checkout as it stands, changes that are not committed among it, in an empty folder. */
let clone: string;
const rehearsals = `/var/tmp/pgsite-${userInfo().uid}`;

beforeAll(() => {
  clone = mkdtempSync("/var/tmp/pgsite-clone-");
  execFileSync("git", ["clone", "--quiet", checkout, clone]);
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: checkout,
  });
  for (const file of listed
    .toString()
    .split("\0")
    .filter((name) => name !== "" && existsSync(join(checkout, name)))) {
    mkdirSync(dirname(join(clone, file)), { recursive: true });
    cpSync(join(checkout, file), join(clone, file));
  }
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.org", ...args], { cwd: clone });
  git("add", "-A");
  git("commit", "--quiet", "--allow-empty", "-m", "as it stands");
}, 120_000);

afterAll(async () => {
  await npm("demo:down");
  rmSync(clone, { recursive: true, force: true });
}, 120_000);

function npm(script: string, ...args: string[]) {
  return execa("npm", ["run", "--silent", script, ...(args.length > 0 ? ["--", ...args] : [])], {
    cwd: clone,
    reject: false,
    all: true,
    timeout: 15 * 60_000,
    stdin: "ignore",
  });
}

function untouched(): string {
  return execFileSync("git", ["status", "--porcelain"], { cwd: clone }).toString();
}

/** Everything about the user's own Pulumi that a run could leave a trace in. */
function ownPulumi(): string {
  const home = join(homedir(), ".pulumi");
  return existsSync(home)
    ? readdirSync(home)
        .map((name) => `${name} ${lstatSync(join(home, name)).mtimeMs}`)
        .join("\n")
    : "none";
}

it("goes from a clean clone to three streaming servers by one command, stays so, and leaves nothing behind", async () => {
  const before = { rehearsals: existsSync(rehearsals) ? readdirSync(rehearsals) : [], pulumi: ownPulumi() };

  const first = await npm("demo");
  expect(first.exitCode, first.all).toBe(0);
  expect(first.stdout).toContain("a row written on server2 was read on des10\n");
  expect(first.stdout).toMatch(/server2 .* primary .* read-write .* 1 .* des10, server3/);
  expect(first.stdout).toMatch(/server3 .* standby .* in recovery, refuses queries .* server2 .* 0 B/);
  expect(first.stdout).toMatch(/des10 .* mirror .* in recovery, read-only .* server2 .* 0 B/);
  expect(untouched()).toBe("");

  const again = await npm("demo");
  expect(again.exitCode, again.all).toBe(0);
  expect(again.stdout).toMatch(/\nnothing changed: all \d+ resources are as described\n/);
  expect(untouched()).toBe("");

  const status = await execa("npx", ["pgsite", "rehearsal", "status", "--json"], { cwd: clone });
  const { servers } = JSON.parse(status.stdout) as { servers: StatusRow[] };
  expect(servers.map(({ name }) => name).sort()).toEqual(["des10", "server2", "server3"]);
  for (const row of servers) {
    for (const key of [
      "name",
      "role",
      "address",
      "port",
      "dataDirectory",
      "version",
      "state",
      "timeline",
      "upstream",
      "lagBytes",
      "lagSeconds",
      "problems",
    ]) {
      expect(row, `${row.name} has ${key}`).toHaveProperty(key);
    }
  }

  const folder = /with PostgreSQL 10 in (\S+)/.exec(first.stdout)?.[1] ?? "";
  const files = readdirSync(folder).filter((name) => name.endsWith(".yaml"));
  expect(files).toEqual([]);
  const neighbour = join(rehearsals, "not-ours");
  writeFileSync(neighbour, "stays");
  const pids = servers.map(
    ({ dataDirectory }) => readFileSync(join(dataDirectory, "postmaster.pid"), "utf8").split("\n")[0],
  );

  const down = await npm("demo:down");
  expect(down.exitCode, down.all).toBe(0);
  expect(existsSync(folder)).toBe(false);
  expect(readFileSync(neighbour, "utf8")).toBe("stays");
  rmSync(neighbour);
  expect(pids.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
  expect(readdirSync(rehearsals).filter((name) => name.startsWith("demo-"))).toEqual(
    before.rehearsals.filter((name) => name.startsWith("demo-")),
  );
  expect(untouched()).toBe("");
  expect(ownPulumi()).toBe(before.pulumi);

  expect((await npm("demo:down")).stdout).toContain("nothing to take down");
}, 900_000);
