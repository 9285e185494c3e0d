import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseDocument } from "yaml";
import type { Rehearsal } from "../../cli/rehearsal/rehearsal.js";
import type { Server, Site } from "../../config/site.js";
import { serviceFacts } from "../../installed/service/of.js";
import { renderScript } from "../../installed/service/script.js";
import { pgsite, previewSteps, said, sitesOf, withRehearsal } from "../support/rehearsal.js";

/*
 * A database that exists once: a second instance attempted every way, by the real stack, server, guard and script. Another host is
 * made of namespaces: the guard asks it what it is known by.
 */

const isRoot = userInfo().uid === 0;
const asRoot = isRoot ? "" : " (skipped: takes root, for a host of another name)";

let rehearsal: Rehearsal;
let site: Site;
let server: Server;
let done: () => void = () => undefined;
let gone: Promise<unknown> = Promise.resolve();

beforeAll(async () => {
  const ready = new Promise<Rehearsal>((resolve, reject) => {
    const finished = new Promise<void>((end) => {
      done = end;
    });
    gone = withRehearsal({ name: "test-standalone", block: 233, stacks: ["momentum"] }, async (made) => {
      await made.up("momentum");
      resolve(made);
      await finished;
    }).catch(reject);
  });
  rehearsal = await ready;
  site = (await sitesOf(rehearsal))[0]?.site as Site;
  server = site.servers[0] as Server;
}, 240_000);

afterAll(async () => {
  done();
  await gone;
}, 60_000);

/** As the server's OS user, as whatever starts it does. */
function asUser(argv: readonly string[], around: (argv: readonly string[]) => readonly string[] = (words) => words) {
  const words = argv.map((word) => `'${word}'`).join(" ");
  const own = isRoot ? ["su", "-s", "/bin/sh", server.host.user, "-c", words] : [...argv];
  const [program = "", ...rest] = around(own);
  return execa(program, rest, { reject: false, stdin: "ignore", timeout: 60_000 });
}

const guardOf = (control: string) => join(control, "runbook", "guard");
const guard = (...words: readonly string[]) => asUser([guardOf(server.controlDirectory), ...words]);
const pgCtl = (...words: readonly string[]) => asUser([join(server.binDirectory, "pg_ctl"), ...words]);
const stop = () => pgCtl("stop", "-w", "-m", "fast", "-D", server.dataDirectory);
const start = () => pgCtl("start", "-w", "-D", server.dataDirectory, "-l", join(server.controlDirectory, "start.log"));
const postmaster = () => readFileSync(join(server.dataDirectory, "postmaster.pid"), "utf8").split("\n")[0];

/** A machine of another name and identity, with the same files: what a copy of them finds there. */
const onOtherHost = (argv: readonly string[]) => {
  const id = join(rehearsal.folder, "hosts", "other-machine-id");
  writeFileSync(id, "0123456789abcdef0123456789abcdef\n", { mode: 0o644 });
  const script = `hostname elsewhere && mount --bind ${id} /etc/machine-id && exec "$@"`;
  return ["unshare", "--mount", "--uts", "sh", "-c", script, "sh", ...argv];
};

/** The stack file of the rehearsal, as another stack has it, with other keys. */
async function otherStack(name: string, keys: Readonly<Record<string, unknown>>): Promise<void> {
  const document = parseDocument(readFileSync(join(rehearsal.project, "Pulumi.momentum.yaml"), "utf8"));
  for (const [key, value] of Object.entries(keys)) document.setIn(["config", `pgsite:${key}`], value);
  writeFileSync(join(rehearsal.project, `Pulumi.${name}.yaml`), document.toString(), { mode: 0o600 });
  said(await rehearsal.pulumi(["stack", "init", name]));
}

const previewed = async (stack: string) => {
  const { exitCode, stdout, stderr } = await rehearsal.pulumi(["preview", "--stack", stack]);
  return { exitCode, text: `${stdout}${stderr}` };
};

