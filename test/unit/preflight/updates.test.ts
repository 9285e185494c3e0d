import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { isOlder, minorOf, releaseOf } from "../../../postgres/minor.js";
import { parseUpdates, toUpdate, updatesScript } from "../../../preflight/packages/updates.js";

it("knows minor versions by what stack files and packages say", () => {
  expect([minorOf("15.20"), minorOf("15"), minorOf("9.0.4"), minorOf("9.0")]).toEqual([
    "15.20",
    undefined,
    "9.0.4",
    undefined,
  ]);
  expect([
    isOlder("15.9", "15.20"),
    isOlder("15.20", "15.20"),
    isOlder("9.0.23", "9.0.4"),
    isOlder("15", "15.1"),
  ]).toEqual([true, false, false, true]);
  expect(["15.20-0+deb12u1", "1:9.6.24-1.pgdg", "(none)"].map(releaseOf)).toEqual(["15.20", "9.6.24", undefined]);
});

it("tells what is older than the package manager's, or than is declared; another build of a release is neither", () => {
  const printed =
    "postgresql-15 15.18-0+deb12u1 15.20-0+deb12u1\npostgresql-client-15 15.20-0+deb12u1 15.20-0+deb12u2\n";
  const update = { package: "postgresql-15", from: "15.18-0+deb12u1", to: "15.20-0+deb12u1" };
  expect(parseUpdates(printed)).toEqual([update]);
  expect(parseUpdates(printed, "15.19")).toEqual([update]);
  expect(parseUpdates(printed, "15.21")).toEqual([
    { ...update, declared: "15.21" },
    { package: "postgresql-client-15", from: "15.20-0+deb12u1", declared: "15.21" },
  ]);
  expect(parseUpdates("postgresql-15 15.18-0 (none)\n")).toEqual([]);
  expect(parseUpdates("")).toEqual([]);
});

it("leaves a package alone whose scripts stop the servers themselves", () => {
  const host = { name: "db1", transport: "local", address: "", user: "postgres" } as const;
  const server = {
    ...{ name: "one", host, address: "", port: 1, dataDirectory: "/d", controlDirectory: "/c", settings: {} },
    ...{ binDirectory: "/usr/lib/postgresql/15/bin", disposable: false },
  };
  const outdated = { db1: [{ package: "postgresql-15", from: "15.18", to: "15.20" }] };
  const asked = { version: "15", install: true, servers: [server] } as const;
  expect(toUpdate(asked, outdated)).toEqual({ db1: ["postgresql-15"] });
  expect(toUpdate({ ...asked, install: false }, outdated)).toEqual({});
  expect(toUpdate({ ...asked, servers: [{ ...server, unit: "postgresql@15-main" }] }, outdated)).toEqual({});
});

it("takes no silence of apt for an answer", ({ onTestFinished, skip }) => {
  if (spawnSync("dpkg-query", ["-W", "dash"]).status !== 0) skip("no dpkg here");
  const folder = mkdtempSync(join(tmpdir(), "pgsite-updates-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "apt-cache"), "#!/bin/sh\necho 'E: the lists cannot be read' >&2\nexit 100\n", {
    mode: 0o755,
  });
  const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` };
  const { status, stderr } = spawnSync("sh", ["-c", updatesScript, "sh", "dash"], { env, encoding: "utf8" });
  expect([status, stderr]).toEqual([1, "E: the lists cannot be read\n"]);
});

it("asks by a script that is POSIX", () => {
  expect(spawnSync("dash", ["-n"], { input: updatesScript }).stderr.toString()).toBe("");
  if (spawnSync("shellcheck", ["--version"]).status !== 0) return;
  expect(spawnSync("shellcheck", ["-s", "sh", "-"], { input: updatesScript }).stdout.toString()).toBe("");
});
