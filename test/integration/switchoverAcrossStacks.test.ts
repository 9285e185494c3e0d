import { afterAll, describe, expect, it } from "vitest";
import type { Server } from "../../config/site.js";
import { triedAt } from "../support/everyRun.js";
import { killServer } from "../support/kill.js";
import { ranAt } from "../support/ran.js";
import { Reader } from "../support/reader.js";
import { RolloutStacks } from "../support/rolloutStack.js";

const common = (major: string) => `config:
  pgsite:site: repoint
  pgsite:postgresql: "${major}"
  pgsite:hosts: {server2: 192.0.2.2, server3: 192.0.2.3, des10: 192.0.2.10}
  pgsite:settings:
    shared_buffers: 8MB
    fsync: false
    wal_retrieve_retry_interval: 100ms
`;
const ctio = (major: string, primary: string, lost = "") => `${common(major)}
  pgsite:primary: ${primary}
  pgsite:servers:
    server2: {dataDirectory: /data}
    server3: {dataDirectory: /data${lost === "server3" ? ", lost: true" : ""}}
  pgsite:mirrors: [des10]
`;
const fnal = (major: string, upstream: string) => `${common(major)}
  pgsite:servers: {des10: {dataDirectory: /data, role: mirror}}
  pgsite:upstream: {server: ${upstream}, dataDirectory: /data, stack: organization/pgsite/ctio}
`;

const all: RolloutStacks[] = [];
afterAll(async () => {
  for (const stacks of all) await stacks.rehearsal.down();
}, 120_000);

/** The rollout that the preview of the mirror's stack shows, a line a step. */
async function planOf(stacks: RolloutStacks): Promise<readonly string[]> {
  const { code, said } = await stacks.preview("fnal");
  expect(code, said).toBe(0);
  const [plan = ""] = /the rollout:\n(?:\s*\d+\. .*\n)+/.exec(said) ?? [];
  return plan
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.trim());
}

const versions = [
  { major: "11", block: 178, consequence: "restart", interrupted: 5000 },
  { major: "15", block: 179, consequence: "reload", interrupted: 0 },
] as const;

describe.each(triedAt(versions, "11"))(
  "a mirror in another stack at $major, when its primary has changed",
  ({ major, block, consequence, interrupted }) => {
    it("follows by its own up, whose preview shows exactly that, and reads go on but for its own restart", async () => {
      const texts = { ctio: ctio(major, "server2"), fnal: fnal(major, "server2") };
      const stacks = await RolloutStacks.up({ name: `repoint-${major}`, postgresql: major, block }, texts);
      all.push(stacks);
      const [des10] = stacks.servers("fnal") as [Server];
      const reader = await Reader.start(des10, { user: "postgres", password: "adm1n" });
      try {
        await stacks.declare({ ...texts, ctio: ctio(major, "server3") });
        await stacks.rehearsal.up("ctio");
        const before = await stacks.preview("fnal", "--expect-no-changes");
        expect(before.code, before.said).toBe(0);
        expect(before.said).toContain(
          "upstream.server: server3 is the primary of organization/pgsite/ctio now, and server2 follows it: to follow server3 from here, declare upstream.server: server3",
        );

        await stacks.declare({ ctio: ctio(major, "server3"), fnal: fnal(major, "server3") });
        expect(await planOf(stacks)).toEqual([`1. des10: ${consequence} (primary_conninfo)`]);
        await stacks.rehearsal.up("fnal");

        const [server2, server3] = stacks.servers("ctio") as [Server, Server];
        const streaming =
          "select application_name as name from pg_stat_replication where state = 'streaming' order by 1";
        expect(await stacks.query(server3, streaming)).toEqual([{ name: "des10" }, { name: "server2" }]);
        expect(await stacks.query(server2, streaming)).toEqual([]);
        for (const stack of ["ctio", "fnal"]) {
          const clean = await stacks.preview(stack, "--expect-no-changes");
          expect(clean.code, clean.said).toBe(0);
        }

        // The night: server3 dies, and server2 takes over.
        await killServer(server3);
        await stacks.declare({ ctio: ctio(major, "server2", "server3"), fnal: fnal(major, "server3") });
        await stacks.rehearsal.up("ctio");
        expect((await stacks.preview("fnal")).said.replace(/\s+/g, " ")).toContain(
          "server2 is the primary of organization/pgsite/ctio now, and server3 is lost: to follow server2 from here, declare upstream.server: server2",
        );
        await stacks.declare({ ctio: ctio(major, "server2", "server3"), fnal: fnal(major, "server2") });
        expect(await planOf(stacks)).toEqual([`1. des10: ${consequence} (primary_conninfo)`]);
        await stacks.rehearsal.up("fnal");
        expect(await stacks.query(server2, streaming)).toEqual([{ name: "des10" }]);

        // The morning: server3 is back.
        await stacks.declare({ ctio: ctio(major, "server2"), fnal: fnal(major, "server2") });
        await stacks.rehearsal.up("ctio");
        expect(await stacks.query(server2, streaming)).toEqual([{ name: "des10" }, { name: "server3" }]);
        for (const stack of ["ctio", "fnal"]) {
          const clean = await stacks.preview(stack, "--expect-no-changes");
          expect(clean.code, clean.said).toBe(0);
        }
      } finally {
        await reader.stop();
      }
      expect(reader.answers).toBeGreaterThan(100);
      expect(reader.longestInterruption).toBeLessThanOrEqual(interrupted);
      await ranAt(major, "mirror");
      console.log(`${major}: reads were interrupted for ${reader.longestInterruption} ms`);
    }, 240_000);
  },
);
