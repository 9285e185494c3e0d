import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
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

has(
  "a preview says one clear thing, and the up does it",
  async () => {
    const stack = stacks as RolloutStacks;
    const first = await stack.preview("orders", "--expect-no-changes");
    expect(first.code, first.said).toBe(0);
    declare(stack, to, next ?? "");
    const preview = await stack.preview("orders", "--diff");
    console.log(preview.said);
    expect(preview.code).toBe(0);
    await stack.rehearsal.up("orders");
    const [one, two] = stack.servers("orders");
    for (const server of [one, two]) {
      expect(readFileSync(join(server?.dataDirectory ?? "", "PG_VERSION"), "utf8").trim()).toBe(to);
    }
    console.log(readdirSync(join(one?.dataDirectory ?? "", "..")), existsSync(one?.dataDirectory ?? ""));
    await stack.endedWell("orders");
  },
  600_000,
);
