import { readFileSync } from "node:fs";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { readFacts } from "../../../servers/process/dryStartFacts.js";
import { dryStartScript } from "../../../servers/process/dryStartScript.js";

describe("what the script of a dry start prints", () => {
  it("is read as the kernel has it: sockets of others, memory that the server gives back, pools of huge pages", () => {
    const found = readFacts(
      [
        ...["scratch=/srv/data.pgsite/dry-start/Xy", "passed=yes", "code=1", "now=1780000000"],
        ...["MemTotal=1024", "Hugepagesize=2048", "overcommit=0", "pool=2048 10 2 5 1"],
        "map=7f0000000000-7f0000200000 rw-s 00000000 00:0f 1 /anon_hugepage (deleted)",
        "map=7f0000000000-7f0000001000 rw-s 00000000 00:01 1 /dev/zero (deleted)",
        ...["mine=11", "listens=0265007F:1538 11", "listens=0365007F:1538 12"],
        "listens=00000000000000000000000001000000:1538 13",
        ...["local=127.0.0.0/8", "local6=00000000000000000000000000000001", "nonlocal=0", "unprivileged=1024"],
        ...["name=db.internal", "is=db.internal 10.0.0.2", "name=nobody"],
        ...["folder=not writable /var/log/a folder", "folder=good /run/x", "socket=77 /run/x/.s.PGSQL.5432"],
        ...["log", "tried: FATAL:  22023: passed=no", "log", ""],
      ].join("\n"),
    );
    expect(found).toEqual({
      passed: true,
      exitCode: 1,
      now: 1_780_000_000,
      scratch: "/srv/data.pgsite/dry-start/Xy",
      log: "tried: FATAL:  22023: passed=no\nlog\n",
      memory: {
        ...{ total: 1024 * 1024, hugePageSize: 2048 * 1024, overcommit: 0 },
        hugePages: [{ size: 2048 * 1024, free: 10, reserved: 2, surplus: 4 }],
        held: 2 * 1024 * 1024 + 4096,
        heldHuge: 2 * 1024 * 1024,
      },
      network: {
        taken: [
          { address: "127.0.101.3", port: 5432 },
          { address: "0000:0000:0000:0000:0000:0000:0000:0001", port: 5432 },
        ],
        own: ["127.0.0.0/8", "0000:0000:0000:0000:0000:0000:0000:0001/128"],
        names: { "db.internal": ["10.0.0.2"], nobody: [] },
        unprivileged: 1024,
        anywhere: false,
      },
      folders: { "/var/log/a folder": "not writable", "/run/x": "good" },
      socketsTaken: { "/run/x/.s.PGSQL.5432": 77 },
    });
  });

  it("is nothing where it was cut off, and a reason where nothing was tried", () => {
    expect(readFacts("scratch=/x\npassed=yes\n")).toBeUndefined();
    expect(readFacts("untried=program\n")).toEqual({ untried: "program" });
  });

  it.skipIf(process.platform !== "linux")("has a number of the kernel's whole, and not its first digit", async () => {
    const [, asked = ""] = /^say now.*\n([\s\S]*?)^for pool in/m.exec(dryStartScript) ?? [];
    const { stdout } = await execa("sh", ["-c", `say() { printf '%s=%s\\n' "$1" "$2"; }\n${asked}`]);
    expect(stdout.split("\n")).toContain(`shmmax=${readFileSync("/proc/sys/kernel/shmmax", "utf8").trim()}`);
  });
});
