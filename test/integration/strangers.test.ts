import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rehearsalFolder } from "../../cli/rehearsal/rehearsal.js";
import { userBehind } from "../../hosts/peer.js";
import { privateFolder, privateFolders } from "../../hosts/privateFolder.js";
import { ownFolder } from "../../toolchain/ownFolder.mjs";
import { checkout } from "../../toolchain/paths.mjs";
import { LocalSite } from "../support/localSite.js";
import { noStranger, Stranger } from "../support/stranger/index.js";
import { portsOf } from "../support/stranger/ports.js";

if (noStranger !== undefined) console.log(`strangers are not tried: ${noStranger}`);

let stranger: Stranger;
/** Where everybody may make what he likes, as in /tmp. */
let open: string;

beforeAll(() => {
  if (noStranger !== undefined) return;
  stranger = Stranger.make();
  open = mkdtempSync(join(tmpdir(), "pgsite-open-"));
  chmodSync(open, 0o1777);
});

afterAll(() => {
  stranger?.remove();
  if (open !== undefined) rmSync(open, { recursive: true, force: true });
});

const key = /PRIVATE KEY|a test's passphrase|adm1nistrator|repl1cator/;

/** Where a text shows what nobody may see; empty where it does not. */
function shown(text: string): string {
  const at = text.search(key);
  return at < 0 ? "" : text.slice(Math.max(0, at - 200), at + 40);
}

describe.skipIf(noStranger !== undefined)("another user of the machine that runs Pulumi", { timeout: 120_000 }, () => {
  let site: LocalSite;
  /** Only root's. */
  let closed: string;
  const events = () => join(site.sandbox.program, "events.log");
  const loud = () => ["--debug", "--event-log", events()];
  /** All that a run says with --debug, and what its event log says. */
  const debugged = async (act: (more: readonly string[]) => Promise<string>) => {
    rmSync(events(), { force: true });
    return `${await act(loud())}${readFileSync(events(), "utf8")}`;
  };

  beforeAll(async () => {
    const before = process.env.TMPDIR;
    process.env.TMPDIR = open;
    try {
      site = await LocalSite.make({ major: "18", block: 201 });
    } finally {
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
    }
    // --event-log is behind this switch.
    Object.assign(site.sandbox.env, { PULUMI_DEBUG_COMMANDS: "true" });
    closed = mkdtempSync(join(tmpdir(), "pgsite-closed-"));
    site.declare({
      tls: { certificates: "made" },
      clients: { hook: `env >'${join(closed, "env")}'; cat /proc/$$/environ >'${join(closed, "environ")}'` },
    });
  }, 60_000);

  afterAll(async () => {
    await site?.remove();
    if (closed !== undefined) rmSync(closed, { recursive: true, force: true });
  });

  it("finds no key and no password in what an up or a preview says with --debug, nor in their event logs", async () => {
    const up = await debugged((more) => site.up(more));
    // The engine's own debug messages are there, and it knows what is secret.
    expect(up).toContain('"severity":"debug"');
    expect(shown(up)).toBe("");
    expect(shown(await debugged((more) => site.preview(more)))).toBe("");
    expect(JSON.stringify([...(await site.sandbox.state("site", true))])).toMatch(key);
  });

  it("finds none in what a refresh says", async () => {
    expect(shown(await debugged((more) => site.refresh(more)))).toBe("");
  });

  it("finds in what a site's own command leaves behind nothing of the environment that it does not need", () => {
    const told = readFileSync(join(closed, "env"), "utf8");
    expect(told).toMatch(/^PGSITE_PRIMARY=server2$/m);
    expect(told).toMatch(/^PATH=/m);
    for (const text of [told, readFileSync(join(closed, "environ"), "utf8")]) {
      expect(text).not.toContain("PULUMI_");
      expect(shown(text)).toBe("");
    }
  });

  it("has nothing done for him by what listens during a preview, and the preview says that he tried", async () => {
    const file = join(closed, "his");
    const program = await stranger.program("calls");
    const calls = stranger.start(program, [file]);
    let answers = "";
    calls.stdout.on("data", (chunk: Buffer) => {
      answers += chunk.toString("utf8");
    });
    const ended = new Promise((resolve) => calls.once("exit", resolve));
    let isOver = false;
    const preview = site.preview().finally(() => {
      isOver = true;
    });
    for await (const port of portsOf(`PULUMI_HOME=${site.sandbox.home}\0`, () => isOver))
      calls.stdin.write(`${port}\n`);
    calls.stdin.end();
    const said = await preview;
    await ended;
    // He was at the ports while they were answered: Pulumi's own say that they are no providers.
    expect(answers).toMatch(/\d+ pgsite:index:HostFile /);
    expect(answers).not.toMatch(/ done$/m);
    expect(existsSync(file)).toBe(false);
    expect(said).toContain(`the OS user with the number ${stranger.uid} on this machine called pgsite's provider`);
    expect(said).toContain("another OS user of this machine called the command plugin");
    expect(said).toMatch(/Resources:\n {4}\d+ unchanged\n/);
  });

  it("stops no up by taking the folder of the handover first", async () => {
    const folder = join(open, "pgsite-handover-0");
    rmSync(folder, { recursive: true, force: true });
    expect((await stranger.run(["mkdir", "-m", "777", folder])).code).toBe(0);
    // What is started again is told by the handover what it is.
    await site.stop("server3");
    rmSync(site.dataDirectory("server3"), { recursive: true });
    await site.up();
    const [row] = await site.query("server3", "select pg_is_in_recovery()::text as following", {
      tls: { authority: await site.output("authority"), required: true },
    });
    expect(row).toEqual({ following: "true" });
    expect(statSync(folder).uid).toBe(stranger.uid);
  });

  it("reads no key in any file of the site and of Pulumi's", async () => {
    const found = await stranger.run(["grep", "-rlE", key.source, site.folder, open, closed]);
    expect(found.stdout).toBe("");
    expect(found.stderr).toContain("Permission denied");
  });

  it("finds none in what a destroy says", async () => {
    const args = ["destroy", "--yes", "--skip-preview", "--stack", "site"];
    expect(shown(await debugged(async (more) => (await site.sandbox.must([...args, ...more])).stdout))).toBe("");
  });
});

