import { afterAll, beforeAll, expect, it } from "vitest";
import { LocalSite } from "../support/localSite.js";

let site: LocalSite;

beforeAll(async () => {
  site = await LocalSite.make({ major: "15", block: 62, servers: ["server2", "server3"] });
}, 120_000);

afterAll(() => site.remove(), 60_000);

it("lets a standby join a running site: the primary gets its rule by the rollout, which then proves the standby", async () => {
  site.declare({ servers: { server3: null } });
  await site.up();
  const [before] = await site.query("server2", "SELECT pg_postmaster_start_time()::text AS started");

  site.declare();
  const said = await site.up();
  expect(said).toContain(
    "server3 started; the rollout brings server2's configuration into force, and proves that it streams",
  );
  const streaming = await site.query("server2", "SELECT application_name, state FROM pg_stat_replication");
  expect(streaming).toEqual([{ application_name: "server3", state: "streaming" }]);
  const [after] = await site.query("server2", "SELECT pg_postmaster_start_time()::text AS started");
  expect(after).toEqual(before);
  await site.preview(["--expect-no-changes"]);
}, 180_000);
