import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BackedUp } from "../support/backedUp.js";
import { haveClients, OwnServer } from "../support/ownServer.js";
import { contentOf } from "../support/restored.js";

/* A place on another host, by a real sshd: its runs are listed, fetched, drilled there and said to be verified there; it may be away. */

const address = "127.0.152.9";
const port = 2252;
const databases = ["decam", "desbrdev", "decamcrl"];
const can = haveClients() && userInfo().uid === 0 && existsSync("/usr/sbin/sshd");

describe.skipIf(!can)("a place on another host", () => {
  let site: BackedUp;
  let other: OwnServer;
  let sshd: ChildProcess;
  let run = "";
  let env: NodeJS.ProcessEnv = {};
  const far = () => join(site.server.folder, "far away's");

  beforeAll(async () => {
    [site, other] = await Promise.all([BackedUp.make({ rows: 200 }), OwnServer.make()]);
    const { events } = await site.backup();
    run = events.find(([word]) => word === "made")?.[1] ?? "";
    const { folder, uid, gid } = site.server;
    for (const name of ["host", "key"])
      execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, name)]);
    chownSync(join(folder, "key"), uid, gid);
    const lines = {
      ListenAddress: `${address}:${port}`,
      HostKey: join(folder, "host"),
      AuthorizedKeysFile: join(folder, "key.pub"),
      StrictModes: "no",
      PidFile: "none",
      UsePAM: "no",
      PermitRootLogin: "yes",
    };
    writeFileSync(
      join(folder, "sshd"),
      Object.entries(lines)
        .map(([key, value]) => `${key} ${value}\n`)
        .join(""),
    );
    mkdirSync("/run/sshd", { recursive: true });
    sshd = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", join(folder, "sshd")], { stdio: "ignore" });
    // The server's OS user has a home of its own, where no test writes known hosts.
    mkdirSync(join(folder, "bin"));
    const hostKey = readFileSync(join(folder, "host.pub"), "utf8").split(" ").slice(0, 2).join(" ");
    writeFileSync(join(folder, "known"), `[${address}]:${port} ${hostKey}\n`);
    const ssh = join(folder, "bin", "ssh");
    writeFileSync(ssh, `#!/bin/sh\nexec /usr/bin/ssh -o UserKnownHostsFile='${join(folder, "known")}' "$@"\n`);
    chmodSync(ssh, 0o755);
    env = { PATH: `${join(folder, "bin")}:${process.env.PATH}` };
    const by = { user: "root", address, port, key: join(folder, "key") };
    await site.install({
      places: [
        { name: "far", folder: far(), foreign: false, ssh: by },
        { name: "gone", folder: "/nowhere", foreign: false, ssh: { ...by, address: "127.0.152.8" } },
      ],
    });
    cpSync(join(site.folder, run), join(far(), run), { recursive: true });
    await sleep(500);
  }, 120_000);

  afterAll(async () => {
    sshd?.kill();
    await Promise.all([site?.close(), other?.close()]);
  }, 60_000);

  it("lists its runs, and says of one that is away that it is", async () => {
    const { code, events } = await site.run("runs", [], env);
    expect(code).toBe(1);
    expect(events).toContainEqual(expect.arrayContaining(["run", "far", run, "whole"]));
    expect(events).toContainEqual(["unreachable", "gone", expect.stringContaining("Connection refused")]);
  });

  it("is what a drill and a restore are made from, when nothing else is left", async () => {
    const whole = await contentOf(site.server, databases);
    rmSync(join(site.folder, run), { recursive: true });
    const drill = await site.run("drill", [], env);
    expect(drill.events.at(-1)?.slice(0, 2)).toEqual(["end", "equal"]);
    expect(readFileSync(join(far(), run, "verified"), "utf8")).toContain("server\tserver2");
    const restore = await site.run(
      "restore",
      ["--globals", "--replace", "--server", `${other.sockets}:${other.port}`],
      env,
    );
    expect(restore.stderr).toBe("");
    expect(restore.code).toBe(0);
    expect(await contentOf(other, databases)).toEqual(whole);
    expect(readdirSync(join(site.control, "jobs")).filter((name) => name.startsWith("fetched"))).toEqual([]);
  }, 120_000);
});
