import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { firstProcess } from "../../installed/service/container.js";
import type { ServiceFacts } from "../../installed/service/facts.js";
import { renderScript } from "../../installed/service/script.js";
import { renderUnit } from "../../installed/service/unit.js";

const facts: ServiceFacts = {
  name: "postgresql",
  site: "sispi",
  server: "server2",
  user: "postgres",
  dataDirectory: "/raid2/database/sispi_db",
  controlDirectory: "/raid2/database/sispi_db.pgsite",
  binDirectory: "/usr/pgsql-9.0/bin",
  passfile: "/raid2/database/sispi_db.pgsite/passfile",
  socketFolders: ["/run/postgresql"],
  runLevels: [3, 4, 5],
};

/** What no shell and no systemd may take for anything but a name. */
const hostile = [
  "/a b/it's",
  "/$(touch /tmp/pwned)",
  "/`id`",
  "/-x",
  '/"q"',
  "/back\\slash",
  "/100%d",
  "/$HOME",
  "/é",
  "/nl\nnl",
];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pgsite-services-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const has = async (program: string) =>
  (await execa("sh", ["-c", `command -v ${program}`], { reject: false })).exitCode === 0;

describe("a System V script", () => {
  it("names its run levels for chkconfig, and for whoever reads the Linux Standard Base's heading", () => {
    const lines = renderScript(facts).split("\n");
    expect(lines).toContain("# Default-Start:     3 4 5");
    expect(lines).toContain("# Default-Stop:      0 1 2 6");
    expect(lines).toContain("# chkconfig: 345 64 36");
    expect(lines[1]).toBe("# Written by pgsite: server server2 of the site sispi.");
  });

  it("has nothing that shellcheck finds, whatever the paths are", async (context) => {
    if (!(await has("shellcheck"))) context.skip();
    for (const [index, path] of ["/raid2/db", ...hostile].entries()) {
      const file = join(folder, `script${index}`);
      writeFileSync(
        file,
        renderScript({ ...facts, dataDirectory: path, binDirectory: `${path}/bin`, socketFolders: [path] }),
      );
      expect((await execa("shellcheck", [file], { reject: false })).stdout).toBe("");
    }
    const file = join(folder, "compiled-in");
    writeFileSync(file, renderScript({ ...facts, socketFolders: "compiled in" }));
    expect((await execa("shellcheck", [file], { reject: false })).stdout).toBe("");
  });

  it("finds the folder that is compiled in by reading the program, and takes none but those of packages", async () => {
    const found = async (content: string) => {
      const bin = join(folder, "bin");
      mkdirSync(bin, { recursive: true });
      writeFileSync(join(bin, "postgres"), content);
      const { username: user } = userInfo();
      const text = renderScript({ ...facts, user, binDirectory: bin, socketFolders: "compiled in" });
      const until = text.slice(0, text.indexOf("running()"));
      const finding = text.slice(text.indexOf("  folder=$(as_user"), text.indexOf("  for folder; do"));
      return (await execa("sh", ["-c", `${until}\n${finding}\nprintf '%s|' "$#" "$@"`])).stdout;
    };
    expect(await found("x\0/var/run/postgresql\0y")).toBe("1|/var/run/postgresql|");
    expect(await found("x\0/run/postgresql, /tmp\0y")).toBe("1|/run/postgresql|");
    expect(await found("x\0/tmp\0y")).toBe("0|");
  });

  it("hands a path on as it is, whatever is in it", async () => {
    // The heading's variables, as the script's own shell has them.
    for (const path of hostile) {
      const text = renderScript({ ...facts, dataDirectory: path });
      const heading = text.slice(0, text.indexOf("as_user()"));
      const { stdout } = await execa("sh", ["-c", `${heading}\nsh -c 'printf "%s" "$data"'`]);
      expect(stdout).toBe(path);
    }
  });
});

describe("a systemd unit", () => {
  it("starts the server itself, stops it by the fast shutdown, and puts no limit on a recovery", () => {
    const lines = renderUnit(facts).split("\n");
    expect(lines).toContain(
      'ExecStart=/bin/sh -c "[ ! -x \\"$$3\\" ] || \\"$$3\\"; [ \\"$$?\\" != 3 ] || exit 3; exec \\"$$0\\" -D \\"$$1\\" >>\\"$$2\\" 2>&1" /usr/pgsql-9.0/bin/postgres /raid2/database/sispi_db /raid2/database/sispi_db.pgsite/start.log /raid2/database/sispi_db.pgsite/runbook/guard',
    );
    // A primary that was superseded is not tried again.
    expect(lines).toContain("RestartPreventExitStatus=3");
    expect(lines).toContain("KillSignal=SIGINT");
    expect(lines).toContain("TimeoutSec=infinity");
    expect(lines.filter((line) => line.startsWith("ExecStartPre=+")).map((line) => line.slice(-25))).toEqual([
      " postgres /run/postgresql",
    ]);
  });

  it("is one that systemd takes, whatever the paths are", async (context) => {
    if (!(await has("systemd-analyze"))) context.skip();
    const user = "root"; // systemd looks it up.
    for (const [index, path] of hostile.filter((one) => !one.includes("\n")).entries()) {
      const file = join(folder, `test${index}.service`);
      writeFileSync(
        file,
        renderUnit({ ...facts, user, dataDirectory: path, binDirectory: "/usr/bin" }).replaceAll(
          "/usr/bin/pg_ctl",
          "/bin/true",
        ),
      );
      const { stdout, stderr, exitCode } = await execa("systemd-analyze", ["verify", "--man=no", file], {
        reject: false,
      });
      expect({ exitCode, said: stdout + stderr, path }).toEqual({ exitCode: 0, said: "", path });
    }
  }, 60_000);
});

describe("the first process of a container", () => {
  const [shell, option, script, ...rest] = firstProcess({
    osUser: "postgres",
    folder: "/a b/it's",
    dataDirectories: ["/a b/it's/data"],
    services: ["postgresql-db1", "postgresql-db2"],
  });

  it("is told names and paths as words, so that its script is the same for all", () => {
    expect([shell, option, ...rest]).toEqual([
      "/bin/sh",
      "-c",
      "sh",
      "postgres",
      "/a b/it's",
      "/a b/it's/data",
      "--",
      "postgresql-db1",
      "postgresql-db2",
    ]);
  });

  it("has nothing that shellcheck finds", async (context) => {
    if (!(await has("shellcheck"))) context.skip();
    const file = join(folder, "first-process");
    writeFileSync(file, `#!/bin/sh\n${script}\n`);
    expect((await execa("shellcheck", [file], { reject: false })).stdout).toBe("");
  });
});
