import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { type Host, type HostSpec, HostUnreachable } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { closeSessions } from "../../hosts/shell/sessions.js";
import { enter, leave } from "../support/here.js";
import { type MultiHost, multiHost, whyNoHosts } from "../support/multihost.js";

const why = whyNoHosts();
let net: MultiHost;

beforeAll(async () => {
  if (why !== undefined) return;
  net = await multiHost(["server2", "server3"]);
  enter(net.control.env);
}, 60_000);

afterEach(async () => {
  await closeSessions();
  net?.control.know(net.hosts);
});

afterAll(async () => {
  await leave();
  await net?.close();
}, 60_000);

const over = (more: Partial<HostSpec> = {}): Host => {
  const { address } = net.host("server2");
  return hostOf({ name: "server2", transport: "ssh", address, user: "postgres", ...more });
};

/** What a host that cannot be reached says, in one line, and how long that took. */
async function refusal(act: Promise<unknown>): Promise<{ message: string; seconds: number }> {
  const started = Date.now();
  const error = await act.then(
    () => new Error("it was reached"),
    (error: Error) => error,
  );
  expect(error).toBeInstanceOf(HostUnreachable);
  expect(error.message).not.toContain("\n");
  return { message: error.message, seconds: (Date.now() - started) / 1000 };
}

const asked = (host: Host) => refusal(host.stat("/etc"));

/** Whether sshd has let anybody in since a moment that `since` remembers. */
const logins = async () =>
  (await net.host("server2").must(["cat", "/var/log/sshd.log"])).split("Accepted publickey").length;

describe.skipIf(why !== undefined)(`a host that cannot be reached${why ? ` (${why})` : ""}`, () => {
  it("has a key that is not known: nobody logs in, and it is said how to check and add it", async () => {
    writeFileSync(join(net.control.sshFolder, "known_hosts"), "");
    const before = await logins();
    const { message, seconds } = await asked(over());
    expect(message).toBe(
      `server2 cannot be reached: its host key is not known here: run ssh ${net.host("server2").address} once by hand, compare the fingerprint that it shows with what ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub says on the host, and accept it`,
    );
    expect(seconds).toBeLessThan(3);
    expect(await logins()).toBe(before);
  });

  it("has another key than it had: nobody logs in, and it is said what that can mean", async () => {
    const { address } = net.host("server2");
    const other = net.host("server3").hostKey;
    writeFileSync(join(net.control.sshFolder, "known_hosts"), `${address} ${other}\n`);
    const before = await logins();
    const { message, seconds } = await asked(over());
    expect(message).toMatch(
      /^server2 cannot be reached: its host key has changed: it was installed anew, or somebody stands in between\. /,
    );
    expect(message).toContain(`ssh-keygen -R '${address}'`);
    expect(seconds).toBeLessThan(3);
    expect(await logins()).toBe(before);
  });

  it("takes the connection and says nothing", async () => {
    const silent = net.host("server3");
    const script = 'require("node:net").createServer(() => {}).listen(2222, "0.0.0.0", () => console.log("listens"))';
    const running = silent.run([process.execPath, "-e", script], { seconds: 60 }).catch(() => undefined);
    await vi.waitFor(
      async () => expect((await silent.run(["grep", "-q", ":08AE 00000000:0000 0A", "/proc/net/tcp"])).code).toBe(0),
      5000,
    );
    net.control.configure(`Host silent\n  HostName ${silent.address}\n  Port 2222\n`);
    const { message, seconds } = await asked(over({ ssh: "silent" }));
    expect(message).toMatch(/^server2 cannot be reached: no answer within 5 s from silent: /);
    expect(seconds).toBeLessThan(8);
    for (const [pid, line] of silent.processes()) if (line.includes("createServer")) process.kill(pid, "SIGKILL");
    await running;
  }, 20_000);

  it("is switched off, and several are asked at once", async () => {
    const nobody = Array.from({ length: 6 }, (_, index) => {
      const address = net.host("server2").address.replace(/\d+$/, `${200 + index}`);
      return asked(over({ name: `off${index}`, address }));
    });
    const answers = await Promise.all(nobody);
    for (const { message, seconds } of answers) {
      expect(message).toMatch(/there is no way to|no answer within 5 s/);
      expect(seconds).toBeLessThan(8);
    }
  }, 20_000);

  it("lets nobody in with our keys", async () => {
    const { message, seconds } = await asked(over({ login: "nobody" }));
    expect(message).toBe(
      `server2 cannot be reached: permission denied for nobody@${net.host("server2").address} (it takes publickey): put a public key of yours into that user's ~/.ssh/authorized_keys there, or name another user in hosts.server2.login; ssh -l nobody ${net.host("server2").address} must work without a question`,
    );
    expect(seconds).toBeLessThan(3);
  });

  it.each([undefined, "sudo"] as const)("refuses sudo (become: %s)", async (become) => {
    const { message, seconds } = await asked(over({ login: "guest", become }));
    expect(message).toBe(
      "server2 cannot be reached: sudo to postgres was refused there: allow it without a password and terminal (visudo: LOGIN ALL=(postgres) NOPASSWD: /bin/sh), or log in as postgres or root (hosts.server2.login)",
    );
    expect(seconds).toBeLessThan(5);
  });

  it("refuses su to whoever is not root", async () => {
    const { message } = await asked(over({ login: "guest", become: "su" }));
    expect(message).toBe(
      "server2 cannot be reached: su to postgres was refused there: su takes a login as root (hosts.server2.login: root)",
    );
  });

  it("has nobody become its OS user where that is wanted", async () => {
    const { message } = await asked(over({ login: "guest", become: "none" }));
    expect(message).toBe(
      "server2 cannot be reached: we are guest there, and its OS user is postgres: log in as postgres (hosts.server2.login), or let hosts.server2.become be sudo or su",
    );
  });

  it.each(["root", "admin"])("has no such OS user (login %s)", async (login) => {
    const { message } = await asked(over({ login, user: "nosuchuser" }));
    expect(message).toBe(
      "server2 cannot be reached: it has no OS user nosuchuser: create it there, or name another in osUser",
    );
  });

  it("has a name that nobody knows", async () => {
    const { message, seconds } = await asked(over({ address: "no-such-host.invalid" }));
    expect(message).toBe(
      "server2 cannot be reached: its name no-such-host.invalid cannot be resolved: correct hosts.server2 in the stack file, or name it in ~/.ssh/config or DNS",
    );
    expect(seconds).toBeLessThan(8);
  }, 15_000);

  it("listens on another port", async () => {
    net.control.configure(`Host closed\n  HostName ${net.host("server2").address}\n  Port 65535\n`);
    const { message } = await asked(over({ ssh: "closed" }));
    expect(message).toBe(
      `server2 cannot be reached: nothing listens on port 65535 of ${net.host("server2").address}: start sshd there, or give ssh its port in ~/.ssh/config`,
    );
  });

  it("prints something before every program", async () => {
    await net.host("server2").must(["sh", "-c", "echo 'echo welcome' >/home/guest/.bashrc"]);
    const { message } = await asked(over({ login: "guest", user: "guest" }));
    expect(message).toContain('its login shell prints on standard output ("welcome")');
  });
});

