import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Server } from "../../config/site.js";
import type { MoveEvent, MovePhase, MoveWish } from "../../postgres/move/model.js";
import { bundled } from "./bundled.js";
import { binDirectory, HostSite } from "./hostSite.js";

export const passwords = { dbadmin: "secret", replicator: "secret" };

/** What a run of test/support/moveProgram.ts came to. */
export interface MoveRun {
  readonly code: number | null;
  readonly events: readonly { readonly code: string; readonly at?: number; readonly [key: string]: unknown }[];
  readonly stderr: string;
}

/** A single server of PostgreSQL 15 on a host of its own, and another host that it moves to, over SSH. */
export class MovingHosts {
  private constructor(
    readonly hosts: HostSite,
    private readonly folder: string,
    readonly server: Server,
    readonly to: Server,
  ) {}

  static async make(megabytes: number): Promise<MovingHosts> {
    const hosts = await HostSite.make(["server2", "server3"], passwords);
    try {
      const folder = mkdtempSync("/tmp/pgsite-moving-");
      await bundled("moveProgram", folder);
      await hosts.makePrimary(megabytes);
      const server = hosts.server("server2");
      const { host, address } = hosts.server("server3");
      return new MovingHosts(hosts, folder, server, { ...server, host, address });
    } catch (error) {
      await hosts.close();
      throw error;
    }
  }

  /** @param killedAt a phase, or the code of an event */
  async run(
    act: "move" | "back" | "commit",
    killedAt?: MovePhase | MoveEvent["code"],
    wish: MoveWish = "auto",
  ): Promise<MoveRun> {
    const { server, to } = this;
    const site = { ...this.hosts.site, servers: [server] };
    const moved = { ...site, servers: [to] };
    const file = join(this.folder, "asked.json");
    writeFileSync(file, JSON.stringify({ site, moved, server, to, passwords, wish }), { mode: 0o600 });
    const argv = [process.execPath, join(this.folder, "moveProgram.cjs"), file, act, killedAt ?? ""];
    const { control } = this.hosts.net;
    const { code, stdout, stderr } = await control.run(argv, { seconds: 600, env: control.env });
    const lines = stdout.split("\n").filter((line) => line.startsWith("{"));
    return { code, events: lines.map((line) => JSON.parse(line)), stderr };
  }

  /** SQL on one of the two hosts, by the socket of whoever runs there. */
  query(at: "server2" | "server3", sql: string): Promise<string> {
    return this.hosts.query(at, sql);
  }

  /** A tablespace of the old place, in a folder with a space in its name. */
  async makeTablespace(): Promise<void> {
    await this.hosts.asOwner("server2", "mkdir -m 700 '/var/lib/postgresql/a space'");
    await this.query("server2", "create tablespace space location '/var/lib/postgresql/a space'");
  }

  /** Takes away what a move has left at the new place. */
  async clear(): Promise<void> {
    await this.hosts.asOwner("server3", "rm -rf '/var/lib/postgresql/a test' '/var/lib/postgresql/a space'");
  }

  async runs(at: "server2" | "server3"): Promise<boolean> {
    const script = `${binDirectory}/pg_ctl status -D '${this.server.dataDirectory}' >/dev/null 2>&1 && echo runs || true`;
    return (await this.hosts.asOwner(at, script)).trim() === "runs";
  }

  async close(): Promise<void> {
    rmSync(this.folder, { recursive: true, force: true });
    await this.hosts.close();
  }
}
