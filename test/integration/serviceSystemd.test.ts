import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Server } from "../../config/site.js";
import type { Host, HostSpec } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { closeSessions } from "../../hosts/shell/sessions.js";
import { findManager, installService, readService, removeService } from "../../installed/service/manager.js";
import { serviceFacts } from "../../installed/service/of.js";
import { processState, reloadServer, startServer } from "../../servers/process/process.js";
import { stopServer } from "../../servers/process/stop.js";
import { enter, leave } from "../support/here.js";
import { type MultiHost, multiHost, whyNoHosts } from "../support/multihost.js";
import { proof } from "../support/proof.js";

const why = whyNoHosts() ?? (existsSync("/lib/systemd/systemd") ? undefined : "not installed: systemd");
const data = "/raid2/it's é; touch /pwned";
const unit = "postgresql-server2.service";

let net: MultiHost;
let spec: HostSpec;
let host: Host;
let root: Host;
let server: Server;

beforeAll(async () => {
  if (why !== undefined) return;
  net = await multiHost(["server2"], { init: "systemd" });
  enter(net.control.env);
  const { address } = machine();
  spec = { name: "server2", transport: "ssh", address, login: "root", user: "postgres" };
  host = hostOf(spec);
  root = hostOf({ ...spec, user: "root" });
  server = {
    name: "server2",
    role: "primary",
    host: spec,
    address,
    port: 5432,
    version: "15",
    dataDirectory: data,
    controlDirectory: "/raid2/control",
    binDirectory: "/usr/lib/postgresql/15/bin",
    passfile: "/raid2/control/passfile",
    proof: proof(),
    hotStandby: true,
    settings: { unix_socket_directories: "/run/of-sispi" },
    files: {},
    service: { name: "postgresql-server2", manager: "auto", runLevels: [2, 3, 4, 5] },
    disposable: false,
  };
  await machine().must(["install", "-d", "-o", "postgres", "/raid2", "/raid2/control", "/run/of-sispi"]);
  const { code } = await host.run([join(server.binDirectory, "initdb"), "-D", data, "--no-sync", "--auth=trust"]);
  expect(code).toBe(0);
  const settings = [`listen_addresses = '${address}'`, "unix_socket_directories = '/run/of-sispi'", ""].join("\n");
  await host.writeFile(join(data, "postgresql.auto.conf"), settings);
}, 180_000);

afterAll(async () => {
  await leave();
  await net?.close();
}, 60_000);

const machine = () => net.host("server2");
const facts = () => serviceFacts("sispi", server);
const active = async () => (await machine().run(["systemctl", "is-active", unit])).stdout.trim();
const state = () => processState(host, data);

describe.skipIf(why !== undefined)(`a service under systemd${why ? ` (${why})` : ""}`, () => {
  it("is a unit, enabled", async () => {
    expect(await findManager(host)).toBe("systemd");
    await installService(root, "systemd", facts(), { path: `/etc/systemd/system/${unit}` });
    expect(await readService(host, "systemd", facts())).toMatchObject({ maker: "pgsite", enabled: true });
    expect((await machine().run(["systemctl", "is-enabled", unit])).stdout.trim()).toBe("enabled");
    expect(await active()).toBe("inactive");
  });

  it("starts a server by it, and systemd sees that it is stopped", async () => {
    expect((await startServer(host, server)).alreadyRunning).toBe(false);
    expect(await active()).toBe("active");
    const running = await state();
    const main = await machine().must(["systemctl", "show", "-P", "MainPID", unit]);
    expect(running).toMatchObject({ kind: "running", pid: Number(main) });
    await reloadServer(host, server);
    expect(await state()).toEqual(running);
    await stopServer(host, server);
    expect(await active()).toBe("inactive");
  }, 60_000);

  it("says why, where the server does not start", async () => {
    await host.writeFile(join(data, "postgresql.conf"), "max_connections = nonsense\n");
    await expect(startServer(host, server, { deadline: 20_000 })).rejects.toThrow(
      /server2 does not start: FATAL: +configuration file ".*postgresql.conf" contains errors/,
    );
    await host.writeFile(join(data, "postgresql.conf"), "");
  }, 60_000);

  it("brings the server back after a power cut, when the host boots", async () => {
    await startServer(host, server);
    await closeSessions();
    await machine().powerCut();
    await machine().boot();
    net.control.know(net.hosts);
    await vi.waitFor(async () => expect(await state()).toMatchObject({ kind: "running", status: "ready" }), 20_000);
    expect(await active()).toBe("active");
    await stopServer(host, server);
  }, 90_000);

  it("leaves folders of sockets that are there, makes those that are missing, and gives nothing away through a link", async () => {
    const missing = ["/run/of 'sispi'", "/run/new/of sispi", "/raid2/run"];
    const socketFolders = ["/tmp", "/raid2/etc", "/raid2/etc/below", "/raid2/nothing", ...missing];
    await machine().must(["sh", "-c", "install -d -m 755 /stand-in && chown root: /tmp && chmod 1777 /tmp"]);
    await host.run(["ln", "-s", "/stand-in", "/raid2/etc"]);
    await host.run(["ln", "-s", "/stand-in/nothing", "/raid2/nothing"]);
    const path = `/etc/systemd/system/${unit}`;
    await installService(root, "systemd", { ...facts(), socketFolders }, { path, maker: "pgsite" });
    for (const _ of ["made", "left as it is"]) {
      await machine().must(["systemctl", "start", unit]);
      await vi.waitFor(async () => expect(await state()).toMatchObject({ status: "ready" }), 20_000);
      const looks = await machine().must(["stat", "-c", "%a %U %n", "/tmp", "/stand-in", ...missing]);
      expect(looks.trim().split("\n")).toEqual([
        "1777 root /tmp",
        "755 root /stand-in",
        ...missing.map((folder) => `755 postgres ${folder}`),
      ]);
      expect(await host.list("/stand-in")).toEqual([]);
      await machine().must(["systemctl", "stop", unit]);
    }
    // What its owner made of it stays.
    await machine().must(["chmod", "2770", missing[0] as string]);
    await machine().must(["systemctl", "start", unit]);
    expect(await machine().must(["stat", "-c", "%a", missing[0] as string])).toBe("2770\n");
    await machine().must(["systemctl", "stop", unit]);
    await installService(root, "systemd", facts(), { path, maker: "pgsite" });
  }, 90_000);

  it("uses a unit that is there and starts this data directory, and leaves any other alone", async () => {
    const own = { ...facts(), name: "distribution" };
    const path = "/usr/lib/systemd/system/distribution.service";
    await root.writeFile(path, "[Service]\nEnvironment=PGDATA=/var/lib/pgsql/15/data\n", { mode: 0o644 });
    expect((await readService(host, "systemd", own)).maker).toBe("foreign");
    await root.makeDirectory("/etc/systemd/system/distribution.service.d", 0o755);
    const dropIn = "/etc/systemd/system/distribution.service.d/data.conf";
    await root.writeFile(dropIn, `[Service]\nEnvironment="PGDATA=${data}"\n`, { mode: 0o644 });
    expect(await readService(host, "systemd", own)).toMatchObject({ maker: "own", path });
  });

  it("is taken away without a trace, and nothing was executed that is only a name", async () => {
    await removeService(root, "systemd", facts(), `/etc/systemd/system/${unit}`);
    expect((await readService(host, "systemd", facts())).maker).toBeUndefined();
    expect((await machine().run(["systemctl", "is-enabled", unit])).code).not.toBe(0);
    expect(await host.stat("/pwned")).toBeUndefined();
  });
});
