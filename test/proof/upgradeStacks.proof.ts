import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { allPrograms } from "../../toolchain/clients.mjs";
import { quick } from "../support/rolloutSite.js";
import { RolloutStacks } from "../support/rolloutStack.js";

const [from, to] = ["17", "18"] as const;
const [old, next] = await Promise.all([allPrograms(from), allPrograms(to)]);

const hosts = { one: "192.0.2.1", two: "192.0.2.2", far: "192.0.2.3" };
const text = (keys: Readonly<Record<string, unknown>>) => {
  const all = { site: "orders", postgresql: from, hosts, settings: quick, ...keys };
  const lines = Object.entries(all).map(([key, value]) => `  pgsite:${key}: ${JSON.stringify(value)}`);
  return `config:\n${lines.join("\n")}\n`;
};
const texts = {
  orders: text({
    primary: "one",
    servers: { one: { dataDirectory: "/srv/orders" }, two: { dataDirectory: "/srv/orders" } },
    mirrors: ["far"],
  }),
  mirror: text({
    upstream: { server: "one", dataDirectory: "/srv/orders" },
    servers: { far: { dataDirectory: "/srv/orders", role: "mirror" } },
  }),
};

let stacks: RolloutStacks;
beforeAll(async () => {
  if (old === undefined || next === undefined) throw new Error("programs of 17 and 18 cannot be had");
  stacks = await RolloutStacks.up({ name: "upgrade-stacks", postgresql: from, binaries: old, block: 235 }, texts);
}, 300_000);
afterAll(async () => stacks?.rehearsal.down(), 60_000);

function declare(stack: string): void {
  const file = join(stacks.rehearsal.project, `Pulumi.${stack}.yaml`);
  const before = readFileSync(file, "utf8");
  const after = before
    .replaceAll(/(postgresql"?: *)"?\d+"?(?=[\s,}])/g, `$1"${to}"`)
    .replaceAll(/(binaries"?: *)"?[^\s",}]+"?/g, `$1"${next}"`);
  expect(after).not.toBe(before);
  writeFileSync(file, after);
}

test("pulumi is killed while the primary is upgraded; the next up goes on, and the mirror follows when its upstream has the version", {
  timeout: 900_000,
}, async () => {
  const one = stacks.servers("orders").find(({ name }) => name === "one");
  const far = stacks.servers("mirror")[0];
  if (one === undefined || far === undefined) throw new Error("there are three");
  await stacks.query(one, "create table kept as select n from generate_series(1, 1000) n");
  declare("orders");
  declare("mirror");

  const early = await stacks.preview("mirror");
  expect(early.code).not.toBe(0);
  expect(early.said).toContain("refused: one is PostgreSQL 17, and not 18 yet: bring up the stack that has it first");

  // Once the old server was stopped for it.
  const journal = `${one.dataDirectory}.pgsite/upgrade/journal.json`;
  const reached = () =>
    existsSync(journal) && /"phase": "(stopped|transferred|switching|started)"/.test(readFileSync(journal, "utf8"));
  await stacks.killedUp("orders", reached);
  const between = await stacks.preview("orders");
  expect(between.said).toMatch(/was cut off|the upgrade of one/);
  await stacks.rehearsal.up("orders");
  await stacks.endedWell("orders");

  const late = await stacks.preview("mirror");
  expect(late.code, late.said).toBe(0);
  expect(late.said).toContain("the upgrade of far: PostgreSQL 17 → 18:");
  await stacks.rehearsal.up("mirror");
  await stacks.endedWell("mirror");
  const sum = "select count(*)::text as rows from kept";
  expect((await stacks.query(far, sum))[0]?.rows).toBe("1000");
  expect(existsSync(`${far.dataDirectory}.version-17`)).toBe(true);
});
