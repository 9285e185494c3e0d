import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Become, Host } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { closeSessions } from "../../hosts/shell/sessions.js";
import { enter, leave } from "../support/here.js";
import { describeHost } from "../support/hostContract.js";
import { serverUser } from "../support/localSite.js";
import { type MultiHost, multiHost, whyNoHosts } from "../support/multihost.js";

const why = whyNoHosts();
const user = await serverUser();
let net: MultiHost;

beforeAll(async () => {
  if (why !== undefined) return;
  net = await multiHost(["server2", "server3"]);
  enter(net.control.env);
}, 60_000);

afterAll(async () => {
  await leave();
  await net?.close();
}, 60_000);

const over = (login: string, become?: Become, name = "server2"): Host =>
  hostOf({ name, transport: "ssh", address: net.host(name).address, user, login, ...(become && { become }) });

/** The same promises hold whichever way a host is reached. */
const ways: Readonly<Record<string, () => Host>> = {
  "this machine": () => hostOf({ name: "here", transport: "local", address: "", user }),
  "SSH, logged in as the OS user": () => over("postgres"),
  "SSH and sudo": () => over("admin"),
  "SSH as root and su": () => over("root"),
};

describe.skipIf(why !== undefined).each(Object.keys(ways))(
  `a host reached by way of %s${why ? ` (${why})` : ""}`,
  (way) => describeHost(ways[way] as () => Host, user),
);

describe.skipIf(why !== undefined)("hosts over SSH", () => {
  it("are the same machine where their address is the same, whoever logs in", () => {
    expect(over("admin").machine).toBe(over("root").machine);
    expect(over("admin").machine).not.toBe(over("admin", undefined, "server3").machine);
  });

  it("let nobody else read what programs make there", async () => {
    const made = `/tmp/${randomBytes(4).toString("hex")}`;
    const { stdout } = await over("admin").run(["sh", "-c", 'touch "$1" && stat -c %a "$1"', "sh", made]);
    expect(stdout).toBe("600\n");
  });

  it("end what was started there when our ends of the pipes are closed, as the kernel closes those of a process that is killed", async () => {
    const host = over("admin");
    await host.spawn(["sleep", "4321"]);
    const sleeping = () => [...net.host("server2").processes().values()].filter((line) => line.includes("4321"));
    expect(sleeping()).toHaveLength(1);
    await closeSessions();
    await vi.waitFor(() => expect(sleeping()).toEqual([]), 5000);
  });

  it("show no value in a list of processes, neither here nor there", async () => {
    const host = over("admin");
    const secret = randomBytes(12).toString("hex");
    const running = host.run(["sh", "-c", 'test -n "$SECRET" && cat >/dev/null && sleep 0.5'], {
      env: { SECRET: secret },
      input: secret,
    });
    const writing = host.writeFile(`/tmp/${randomBytes(4).toString("hex")}`, secret);
    const seen: string[] = [];
    const { code } = await Promise.race([
      running,
      (async () => {
        for (;;) {
          seen.push(...net.host("server2").processes().values());
          await sleep(5);
        }
      })(),
    ]);
    await writing;
    expect(code).toBe(0);
    expect(seen.length).toBeGreaterThan(100);
    expect(seen.filter((line) => line.includes(secret))).toEqual([]);
  });

  it("leave nothing of our environment with ssh, but what it uses and what is asked for", async () => {
    await closeSessions();
    await net.control.closeConnections();
    const ours = {
      CI_TOKEN: "zq9",
      PULUMI_CONFIG_PASSPHRASE: "zq9",
      OF_A_PROXY: "proxy",
      SSH_AUTH_SOCK: "/nonexistent/a",
    };
    Object.assign(process.env, ours, { PGSITE_PASS_ENVIRONMENT: "OF_A_PROXY" });
    try {
      expect((await over("admin").run(["true"])).code).toBe(0);
    } finally {
      for (const name of [...Object.keys(ours), "PGSITE_PASS_ENVIRONMENT"]) delete process.env[name];
    }
    // The one that stays has written its title over the list; it was the first of these, which pass on what they got.
    const kept = [...net.control.processes()].filter(([, words]) => /^(\S*\/)?ssh\0/.test(words));
    expect(kept.length).toBeGreaterThan(0);
    const environment = kept.map(([pid]) => readFileSync(`/proc/${pid}/environ`, "latin1")).join("");
    expect(environment).toContain("OF_A_PROXY=proxy\0");
    expect(environment).not.toMatch(/zq9|PULUMI/);
  });
});
