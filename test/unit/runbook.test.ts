import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { resolveStack } from "../../config/resolve.js";
import { runbookFacts } from "../../installed/runbook/facts.js";
import { programs, type RunbookFacts, renderRunbook, shared } from "../../installed/runbook/render.js";
import { checkout } from "../../toolchain/paths.mjs";

const scripts = [...shared, ...programs];
const shellScripts = scripts.filter((name) => name !== "messages" && !name.endsWith(".awk"));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pgsite-runbook-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A site of three, of which the one that is named is the primary. */
function site(version: string, primary = "server2") {
  const { stack, problems } = resolveStack("test", {
    "pgsite:site": "sispi",
    "pgsite:postgresql": version,
    "pgsite:primary": primary,
    "pgsite:authentication": "md5",
    "pgsite:hosts": JSON.stringify({ server2: "10.0.0.2", server3: "10.0.0.3", server4: "10.0.0.4" }),
    "pgsite:servers": JSON.stringify({
      server2: { dataDirectory: "/raid2/it's (data)" },
      server3: {
        dataDirectory: "/raid3/db",
        applicationName: "15/main",
        settings: { trigger_file: "/raid3/it's \\ trigger" },
      },
      server4: { dataDirectory: "/raid4/db" },
    }),
    "pgsite:settings": JSON.stringify({
      work_mem: "64MB",
      logging_collector: true,
      "app.motto": "primary_conninfo = ''",
    }),
  });
  if (stack === undefined) throw new Error(JSON.stringify(problems));
  const of = (name: string) => {
    const server = stack.site.servers.find((one) => one.name === name);
    const inputs = stack.inputs[name];
    if (server === undefined || inputs === undefined) throw new Error(`there is no ${name}`);
    return { server, facts: runbookFacts(server, inputs) as RunbookFacts };
  };
  return of;
}

/** The runbook as it lies on a host, its data directory and control directory below `at`. */
function install(facts: RunbookFacts, at: string): { readonly facts: RunbookFacts; readonly runbook: string } {
  const dataDirectory = `${at}/data`;
  const controlDirectory = `${dataDirectory}.pgsite`;
  const user = userInfo().username;
  const moved = { ...facts, dataDirectory, controlDirectory, passfile: `${controlDirectory}/passfile`, user };
  const runbook = join(controlDirectory, "runbook");
  mkdirSync(runbook, { recursive: true });
  mkdirSync(join(dataDirectory, "global"), { recursive: true });
  for (const name of scripts) copyFileSync(join(checkout, "installed", "runbook", name), join(runbook, name));
  for (const name of programs) chmodSync(join(runbook, name), 0o700);
  for (const [name, text] of Object.entries(renderRunbook(moved))) writeFileSync(join(runbook, name), text);
  return { facts: moved, runbook };
}

/** Runs shell text that knows what the scripts share. */
async function shell(runbook: string, text: string, ...args: readonly string[]): Promise<string> {
  const script = `here=$1; shift; . "$here/common.sh"\n${text}`;
  return (await execa("sh", ["-c", script, "sh", runbook, ...args], { stripFinalNewline: false })).stdout;
}

describe("the runbook's scripts", () => {
  it("have nothing that shellcheck finds", { timeout: 60_000 }, async (context) => {
    const has = (await execa("sh", ["-c", "command -v shellcheck"], { reject: false })).exitCode === 0;
    if (!has) context.skip("shellcheck is not here");
    const { stdout } = await execa("shellcheck", ["-x", ...shellScripts], {
      cwd: join(checkout, "installed", "runbook"),
      reject: false,
    });
    expect(stdout).toBe("");
  });

  it("help, say what they do not understand, and run for the OS user alone", async () => {
    const { facts } = site("15")("server3");
    const { runbook } = install({ ...facts }, join(folder, "help"));
    for (const name of programs) {
      const { stdout } = await execa(join(runbook, name), ["--help"]);
      expect(stdout).toMatch(new RegExp(`^usage: ${name} `));
      const wrong = await execa(join(runbook, name), ["--nonsense"], { reject: false });
      expect([wrong.exitCode, wrong.stderr]).toEqual([2, `${name}: what is --nonsense? (see ${name} --help)`]);
    }
    const stranger = await execa(join(runbook, "repoint"), ["server9"], { reject: false });
    expect([stranger.exitCode, stranger.stderr]).toEqual([
      2,
      "repoint: server9 is none of server3's peers: server2 server4 (see repoint --help)",
    ]);
    const settings = join(runbook, "settings");
    writeFileSync(settings, readFileSync(settings, "utf8").replace(/^user=.*$/m, "user='nobody-else'"));
    const other = await execa(join(runbook, "failover"), [], { reject: false });
    expect(other.exitCode).toBe(3);
    expect(other.stderr).toMatch(/^failover: refused: this is for the OS user nobody-else: .*Nothing was changed$/);
  });
});

