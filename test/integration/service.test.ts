import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Host } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { closeSessions } from "../../hosts/shell/sessions.js";
import type { ServiceFacts } from "../../installed/service/facts.js";
import { findService } from "../../installed/service/find.js";
import { findManager, installService, readService, removeService } from "../../installed/service/manager.js";
import { enter, leave } from "../support/here.js";
import { type MultiHost, multiHost, whyNoHosts } from "../support/multihost.js";

const why = whyNoHosts();
// More the schema refuses: pg_ctl itself hands its data directory to a shell, between double quotes.
const data = "/raid2/it's é; touch /pwned";
const facts: ServiceFacts = {
  name: "sispi",
  site: "sispi",
  server: "server2",
  user: "postgres",
  dataDirectory: data,
  controlDirectory: "/raid2/control",
  binDirectory: "/usr/lib/postgresql/15/bin",
  passfile: "/raid2/control/passfile",
  socketFolders: ["/run/of sispi"],
  runLevels: [3, 4, 5],
};

let net: MultiHost;
let host: Host;
let root: Host;

beforeAll(async () => {
  if (why !== undefined) return;
  net = await multiHost(["server2"]);
  enter(net.control.env);
  const { address } = net.host("server2");
  host = hostOf({ name: "server2", transport: "ssh", address, login: "postgres", user: "postgres" });
  root = hostOf({ name: "server2", transport: "ssh", address, login: "root", user: "root" });
  await machine().must(["install", "-d", "-o", "postgres", "/raid2", "/raid2/control"]);
  await root.makeDirectory("/run/of sispi", 0o777);
  const { code, stderr } = await host.run([join(facts.binDirectory, "initdb"), "-D", data, "--no-sync"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) });
  const settings = ["listen_addresses = ''", "unix_socket_directories = '/run/of sispi'", ""].join("\n");
  await host.writeFile(join(data, "postgresql.auto.conf"), settings);
}, 120_000);

afterAll(async () => {
  await leave();
  await net?.close();
}, 60_000);

const log = "/raid2/control/start.log";
const machine = () => net.host("server2");
const service = async (action: string) => {
  const { code, stdout, stderr } = await root.run(["/etc/init.d/sispi", action], { timeout: 60_000 });
  return { code, said: (stdout + stderr).trim() };
};
const links = async () =>
  (await machine().must(["sh", "-c", "ls -d /etc/rc?.d/*sispi | sed 's,/etc/,,'"])).trim().split("\n");
const pid = async () => (await host.readFile(join(data, "postmaster.pid")))?.toString("utf8").split("\n")[0];