describe.skipIf(why !== undefined)("a connection that is cut", () => {
  it("in the middle of a program is told apart from a program that fails, also with exit code 255", async () => {
    const host = over();
    expect((await host.run(["sh", "-c", "exit 255"])).code).toBe(255);
    const program = await host.spawn(["sleep", "1000"]);
    const cut = refusal(program.ended);
    await net.host("server2").must(["sh", "-c", "kill -KILL $(pgrep -f '^sshd: admin')"]);
    const { message, seconds } = await cut;
    expect(message).toMatch(/^server2 cannot be reached: the connection to \S+ was cut/);
    expect(seconds).toBeLessThan(5);
  });

  it("by a host that loses its power is noticed within 20 s, and the host is reached again when it is back", async () => {
    const host = over();
    const program = await host.spawn(["sleep", "1000"]);
    const cut = refusal(program.ended);
    await net.host("server2").powerCut();
    const { message, seconds } = await cut;
    expect(message).toMatch(/^server2 cannot be reached: the connection to \S+ was cut/);
    expect(seconds).toBeLessThan(22);
    await net.host("server2").boot();
    await sleep(5000);
    expect((await host.run(["id", "-un"])).stdout).toBe("postgres\n");
  }, 40_000);

  it("and back before anybody asks is not noticed at all", async () => {
    const host = over();
    expect((await host.stat("/etc"))?.type).toBe("directory");
    await net.host("server2").powerCut();
    await net.host("server2").boot();
    const started = Date.now();
    expect((await host.run(["id", "-un"])).stdout).toBe("postgres\n");
    expect(Date.now() - started).toBeLessThan(8000);
  }, 30_000);

  it("while a file is written leaves the old one as it is", async () => {
    const host = over();
    const path = `/tmp/${randomBytes(4).toString("hex")}`;
    await host.writeFile(path, "old");
    const writing = refusal(host.writeFile(path, randomBytes(50_000_000)));
    await vi.waitFor(async () => expect(await net.host("server2").must(["ls", "-A", "/tmp"])).toContain("pgsite-new"), {
      timeout: 5000,
      interval: 10,
    });
    await net.host("server2").must(["sh", "-c", "kill -KILL $(pgrep -f '^sshd: admin')"]);
    await writing;
    expect((await over().readFile(path))?.toString()).toBe("old");
    await vi.waitFor(
      async () => expect(await net.host("server2").must(["ls", "-A", "/tmp"])).not.toContain("pgsite-new"),
      5000,
    );
  }, 30_000);
});

describe.skipIf(why !== undefined)("~/.ssh/config", () => {
  it("names a host, its user and a jump host", async () => {
    const [target, jump] = [net.host("server2"), net.host("server3")];
    net.control.configure(
      `Host primary\n  HostName ${target.address}\n  User root\n  ProxyJump admin@${jump.address}\n`,
    );
    const host = over({ ssh: "primary" });
    expect((await host.run(["sh", "-c", 'id -un; echo "$SSH_CLIENT"'])).stdout).toBe(
      `postgres\n${jump.address} ${(await host.run(["sh", "-c", 'echo "$SSH_CLIENT"'])).stdout.split(" ").slice(1).join(" ")}`,
    );
  }, 20_000);

  it("cannot take away that host keys are checked, nor lend our agent", async () => {
    net.control.configure("Host *\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  ForwardAgent yes\n");
    const { message } = await asked(over());
    expect(message).toContain("its host key is not known here");
  });
});
