import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MultiHost, multiHost, whyNoHosts } from "../support/multihost.js";
import { runs, until } from "../support/processes.js";

const why = whyNoHosts();
let net: MultiHost;

beforeAll(async () => {
  if (why === undefined) net = await multiHost(["server2", "server3"]);
}, 60_000);

afterAll(() => net?.close(), 60_000);

describe.skipIf(why !== undefined)(`hosts of a test${why ? ` (${why})` : ""}`, () => {
  it("have names, addresses, processes and files of their own, and what this machine has", async () => {
    const [one, other] = [net.host("server2"), net.host("server3")];
    expect(await one.must(["hostname"])).toBe("server2\n");
    expect(await one.must(["ip", "-o", "-4", "address", "show", "eth0"])).toContain(` ${one.address}/24 `);
    await one.must(["sh", "-c", "echo here >/srv/only"]);
    expect((await other.run(["cat", "/srv/only"])).code).not.toBe(0);
    expect(existsSync("/srv/only")).toBe(false);
    expect([...one.processes().values()].some((line) => line.includes("sshd"))).toBe(true);
    expect(await other.must(["sh", "-c", "ls /proc | grep -c '^[0-9]'"])).toMatch(/^\d{1,2}\n$/);
    expect(await one.must(["rsync", "--version"])).toContain("rsync");
  });

  it("see each other under their addresses, and are logged in to from the machine that runs Pulumi", async () => {
    const [one, other] = [net.host("server2"), net.host("server3")];
    const { stdout } = await net.control.run(["ssh", "server3", "echo $SSH_CLIENT; hostname"]);
    expect(stdout).toMatch(new RegExp(`^${net.control.address.replaceAll(".", "\\.")} .*\nserver3\n$`));
    const reached = `exec 3<>/dev/tcp/${other.address}/22 && head -c 7 <&3`;
    expect(await one.must(["bash", "-c", reached])).toBe("SSH-2.0");
  });

  it("reach nobody outside", async () => {
    for (const where of [net.host("server2"), net.control]) {
      expect((await where.run(["ip", "route", "get", "192.0.2.2"])).stderr).toContain("unreachable");
    }
  });

  it("keep their disk over a power cut, and start what run level 3 starts", async () => {
    const host = net.host("server2");
    const script = "#!/bin/sh\necho started with $1 >>/srv/started\n";
    await host.must(["sh", "-c", "cat >/etc/rc3.d/S20test && chmod +x /etc/rc3.d/S20test"], { input: script });
    const before = host.pid;
    await host.powerCut();
    expect(runs(before)).toBe(false);
    await host.boot();
    expect(await host.must(["cat", "/srv/started"])).toBe("started with start\n");
    expect((await net.control.run(["ssh", "server2", "hostname"])).stdout).toBe("server2\n");
  });

  it("lose their cable and get it back, with what was connected", async () => {
    const host = net.host("server3");
    const reached = () => net.control.run(["ssh", "-o", "ConnectTimeout=1", "server3", "hostname"]);
    await host.unplug();
    expect((await reached()).code).toBe(255);
    await host.plug();
    expect((await reached()).stdout).toBe("server3\n");
  });

  it("leave nothing: no process, no mount, no interface, no file", async () => {
    const more = await multiHost(["server2"]);
    const { pid } = more.host("server2");
    const folder = dirname(more.control.bin);
    await more.close();
    expect(runs(pid)).toBe(false);
    expect(existsSync(folder)).toBe(false);
    expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain("pgsh-");
    expect(readdirSync("/sys/class/net").filter((name) => /^(bridge|control|server)/.test(name))).toEqual([]);
    const mine = () =>
      readdirSync("/proc").filter((other) => {
        try {
          return /^\d+$/.test(other) && readFileSync(`/proc/${other}/cmdline`, "utf8").includes(folder);
        } catch {
          return false;
        }
      });
    await until("the end of all processes", () => mine().length === 0, 5);
  });
});
