import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { allPrograms } from "../../toolchain/clients.mjs";
import { quick } from "../support/rolloutSite.js";
import { RolloutStacks } from "../support/rolloutStack.js";

const [from, to] = ["17", "18"] as const;
const [old, next] = await Promise.all([allPrograms(from), allPrograms(to)]);

/** A primary and a hot standby. */
function text(settings: Readonly<Record<string, unknown>> = {}, upgrade: unknown = undefined): string {
  const keys = {
    site: "orders",
    postgresql: "17",
    hosts: { one: "192.0.2.1", two: "192.0.2.2" },
    primary: "one",
    servers: { one: { dataDirectory: "/srv/orders" }, two: { dataDirectory: "/srv/orders" } },
    settings: { ...quick, ...settings },
    ...(upgrade === undefined ? {} : { upgrade }),
  };
  const lines = Object.entries(keys).map(([key, value]) => `  pgsite:${key}: ${JSON.stringify(value)}`);
  return `config:\n${lines.join("\n")}\n`;
}

let stacks: RolloutStacks | undefined;

beforeAll(async () => {
  if (old === undefined || next === undefined) return;
  stacks = await RolloutStacks.up(
    { name: "upgrade-site", postgresql: from, binaries: old, block: 235 },
    { orders: text() },
  );
}, 240_000);
afterAll(async () => stacks?.rehearsal.down(), 60_000);

const has = test.skipIf(old === undefined || next === undefined);

/** Declares another version and its programs, as an administrator does: by these lines of the stack file. */
function declare(stack: RolloutStacks, version: string, binaries: string): void {
  const file = join(stack.rehearsal.project, "Pulumi.orders.yaml");
  const before = readFileSync(file, "utf8");
  const after = before
    .replaceAll(/(postgresql"?: *)"?\d+"?(?=[\s,}])/g, `$1"${version}"`)
    .replaceAll(/(binaries"?: *)"?[^\s",}]+"?/g, `$1"${binaries}"`);
  expect(after).not.toBe(before);
  writeFileSync(file, after);
}

/** What a run said among its diagnostics, without the list of resources. */
const saidOf = (text: string) => text.slice(text.indexOf("Diagnostics:")).split("Resources:")[0]?.split("\n") ?? [];

has(
  "a preview says one clear thing, or refuses with it, and the up does it",
  async () => {
    const stack = stacks as RolloutStacks;
    const [one, two] = stack.servers("orders");
    if (one === undefined || two === undefined) throw new Error("there are two");
    const first = await stack.preview("orders", "--expect-no-changes");
    expect(first.code, first.said).toBe(0);
    await stack.query(
      one,
      "create table kept as select n, md5(n::text) as note from generate_series(1, 1000) n",
      "create table bad (call regproc)",
    );
    declare(stack, to, next ?? "");

    const refused = await stack.preview("orders");
    expect(refused.code).not.toBe(0);
    expect(refused.said).toContain("the upgrade of one: PostgreSQL 17 → 18:");
    expect(refused.said).toContain("refused: public.bad.call in postgres are of a reg* type");
    expect(refused.said).toContain("refused: pg_upgrade --check refuses:");
    await expect(stack.rehearsal.up("orders")).rejects.toThrow("public.bad.call in postgres");
    expect((await stack.query(one, "show server_version"))[0]?.server_version).toMatch(/^17/);
    await stack.query(one, "drop table bad");

    const { code, said } = await stack.preview("orders");
    expect(code, said).toBe(0);
    const own = saidOf(said).filter((line) => /^ {4}\S/.test(line));
    expect(own.filter((line) => !line.startsWith("    the upgrade of one: PostgreSQL 17 → 18:"))).toEqual([]);
    expect(said).toContain("pg_upgrade --check, run against the running server: the clusters are compatible");
    expect(said).toContain("two is stopped, set aside with the data of 17, and seeded anew");

    await stack.rehearsal.up("orders");
    for (const server of [one, two]) {
      expect(readFileSync(join(server.dataDirectory, "PG_VERSION"), "utf8").trim(), server.name).toBe(to);
      expect(readFileSync(join(`${server.dataDirectory}.version-17`, "PG_VERSION"), "utf8").trim()).toBe(from);
    }
    const sum = "select count(*) as rows, md5(string_agg(note, ',' order by n)) as sum from kept";
    const [row] = await stack.query(one, sum);
    expect(row?.rows).toBe("1000");
    await stack.endedWell("orders");
    expect((await stack.query(two, sum))[0]).toEqual(row);
  },
  600_000,
);