describe("what the scripts print of somebody else's", () => {
  it("holds nothing that a terminal obeys", async () => {
    const { runbook } = install({ ...site("15")("server3").facts }, join(folder, "plain"));
    const words = "FATAL: \x1b[2J\x07\u202eevil\u0085 \u200b\ufeff\u2066 Zürich ✓ 😀\ttab\nline";
    const said = "FATAL: ?[2J??evil? ??? Zürich ✓ 😀\ttab\nline\n";
    expect(await shell(runbook, 'say "$1"', words)).toBe(said);
    expect(await shell(runbook, 'script=x; warn "$1" 2>&1', words)).toBe(`x: ${said}`);
  });
});

describe("what the scripts know", () => {
  it("is the same whatever the server's role, so that a change of role changes none of it", () => {
    for (const version of ["9.0", "11", "15"]) {
      for (const name of ["server2", "server3", "server4"]) {
        const rendered = ["server2", "server3"].map((primary) => renderRunbook(site(version, primary)(name).facts));
        expect(rendered[0]).toEqual(rendered[1]);
      }
    }
  });

  it("is whom a hand-made standby follows, by where its primary_conninfo leads", async () => {
    const { facts, runbook } = install({ ...site("15")("server3").facts }, join(folder, "hand-made"));
    const [main, auto] = ["postgresql.conf", "postgresql.auto.conf"].map((name) => join(facts.dataDirectory, name)) as [
      string,
      string,
    ];
    const rendered = `primary_conninfo = '${facts.peers[1]?.conninfo.replaceAll("'", "''")}'\n`;
    const cases = [
      [
        "",
        "primary_conninfo = 'user=repl passfile=''/etc/it''''s'' host=10.0.0.2 port=5432 sslmode=prefer'\n",
        "server2",
      ],
      ["", "Primary_Conninfo 'host=server4 user=repl' # by hand\n", "server4"],
      ["", "primary_conninfo = 'host=10.0.0.2 port=5433'\n", ""],
      ["", "primary_conninfo = 'hostaddr=10.0.0.2'\n", ""],
      // It is read last.
      [rendered, "primary_conninfo = 'host=''10.0.0.2'''\n", "server2"],
      [`primary_conninfo = 'host=10.0.0.2'\n${rendered}`, "", "server4"],
    ] as const;
    for (const [content, last, expected] of cases) {
      writeFileSync(main, content);
      writeFileSync(auto, last);
      expect([last, await shell(runbook, "followed")]).toEqual([last, `${expected}\n`]);
    }
  });

  it("is followed once it is written, whatever pg_basebackup -R and ALTER SYSTEM said", async () => {
    const { facts, runbook } = install({ ...site("15")("server3").facts }, join(folder, "auto"));
    const auto = join(facts.dataDirectory, "postgresql.auto.conf");
    writeFileSync(join(facts.dataDirectory, "postgresql.conf"), "port = 5432\nwork_mem = '8MB'\n");
    writeFileSync(auto, "# Do not edit\nprimary_conninfo = 'host=10.0.0.2'\nwork_mem = '4MB'\n", { mode: 0o600 });
    expect(await shell(runbook, 'write_upstream "$data" "$(line "$(conninfo_of server4)")"; followed')).toBe(
      "server4\n",
    );
    expect(readFileSync(auto, "utf8")).toBe("# Do not edit\nwork_mem = '4MB'\n");
    // One that has nothing of it keeps its bytes.
    const { mtimeMs, ino } = statSync(auto);
    await shell(runbook, 'write_upstream "$data" ""');
    expect([statSync(auto).mtimeMs, statSync(auto).ino, statSync(auto).mode & 0o777]).toEqual([mtimeMs, ino, 0o600]);
  });

  it("comes out of its quotes as it went in, and nothing of it is executed", async () => {
    const path = `${folder}/it's $(touch ${folder}/pwned) \`touch ${folder}/pwned\` "q" \\ ;touch ${folder}/pwned;`;
    const { facts } = site("15")("server2");
    const hostile = { ...facts, socketFolder: path, logFolder: path, service: path, binDirectory: path };
    const peers = facts.peers.map((peer) => ({ ...peer, conninfo: `host=x passfile='${path}'` }));
    const { runbook } = install({ ...hostile, peers }, join(folder, "it's (hostile); touch pwned"));
    const said = await shell(
      runbook,
      'printf "%s\\n" "$sockets" "$logs" "$service" "$bin"; conninfo_of server3; peer_names; followed; trigger_file "$data"',
    );
    expect(said.split("\n").slice(0, 6)).toEqual([
      path,
      path,
      path,
      path,
      `host=x passfile='${path}'`,
      "server3 server4",
    ]);
    // A control file as of a primary that was shut down.
    const control = Buffer.alloc(512);
    control.writeInt32LE(1, 16);
    writeFileSync(join(runbook, "..", "..", "data", "global", "pg_control"), control);
    const start = await execa(join(runbook, "guard"), [], { reject: false });
    expect([start.exitCode, start.stdout, start.stderr]).toEqual([
      0,
      "",
      expect.stringMatching(/^server2 starts as a primary: /),
    ]);
    for (const name of ["failover", "repoint", "rejoin"]) {
      const { exitCode } = await execa(
        join(runbook, name),
        ["--dry-run", ...(name === "failover" ? [] : ["server3"])],
        {
          reject: false,
        },
      );
      expect(exitCode).toBe(3);
    }
    expect(existsSync(join(folder, "pwned"))).toBe(false);
    expect(readdirSync(process.cwd())).not.toContain("pwned");
  });
});