describe.skipIf(noStranger !== undefined)("who is behind a connection", () => {
  let server: Server;
  let port: number;
  const sockets: Socket[] = [];
  const next = () => new Promise<Socket>((resolve) => server.once("connection", resolve));

  beforeAll(async () => {
    server = createServer({ pauseOnConnect: true }, (socket) => {
      sockets.push(socket.on("error", () => undefined));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    port = (server.address() as { port: number }).port;
  });

  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    server?.close();
  });

  it("is told of our own, and of another user's", async () => {
    for (const [argv, uid] of [
      [["setpriv"], 0],
      [stranger.argv([]).slice(0, -1), stranger.uid],
    ] as const) {
      const [program = "", ...args] = argv;
      const script = `require("node:net").connect(${port}, "127.0.0.1"); setTimeout(() => process.exit(), 3000)`;
      const accepted = next();
      const child = execa(program, [...args, process.execPath, "-e", script], { reject: false, cwd: "/" });
      expect(await userBehind(await accepted)).toBe(uid);
      child.kill();
      await child;
    }
  });

  it("is not told of one that was closed while what was sent is still unread, which many kernels list as root's", async () => {
    const accepted = next();
    const closes = await stranger.program("closes");
    await stranger.run([process.execPath, closes, `${port}`]);
    const socket = await accepted;
    const entry = readFileSync("/proc/net/tcp", "latin1")
      .split("\n")
      .find((line) => line.includes(`:${hex(socket.remotePort)} 0100007F:${hex(port)} `));
    const [owner, , inode] = entry?.trim().split(/\s+/).slice(7) ?? [];
    expect(inode).toBe("0");
    // Linux kept its owner only lately.
    expect(["0", `${stranger.uid}`]).toContain(owner);
    expect(await userBehind(socket)).toBeUndefined();
  });
});

