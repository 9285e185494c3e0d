import { expect } from "vitest";
import type { Server } from "../../config/site.js";
import type { Major } from "../../postgres/versions.js";
import { LocalSite } from "./localSite.js";
import { RolloutStacks } from "./rolloutStack.js";

const nothingToDo = /Resources:\n {4}\d+ unchanged\n/;

type Keys = Readonly<Record<string, unknown>>;

/** A disposable site of three, of which server4 streams by a slot, and two roles that may replicate. server5 may come. */
export class OrderSite {
  #keys: Keys = {};

  private constructor(readonly site: LocalSite) {}

  static async up(major: Major, block: number): Promise<OrderSite> {
    const replicates = major === "9.0" ? {} : { replication: true };
    const site = await LocalSite.make({
      major,
      block,
      servers: ["server2", "server3", "server4", "server5"],
      passwords: { streamer: "str3amer" },
      description: { roles: { replicator: replicates, streamer: replicates }, disposable: true },
    });
    try {
      const made = new OrderSite(site);
      made.declare({ servers: { server4: bySlot, server5: null } });
      await site.up();
      return made;
    } catch (error) {
      await site.remove();
      throw error;
    }
  }

  get #port(): number {
    return (this.#keys.port as number | undefined) ?? 5442;
  }

  declare(keys: Keys): void {
    this.#keys = { ...this.#keys, ...keys };
    this.site.declare(this.#keys);
  }

  /** These keys are changed by one `up`, after which there is nothing to do. @returns the steps of its rollout */
  async changed(keys: Keys): Promise<readonly string[]> {
    this.declare(keys);
    const said = await this.site.up();
    await this.isClean();
    const [lines = ""] = /the rollout:\n(?:\s*\d+\. .*\n)+/.exec(said) ?? [];
    return [...lines.matchAll(/^\s*\d+\. (.*)$/gm)].map(([, step]) => step ?? "");
  }

  async isClean(): Promise<void> {
    expect(await this.site.preview()).toMatch(nothingToDo);
  }

  async rows(server: string, sql: string, port = this.#port): Promise<readonly string[]> {
    return (await this.site.query(server, sql, { port })).map((row) => Object.values(row).join(" "));
  }

  /** Who streams from a server, and as whom. */
  streaming(server: string, port = this.#port): Promise<readonly string[]> {
    const sql = "select application_name, usename from pg_stat_replication where state = 'streaming' order by 1";
    return this.rows(server, sql, port);
  }

  slots(server = "server2"): Promise<readonly string[]> {
    return this.rows(server, "select slot_name from pg_replication_slots order by 1");
  }
}

export const bySlot = { settings: { primary_slot_name: "server4_slot" } };

const common = (major: string) => `config:
  pgsite:site: aside
  pgsite:postgresql: "${major}"
  pgsite:hosts: {server2: 192.0.2.2, server3: 192.0.2.3, des10: 192.0.2.10}
`;
const settings = (
  more: string,
) => `  pgsite:settings: {shared_buffers: 8MB, fsync: false, wal_retrieve_retry_interval: 100ms, ${more}}
`;

interface Declared {
  readonly primary: "server2" | "server3";
  /** Whom the mirror follows. @default server2 */
  readonly upstream?: "server2" | "server3";
  /** The mirror may follow both. @default that one alone */
  readonly both?: true;
  /** @default warm */
  readonly hot?: true;
  /** The primary's stack knows the mirror's, and the other way round. */
  readonly known?: true;
}

/** The primary's stack, with a standby that is warm, and the stack of a mirror that follows. */
export class Mirrored {
  private constructor(
    readonly stacks: RolloutStacks,
    private readonly major: Major,
  ) {}

  static async up(major: Major, block: number, declared: Declared): Promise<Mirrored> {
    const name = `order-mirror-${major}`;
    const stacks = await RolloutStacks.up({ name, postgresql: major, block }, texts(major, declared));
    return new Mirrored(stacks, major);
  }

  async declare(declared: Declared): Promise<void> {
    await this.stacks.declare(texts(this.major, declared));
  }

  /** What a preview says, as one line. */
  async said(stack: "ctio" | "fnal"): Promise<string> {
    const { said, code } = await this.stacks.preview(stack);
    expect(code, said).toBe(0);
    return said.replace(/\s+/g, " ");
  }

  up(stack: "ctio" | "fnal"): Promise<unknown> {
    return this.stacks.rehearsal.up(stack);
  }

  async isClean(): Promise<void> {
    for (const stack of ["ctio", "fnal"]) {
      const clean = await this.stacks.preview(stack, "--expect-no-changes");
      expect(clean.code, clean.said).toBe(0);
    }
  }

  async streaming(server: "server2" | "server3"): Promise<readonly unknown[]> {
    const found = this.stacks.servers("ctio").find(({ name }) => name === server) as Server;
    const sql = "select application_name as name from pg_stat_replication where state = 'streaming' order by 1";
    return (await this.stacks.query(found, sql)).map(({ name }) => name);
  }
}

function texts(major: Major, { primary, upstream = "server2", both, hot, known }: Declared) {
  const other = upstream === "server2" ? "server3" : "server2";
  const others = both === undefined ? "" : `, others: {${other}: {dataDirectory: /data}}`;
  const stack = known === undefined ? "" : ", stack: organization/pgsite/ctio";
  return {
    ctio: `${common(major)}${settings(`hot_standby: ${hot === true}`)}
  pgsite:primary: ${primary}
  pgsite:servers: {server2: {dataDirectory: /data}, server3: {dataDirectory: /data}}
  pgsite:mirrors: [des10]
${known === undefined ? "" : "  pgsite:mirrorStacks: [organization/pgsite/fnal]\n"}`,
    fnal: `${common(major)}${settings("work_mem: 4MB")}
  pgsite:servers: {des10: {dataDirectory: /data, role: mirror}}
  pgsite:upstream: {server: ${upstream}, dataDirectory: /data${others}${stack}}
`,
  };
}