describe.skipIf(why !== undefined)(`a service at boot${why ? ` (${why})` : ""}`, () => {
  it("is a script of System V on a host without systemd", async () => {
    expect(await findManager(host)).toBe("sysv");
    expect(await readService(host, "sysv", facts)).toEqual({ path: "/etc/init.d/sispi", enabled: false });
    await installService(root, "sysv", facts, { path: "/etc/init.d/sispi" });
    expect(await readService(host, "sysv", facts)).toMatchObject({ maker: "pgsite", enabled: true });
    expect(await host.stat("/etc/init.d/sispi")).toMatchObject({ mode: 0o755, owner: "root" });
    expect(await links()).toEqual([
      ...["rc0.d/K36sispi", "rc1.d/K36sispi", "rc2.d/K36sispi", "rc3.d/S64sispi"],
      ...["rc4.d/S64sispi", "rc5.d/S64sispi", "rc6.d/K36sispi"],
    ]);
  });

  it("starts, says its state, reloads, restarts and stops, with the statuses of the Linux Standard Base", async () => {
    expect(await service("status")).toEqual({ code: 3, said: "sispi does not run" });
    expect(await service("start")).toEqual({ code: 0, said: "sispi has started" });
    expect(await service("start")).toEqual({ code: 0, said: "sispi runs already" });
    expect(await service("status")).toEqual({ code: 0, said: "sispi runs" });
    const before = await pid();
    expect((await service("reload")).code).toBe(0);
    expect(await pid()).toBe(before);
    expect((await service("restart")).code).toBe(0);
    expect(await pid()).not.toBe(before);
    expect(await service("stop")).toEqual({ code: 0, said: "sispi has stopped" });
    expect(await service("stop")).toEqual({ code: 0, said: "sispi does not run" });
    expect((await service("nonsense")).code).toBe(2);
  }, 60_000);

  it("says why, where the server does not start", async () => {
    await host.writeFile(join(data, "postgresql.conf"), "max_connections = nonsense\n");
    const { code, said } = await service("start");
    expect(code).toBe(1);
    expect(said).toContain('invalid value for parameter "max_connections": "nonsense"');
    await host.writeFile(join(data, "postgresql.conf"), "");
  }, 60_000);

  it("leaves folders of sockets that are there, and gives nothing away through a link", async () => {
    const socketFolders = ["/tmp", "/raid2/etc", "/raid2/etc/below", "/raid2/nothing", "/run/new one", "/raid2/run"];
    await machine().must(["sh", "-c", "install -d -m 755 /stand-in && chown root: /tmp && chmod 1777 /tmp"]);
    await host.run(["ln", "-s", "/stand-in", "/raid2/etc"]);
    await host.run(["ln", "-s", "/stand-in/nothing", "/raid2/nothing"]);
    await installService(root, "sysv", { ...facts, socketFolders }, { path: "/etc/init.d/sispi", maker: "pgsite" });
    expect((await service("restart")).code).toBe(0);
    const places = ["/tmp", "/stand-in", "/run/new one", "/raid2/run"];
    const looks = await machine().must(["stat", "-c", "%a %U %n", ...places]);
    expect(looks.trim().split("\n")).toEqual([
      "1777 root /tmp",
      "755 root /stand-in",
      "755 postgres /run/new one",
      "755 postgres /raid2/run",
    ]);
    expect(await host.list("/stand-in")).toEqual([]);
    expect((await service("stop")).code).toBe(0);
    await installService(root, "sysv", facts, { path: "/etc/init.d/sispi", maker: "pgsite" });
  }, 60_000);

  it("shows nothing of root's where the log is a link by the time that it is read", async () => {
    await machine().must(["sh", "-c", "umask 077; echo root-knows-it >/secret"]);
    await host.writeFile(join(data, "postgresql.conf"), "max_connections = nonsense\n");
    const starting = service("start");
    await vi.waitFor(async () => expect(await host.readTail(log, 2000)).toMatch(/contains errors/), 15_000);
    await host.run(["ln", "-sf", "/secret", log]);
    const { code, said } = await starting;
    expect([code, said]).toEqual([
      1,
      expect.stringMatching(/has not started; the end of \S+start.log:\s.*Permission denied/),
    ]);
    expect(said).not.toContain("root-knows-it");
    await host.remove(log);
    await host.writeFile(join(data, "postgresql.conf"), "");
  }, 60_000);

  it("brings the server back after a power cut, when the host boots", async () => {
    expect((await service("start")).code).toBe(0);
    await closeSessions();
    await machine().powerCut();
    await machine().boot();
    net.control.know(net.hosts);
    expect(await service("status")).toEqual({ code: 0, said: "sispi runs" });
    expect((await service("stop")).code).toBe(0);
  }, 60_000);

  it("moves to other run levels, and is seen where somebody took it out of one", async () => {
    const other = { ...facts, runLevels: [2, 3] };
    expect((await readService(host, "sysv", other)).enabled).toBe(false);
    await installService(root, "sysv", other, { path: "/etc/init.d/sispi", maker: "pgsite" });
    expect((await readService(host, "sysv", other)).enabled).toBe(true);
    expect((await links()).filter((link) => link.includes("/S"))).toEqual(["rc2.d/S64sispi", "rc3.d/S64sispi"]);
    await machine().must(["rm", "/etc/rc3.d/S64sispi"]);
    expect((await readService(host, "sysv", other)).enabled).toBe(false);
  });

  it("uses one that is there and starts this data directory, and leaves any other alone", async () => {
    const own = { ...facts, name: "distribution" };
    const write = (text: string) => root.writeFile("/etc/init.d/distribution", text, { mode: 0o755 });
    await write(`#!/bin/sh\nPGDATA="${data}"\n`);
    expect((await readService(host, "sysv", own)).maker).toBe("own");
    await installService(root, "sysv", own, { path: "/etc/init.d/distribution", maker: "own" });
    expect((await host.readFile("/etc/init.d/distribution"))?.toString()).toBe(`#!/bin/sh\nPGDATA="${data}"\n`);
    expect((await readService(host, "sysv", own)).enabled).toBe(true);
    // An import finds it, and not ours, which has left these levels by now.
    await machine().must(["sh", "-c", "rm /etc/rc?.d/S64sispi"]);
    expect(await findService(host, data)).toEqual({ name: "distribution", runLevels: [3, 4, 5] });
    await write(`#!/bin/sh\nPGDATA="${data}_other"\n`);
    expect((await readService(host, "sysv", own)).maker).toBe("foreign");
    expect(await findService(host, data)).toBeUndefined();
  });

  it("is taken away without a trace, and nothing was executed that is only a name", async () => {
    await removeService(root, "sysv", facts, "/etc/init.d/sispi");
    expect(await readService(host, "sysv", facts)).toEqual({ path: "/etc/init.d/sispi", enabled: false });
    expect((await machine().run(["sh", "-c", "ls /etc/rc?.d | grep sispi"])).stdout).toBe("");
    expect(await host.stat("/pwned")).toBeUndefined();
  });
});