describe.skipIf(noStranger !== undefined)("a folder for sockets", () => {
  const before = { TMPDIR: process.env.TMPDIR, XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR };
  const purpose = `test-${process.pid}`;
  const here = (place: string, what = purpose) => join(place, `pgsite-${what}-0`);

  beforeAll(() => {
    process.env.TMPDIR = open;
    delete process.env.XDG_RUNTIME_DIR;
  });

  afterAll(() => {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    rmSync(here("/tmp"), { recursive: true, force: true });
  });

  it("is nobody else's to enter, and as short as a socket's path must be", () => {
    expect(privateFolder(purpose, 20)).toBe(here(open));
    expect(statSync(here(open)).mode & 0o777).toBe(0o700);
    chmodSync(here(open), 0o755);
    privateFolder(purpose, 20);
    expect(statSync(here(open)).mode & 0o777).toBe(0o700);
    expect(privateFolder(purpose, 103 - here("/tmp").length - 1)).toBe(here("/tmp"));
    rmSync(here(open), { recursive: true });
  });

  it("is another one where a stranger has taken its name, also while he takes it and gives it back", async () => {
    await stranger.run(["mkdir", "-m", "777", here(open)]);
    expect(privateFolder(purpose, 20)).toBe(here("/tmp"));
    expect(privateFolders(purpose, 20)).toEqual([here("/tmp")]);
    await stranger.run(["rmdir", here(open)]);
    expect(privateFolder(purpose, 20)).toBe(here(open));
    expect(privateFolders(purpose, 20)).toEqual([here(open), here("/tmp")]);
  });
});

function hex(port: number | undefined): string {
  return (port ?? 0).toString(16).toUpperCase().padStart(4, "0");
}

describe.skipIf(noStranger !== undefined)("a folder that programs are run from", () => {
  it("is not taken from a stranger: not his, not by his link, not one that he can write to or exchange", async () => {
    const his = join(open, "his");
    await stranger.run(["mkdir", his]);
    expect(() => ownFolder(his)).toThrow(
      `${his} is not used: it belongs to the OS user with the number ${stranger.uid}, and we are 0`,
    );
    const link = join(open, "link");
    mkdirSync(join(open, "ours"), { mode: 0o700 });
    await stranger.run(["ln", "-s", join(open, "ours"), link]);
    expect(() => ownFolder(link)).toThrow("it is a link; remove it");
    const anybodys = join(open, "anybodys");
    mkdirSync(anybodys);
    chmodSync(anybodys, 0o777);
    expect(() => ownFolder(anybodys)).toThrow("others may write there (mode 777): remove it");
    expect(() => ownFolder(join(anybodys, "below"))).toThrow(
      `others may put another in its place, since ${anybodys} is open to all`,
    );
    const dangling = join(open, "dangling");
    symlinkSync("/nonexistent/pgsite", dangling);
    expect(() => ownFolder(dangling)).toThrow("it is a link");
    chmodSync(ownFolder(join(open, "ours")), 0o755);
    expect(statSync(ownFolder(join(open, "ours"))).mode & 0o777).toBe(0o700);
  });

  it("of a rehearsal is refused where somebody made it first, whatever the command, and nothing in it is run", async () => {
    const folder = rehearsalFolder("demo");
    const record = JSON.stringify({
      name: "demo",
      checkout,
      stacks: ["ctio"],
      postgresql: "10",
      rehearsal: { folder: `${folder}/hosts`, osUser: "root", addresses: {}, binaries: stranger.folder },
    });
    // A /var/tmp of our own: other rehearsals run beside this.
    const inPlace = `set -e
mount --bind "$4" /mnt
mount -t tmpfs -o mode=1777 tmpfs /var/tmp
[ -e "$4" ] || { mkdir -p "$4" && mount --move /mnt "$4"; }
setpriv --reuid "$1" --regid "$1" --clear-groups sh -ec 'mkdir -p "$1/project" "$1/home" "$1/backend"
printf %s "$2" >"$1/rehearsal.json"; echo pass >"$1/passphrase"; chmod -R go+rwX "\${1%/*}"' sh "$2" "$3"
shift 4
exec "$@"`;
    for (const args of [["pulumi", "version"], ["status"], ["down"], ["up"]]) {
      const { exitCode, stdout, stderr } = await execa(
        "unshare",
        ["--mount", "sh", "-c", inPlace, "sh", stranger.name, folder, record, checkout].concat(
          [process.execPath, join(checkout, "dist", "pgsite.js"), "rehearsal"],
          args,
        ),
        { reject: false, timeout: 30_000 },
      );
      expect(stderr).toContain("is not used: it belongs to the OS user with the number");
      expect(stdout).toBe("");
      expect(exitCode).toBe(1);
    }
  }, 60_000);
});
