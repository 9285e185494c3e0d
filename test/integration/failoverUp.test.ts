import { existsSync, readdirSync, statSync, utimesSync } from "node:fs";
import { createServer, type Server as Listener } from "node:net";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Server } from "../../config/site.js";
import type { StatusRow } from "../../servers/status/report.js";
import { checkout } from "../../toolchain/paths.mjs";
import { killServer } from "../support/kill.js";
import { RolloutStacks } from "../support/rolloutStack.js";
import { Writer } from "../support/writer.js";

const text = (primary: string, server2 = "", server3 = "") => `config:
  pgsite:site: orders
  pgsite:postgresql: "15"
  pgsite:port: 5477
  pgsite:hosts: {server2: 192.0.2.2, server3: 192.0.2.3, des10: 192.0.2.10}
  pgsite:primary: ${primary}
  pgsite:settings:
    max_connections: 40
    shared_buffers: 8MB
    fsync: false
    wal_retrieve_retry_interval: 100ms
  pgsite:servers:
    server2: {dataDirectory: /data${server2}}
    server3: {dataDirectory: /data, settings: {hot_standby: false}${server3}}
    des10: {dataDirectory: /data, role: mirror}
`;
const lost = ", lost: true";
const promotes =
  /1\. server3: promote \(failover: server2 is lost\); it received up to (\S+) at \S+ UTC, \d+ s ago, and its stream ended with the primary; what server2 wrote after that is lost, of which des10 received nothing either/;

