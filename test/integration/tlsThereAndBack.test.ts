import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { atLeast } from "../../postgres/versions.js";
import { triedAt } from "../support/everyRun.js";
import { LocalSite } from "../support/localSite.js";
import { availableMajors } from "../support/programs.js";

const unchanged = /Resources:\n {4}\d+ unchanged\n/;
const servers = ["server2", "server3"];

const sites = [
  { major: "9.6", block: 134 },
  { major: "15", block: 135 },
] as const;

describe.each(triedAt(sites, "15"))("a site that runs, at $major", { timeout: 90_000 }, ({ major, block }) => {
  const test = availableMajors().includes(major) ? it : it.skip;
  // What refuses it knows no version: once is enough.
  const leap = atLeast(major, "10") ? test : it.skip;
  let site: LocalSite;
  let written = 0;

  beforeAll(async () => {
    if (!availableMajors().includes(major)) return;
    site = await LocalSite.make({
      major,
      block,
      description: {
        settings: { wal_retrieve_retry_interval: "200ms", wal_receiver_status_interval: "1s" },
      },
    });
    await site.up();
    await site.query("server2", "create table mark (n int)");
  }, 90_000);

  afterAll(() => site?.remove(), 60_000);

  /** What is written on the primary arrives; and how the stream comes. */
  async function stream(): Promise<{ readonly ssl: string | null | undefined }> {
    written += 1;
    await site.query("server2", `insert into mark values (${written})`);
    const arrived = async () => (await site.query("server3", "select max(n)::text as n from mark"))[0]?.n;
    await expect.poll(arrived, { timeout: 15_000 }).toBe(`${written}`);
    const sql =
      "select ssl::text as ssl from pg_stat_replication join pg_stat_ssl using (pid) where state = 'streaming'";
    const rows = await site.query("server2", sql);
    expect(rows).toHaveLength(1);
    return { ssl: rows[0]?.ssl };
  }

  const inForce = () => ({
    files: servers.map((name) => readFileSync(join(site.dataDirectory(name), "postgresql.conf"), "utf8")),
    postmasters: servers.map((name) => site.postmaster(name)),
  });
  const settled = async () => expect(await site.preview()).toMatch(unchanged);

  leap("does not leap to TLS: the preview says the way, the up refuses, and nothing is touched", async () => {
    expect(await stream()).toEqual({ ssl: "false" });
    const before = inForce();
    site.declare({ tls: { certificates: "made" } });
    expect(await site.preview()).toContain(
      "refused: server3 is to insist on TLS with server2, which runs without. Nothing was changed; declare tls.required: false, pulumi up, then take that away",
    );
    expect(await site.failing("up")).toContain("server2 (");
    expect(inForce()).toEqual(before);
    expect(await stream()).toEqual({ ssl: "false" });
  });

  test("goes there in two steps, and streams all the way", async () => {
    site.declare({ tls: { certificates: "made", required: false } });
    await site.up();
    await stream();
    site.declare({ tls: { certificates: "made" } });
    await site.up();
    expect(await stream()).toEqual({ ssl: "true" });
    await settled();
  });

  leap("does not leap back: the up refuses, and nothing is touched", async () => {
    const before = inForce();
    site.declare();
    expect(await site.failing("up")).toContain(
      "server3 insists on TLS with server2, which is to offer none. Nothing was changed; declare tls with required: false, pulumi up, then take tls away",
    );
    expect(inForce()).toEqual(before);
    expect(await stream()).toEqual({ ssl: "true" });
  });

  test("comes back in two steps, and streams all the way", async () => {
    site.declare({ tls: { certificates: "made", required: false } });
    await site.up();
    await stream();
    site.declare();
    await site.up();
    await stream();
    expect((await site.query("server2", "show ssl"))[0]).toEqual({ ssl: "off" });
    await settled();
  });
});