describe("the files that a script leaves", () => {
  for (const version of ["9.0", "9.1", "9.6", "11", "12", "13", "18"]) {
    it(`are at ${version} the bytes that pgsite renders for the new role`, async () => {
      // An apostrophe in the path of the passfile is escaped once for conninfo and once for the file.
      for (const name of ["server2", "server3"]) {
        const other = name === "server2" ? "server3" : "server2";
        const primary = site(version, name)(name);
        const standby = site(version, other)(name);
        const moved = site(version, "server4")(name);
        const { runbook, facts } = install(primary.facts, join(folder, `${version} ${name}`));
        const data = facts.dataDirectory;
        // The paths of its own were moved with it; what it is told to follow was not.
        const write = (files: Readonly<Record<string, string | null>>) => {
          for (const [file, text] of Object.entries(files)) {
            if (text === null) rmSync(join(data, file), { force: true });
            else writeFileSync(join(data, file), text);
          }
        };
        const read = (files: Readonly<Record<string, string | null>>) =>
          Object.fromEntries(
            Object.keys(files).map((file) => [
              file,
              existsSync(join(data, file)) ? readFileSync(join(data, file), "utf8") : null,
            ]),
          );
        const follow = (server: string) =>
          shell(runbook, 'standby_files "$data" "$(conninfo_of "$1")"; followed', server);

        write(primary.server.files);
        expect(await follow(other)).toBe(`${other}\n`);
        expect(read(standby.server.files)).toEqual(standby.server.files);
        expect(await follow("server4")).toBe("server4\n");
        expect(read(moved.server.files)).toEqual(moved.server.files);
        if (name === "server3" && Number(version) < 16) {
          expect(await shell(runbook, 'trigger_file "$data"')).toBe("/raid3/it's \\ trigger\n");
        }
        // A promoted server has taken away recovery.conf itself.
        if (Number(version) < 12) rmSync(join(data, "recovery.conf"));
        await shell(runbook, "primary_files");
        expect(read(primary.server.files)).toEqual(primary.server.files);
      }
    });
  }

  it("keep their inode where nothing changes", async () => {
    const { facts, server } = site("15", "server3")("server2");
    const { runbook, facts: moved } = install(facts, join(folder, "same"));
    const path = join(moved.dataDirectory, "postgresql.conf");
    writeFileSync(path, server.files["postgresql.conf"] ?? "");
    const inode = async () => (await execa("stat", ["-c", "%i %y", path])).stdout;
    const before = await inode();
    await shell(runbook, 'standby_files "$data" "$(conninfo_of server3)"');
    expect(await inode()).toBe(before);
  });
});