/** As an administrator does it at 3 a.m., with Pulumi itself. */
describe("the primary is gone, and pulumi up", { timeout: 180_000 }, () => {
  let stacks: RolloutStacks;
  let writer: Writer;
  let gone: Server;
  let listener: Listener | undefined;
  /** The application that those said they were who came to the lost server's port. */
  const callers: string[] = [];

  beforeAll(async () => {
    stacks = await RolloutStacks.up({ name: "failover", postgresql: "15", block: 165 }, { ctio: text("server2") });
    const servers = stacks.servers("ctio");
    gone = servers.find(({ name }) => name === "server2") as Server;
    writer = await Writer.start(servers, { user: "postgres", password: "adm1n" });
    await writer.until(50);
    const mirror = await stacks.query(
      gone,
      "select pid::text from pg_stat_replication where application_name = 'des10'",
    );
    await killServer(
      gone,
      mirror.map(({ pid }) => Number(pid)),
    );
  }, 180_000);

  afterAll(async () => {
    await writer?.stop();
    listener?.close();
    await stacks?.rehearsal.down();
  }, 60_000);

  const said = async (...more: readonly string[]) => {
    const result = await stacks.preview("ctio", ...more);
    return { ...result, said: result.said.replace(/\s+/g, " ") };
  };
  const of = (name: string) => stacks.servers("ctio").find((server) => server.name === name) as Server;

  it("refuses to take over from a server that is not declared lost, and says what that would lose", async () => {
    await stacks.declare({ ctio: text("server3") });
    const way =
      /server2 is stopped and was not shut down, so that nobody knows what server3 lacks: start it \(pgsite start server2\), and run again; or, where it is gone, declare servers\.server2\.lost: true, and server3 takes over: it received up to \S+ at/;
    expect((await said()).said).toMatch(way);
    const [row] = await stacks.query(of("des10"), "select pg_is_in_recovery()::text as recovery");
    expect(row?.recovery).toBe("true");
  });

  it("says in the preview what is done and what is lost, does it, and is clean then; the lost host is not contacted", async () => {
    await stacks.declare({ ctio: text("server3", lost) });
    listener = await listen(gone, callers);
    const untouched = watchReads(gone);
    const before = [...writer.acknowledged];

    const { said: preview } = await said("--diff");
    if (process.env.SHOW) console.log((await stacks.preview("ctio")).said);
    expect(preview).toMatch(promotes);
    expect(preview).toContain(
      "servers.server2.lost: server2 is declared lost: it is not contacted, and nothing of it is compared",
    );
    expect(preview).not.toMatch(/server2-(directory|configuration|passfile|data|start)/);
    const up = await stacks.rehearsal.pulumi(["up", "--stack", "ctio", "--yes", "--non-interactive", "--skip-preview"]);
    expect(up.exitCode, up.stdout + up.stderr).toBe(0);
    expect(up.stdout + up.stderr).toMatch(
      /Done: server3 takes writes on timeline 2, which begins at [0-9A-F]+\/[0-9A-F]+/,
    );
    if (process.env.SHOW) console.log(up.stdout);
    await writer.until(20);

    const again = await said("--expect-no-changes");
    expect(again.code, again.said).toBe(0);
    expect(again.said).toContain("server2 is declared lost");
    const streams = await stacks.query(
      of("server3"),
      "select application_name as name from pg_stat_replication where state = 'streaming'",
    );
    expect(streams).toEqual([{ name: "des10" }]);
    const there = await stacks.query(of("server3"), "select number from written");
    const numbers = new Set(there.map(({ number }) => Number(number)));
    const missing = before.filter((number) => !numbers.has(number));
    expect(missing).toEqual(missing.length === 0 ? [] : before.slice(-missing.length));
    console.log(`${before.length} acknowledged, ${missing.length} lost, longest gap ${writer.longestGap} ms`);

    expect(untouched()).toEqual([]);
    // The test's own writer came, and the standbys while they followed it; pgsite did not.
    expect(callers.length).toBeGreaterThan(0);
    expect(callers).not.toContain("pgsite");
  });

  it("shows it as lost in pgsite status", async () => {
    const { project, environment } = stacks.rehearsal;
    const argv = [join(checkout, "dist", "pgsite.js"), "status", "--json", "--stack", "ctio"];
    const { stdout } = await execa(process.execPath, argv, { cwd: project, env: environment, extendEnv: false });
    const { servers } = JSON.parse(stdout) as { servers: readonly StatusRow[] };
    expect(servers.map(({ name, state }) => `${name} ${state}`)).toEqual([
      "des10 in recovery, read-only",
      "server2 lost",
      "server3 read-write",
    ]);
    expect(servers.flatMap(({ problems }) => problems)).toEqual([
      { code: "lost", message: "it is declared lost: it is not contacted" },
    ]);
    expect(callers).not.toContain("pgsite");
  });

  it("goes on after kill -9 of pulumi in the middle of the next failover", async () => {
    const before = [...writer.acknowledged];
    const mirror = of("des10");
    await killServer(of("server3"));
    await stacks.declare({ ctio: text("des10", lost, lost) });
    const told = () =>
      existsSync(join(mirror.dataDirectory, "promote")) || !existsSync(join(mirror.dataDirectory, "standby.signal"));
    await stacks.killedUp("ctio", told);
    await stacks.rehearsal.up("ctio");
    await writer.until(20);
    expect(writer.acknowledged.length).toBeGreaterThan(before.length);
    const again = await said("--expect-no-changes");
    expect(again.code, again.said).toBe(0);
    expect(callers).not.toContain("pgsite");
  });

  it("reads and compares it again when it is declared lost no more", async () => {
    const untouched = watchReads(gone);
    await stacks.declare({ ctio: text("des10", "", lost) });
    const { said: preview } = await said();
    if (process.env.SHOW) console.log((await stacks.preview("ctio")).said);
    expect(preview).toContain("server2: the server is stopped");
    expect(untouched()).not.toEqual([]);
    expect(callers).toContain("pgsite");
  });
});

/** Takes the lost server's place on its port, and notes who comes. A startup message has names and values, with a zero after each. */
async function listen({ address, port }: Server, callers: string[]): Promise<Listener> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", (bytes) => {
      callers.push(/application_name\0([^\0]*)\0/.exec(bytes.toString("latin1"))?.[1] ?? "?");
      socket.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(port, address, resolve));
  return server;
}

/**
 * The files of a server, each as if nobody had read it for two days: a read since then shows in its access time (relatime).
 * Returns what was read.
 */
function watchReads({ dataDirectory, controlDirectory }: Server): () => readonly string[] {
  const files = [dataDirectory, controlDirectory].flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name)),
  );
  const old = Date.now() / 1000 - 2 * 86_400;
  for (const path of files) utimesSync(path, old, statSync(path).mtimeMs / 1000);
  return () => files.filter((path) => existsSync(path) && statSync(path).atimeMs / 1000 > old + 60);
}