describe("a database that exists once", () => {
  it("is up, with its program's file, and a second preview finds nothing to change", async () => {
    expect(await previewSteps(rehearsal, "momentum")).toEqual([]);
    const file = join(rehearsal.folder, "hosts/momentum/opt/msys/3rdParty/etc/php.d/ecdb.ini");
    const password = /^password = "(.*)"$/m.exec(readFileSync(file, "utf8"))?.[1] ?? "";
    expect(password.length).toBeGreaterThan(10);
    const psql = ["/usr/bin/psql", "/usr/lib/postgresql/15/bin/psql"].find(existsSync);
    if (psql !== undefined) {
      const { address, port } = server;
      const login = `host=${address} port=${port} dbname=ecelerity user=ecuser password=${password}`;
      expect(said(await execa(psql, ["-XAtc", "select current_user", login]))).toBe("ecuser");
    }
    // Healed, and nowhere in clear.
    writeFileSync(file, "host = elsewhere\n");
    chmodSync(file, 0o644);
    const { stdout, stderr } = await rehearsal.pulumi(["preview", "--diff", "--stack", "momentum"]);
    expect(`${stdout}${stderr}`).toContain("is another than declared (secret, so not shown)");
    expect(`${stdout}${stderr}`).not.toContain(password);
    await rehearsal.up("momentum");
    expect(readFileSync(file, "utf8")).toContain(`password = "${password}"`);
    const exported = said(await rehearsal.pulumi(["stack", "export", "--stack", "momentum"]));
    expect(exported).not.toContain(password);
  }, 120_000);

  it("has no second server in its stack: refused offline, by both names", async () => {
    const file = join(rehearsal.project, "Pulumi.momentum.yaml");
    const before = readFileSync(file, "utf8");
    writeFileSync(
      file,
      before.replace("pgsite:servers:", "pgsite:servers:\n    twin: { host: momentum, dataDirectory: /var/db/twin }"),
    );
    const { exitCode, stdout } = await pgsite(rehearsal, ["check", "--stack", "momentum"]);
    writeFileSync(file, before);
    expect(exitCode).toBe(1);
    expect(stdout).toContain(
      "servers.twin: msyspg is standalone: this database exists once, and twin would be a second instance of it",
    );
  });

  it("has no second one in another stack of the project: refused by that stack's name, from either side", async () => {
    await otherStack("second", {});
    for (const [here, there] of [
      ["second", "momentum"],
      ["momentum", "second"],
    ] as const) {
      const { exitCode, text } = await previewed(here);
      expect(exitCode).not.toBe(0);
      expect(text).toContain(
        `site: msyspg is of the site momentum here, and msyspg in Pulumi.${there}.yaml; msyspg is`,
      );
    }
    said(await rehearsal.pulumi(["stack", "rm", "second", "--yes"]));
  }, 60_000);

  it("gives neither its data nor its port to a stack of another site: refused by the names of both", async () => {
    await otherStack("data", { site: "other", port: 5433 });
    const data = await previewed("data");
    expect(data.exitCode).not.toBe(0);
    expect(data.text).toContain("holds the data of msyspg of the site momentum, of the stack momentum");
    await otherStack("port", {
      site: "another",
      servers: { msyspg: { host: "momentum", dataDirectory: "/var/db/other" } },
    });
    const port = await previewed("port");
    expect(port.exitCode).not.toBe(0);
    expect(port.text).toContain(
      `(data directory ${server.dataDirectory}, which is msyspg of the site momentum, stack momentum)`,
    );
    for (const stack of ["data", "port"]) said(await rehearsal.pulumi(["stack", "rm", stack, "--yes"]));
  }, 60_000);

  it("does not start beside itself: the guard names process and data", async () => {
    const { exitCode, stderr } = await guard();
    expect(exitCode).toBe(3);
    expect(stderr).toContain(
      `it runs already: postgres (process ${postmaster()}, data directory ${server.dataDirectory}`,
    );
  });

  it("does not start from a copy on the same host, nor itself while a copy runs", async () => {
    const copy = `${server.dataDirectory}2`;
    expect((await stop()).exitCode).toBe(0);
    for (const ending of ["", ".pgsite"])
      said(await asUser(["cp", "-a", `${server.dataDirectory}${ending}`, `${copy}${ending}`]));
    const copied = await asUser([guardOf(`${copy}.pgsite`)]);
    expect(copied.exitCode).toBe(3);
    expect(copied.stderr).toContain(`${copy}.pgsite/runbook was copied from ${server.controlDirectory}/runbook`);
    // Whoever goes past the guard.
    said(await pgCtl("start", "-w", "-D", copy, "-l", `${copy}.log`, "-o", "-p 5499"));
    const { exitCode, stderr } = await guard();
    said(await pgCtl("stop", "-w", "-m", "immediate", "-D", copy));
    expect(exitCode).toBe(3);
    expect(stderr).toContain("the same database runs already on this host: postgres (process ");
    expect(stderr).toContain(`data directory ${copy} of msyspg of the site momentum, stack momentum`);
    said(await asUser(["rm", "-rf", copy, `${copy}.pgsite`, `${copy}.log`]));
    expect((await guard()).exitCode).toBe(0);
  }, 60_000);

  it("does not start where its port is taken: the guard names who has it", async () => {
    const taker = createServer();
    await new Promise<void>((ready) => taker.listen({ host: "0.0.0.0", port: server.port }, ready));
    const { exitCode, stderr } = await guard();
    await new Promise((closed) => taker.close(closed));
    expect(exitCode).toBe(3);
    expect(stderr).toMatch(
      new RegExp(`its port ${server.port} is taken by (node \\(process ${process.pid}\\)|a process of the user)`),
    );
  });

  it.skipIf(!isRoot)(
    `does not start on another host, at boot neither, until somebody says that it was moved${asRoot}`,
    async () => {
      const script = join(rehearsal.folder, "hosts", "msyspg");
      writeFileSync(script, renderScript(serviceFacts(site.name, server)), { mode: 0o755 });
      const there = (...words: readonly string[]) => {
        const [program = "", ...rest] = onOtherHost([script, ...words]);
        return execa(program, rest, { reject: false, stdin: "ignore", timeout: 60_000 });
      };
      const here = (word: string) => execa(script, [word], { reject: false, stdin: "ignore", timeout: 60_000 });
      // As at a boot there, twice: a refusal changes nothing.
      for (const _ of [1, 2]) {
        const refused = await there("start");
        expect(refused.exitCode).toBe(1);
        expect(refused.stderr).toMatch(
          /this is .*msyspg on elsewhere, and the database is known to be in .*msyspg on \S+/,
        );
      }
      expect(said(await here("start"))).toContain("has started");
      expect(said(await here("restart"))).toContain("has started");
      expect((await here("")).stderr).toBe(`usage: ${script} {start|stop|restart|reload|status}`);
      // A preview there, of the same stack, says the same: its file says where the database is.
      const instance = join(server.controlDirectory, "instance");
      const before = readFileSync(instance, "utf8");
      writeFileSync(instance, before.replace(/^machine .*$/m, "machine 0").replace(/^host .*$/m, "host elsewhere"));
      const { exitCode, text } = await previewed("momentum");
      expect(exitCode).not.toBe(0);
      expect(text).toMatch(/its database is known to be in \S+msyspg on elsewhere: it exists once/);
      writeFileSync(instance, before);
      expect(said(await here("stop"))).toContain("has stopped");
      // Moved there, and back.
      const claimed = await asUser([guardOf(server.controlDirectory), "--claim"], onOtherHost);
      expect(said(claimed)).toContain("on elsewhere from now on");
      expect((await here("start")).exitCode).toBe(1);
      expect(said(await guard("--claim"))).toContain("from now on");
      expect(said(await here("start"))).toContain("has started");
    },
    120_000,
  );

  it("does not start where nobody has said where it is, and an up says it", async () => {
    if ((await guard("--dry-run")).exitCode === 0) await start();
    said(await asUser(["rm", join(server.controlDirectory, "instance")]));
    expect((await guard("--dry-run")).stderr).toContain(
      "instance is not there, which says on which host the database is",
    );
    expect((await previewSteps(rehearsal, "momentum")).map(({ name }) => name)).toEqual(["momentum-runbook"]);
    await rehearsal.up("momentum");
    expect((await guard("--dry-run")).stderr).toContain("it runs already");
    expect(await previewSteps(rehearsal, "momentum")).toEqual([]);
  }, 120_000);
});
