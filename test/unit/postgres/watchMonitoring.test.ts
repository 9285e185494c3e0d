import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { messages } from "../../../installed/watch/messages.js";
import { conditions } from "../../../postgres/watch/conditions.js";
import { conditionTable } from "../../../postgres/watch/document.js";
import { metrics } from "../../../postgres/watch/metrics.js";
import { alertOf } from "../../../postgres/watch/monitoring.js";
import { checkout } from "../../../toolchain/paths.mjs";

const folder = join(checkout, "docs", "monitoring");
const read = (name: string) => readFileSync(join(folder, name), "utf8");
const promtool = (...args: readonly string[]) => spawnSync("promtool", args, { cwd: folder, encoding: "utf8" });
const hasPromtool = promtool("--version").status === 0;

describe("docs/monitoring", () => {
  it("has an alert for each condition, and names no metric that the watch does not write", () => {
    const alerts = read("alerts.yml");
    for (const { name } of conditions) expect(alerts).toContain(`"alert": "${alertOf(name)}"`);
    const known = new Set([...metrics.map(({ name }) => name), "pgsite_condition"]);
    const named = ["alerts.yml", "dashboard.json"].flatMap((file) => read(file).match(/\bpgsite_\w+/g) ?? []);
    expect(named.length).toBeGreaterThan(50);
    expect([...new Set(named)].filter((name) => !known.has(name))).toEqual([]);
  });

  it.skipIf(!hasPromtool)(
    "is what Prometheus takes, and each alert fires when its condition holds and not else",
    () => {
      expect(promtool("check", "rules", "alerts.yml")).toMatchObject({ status: 0 });
      expect(promtool("test", "rules", "alerts.test.yml")).toMatchObject({ status: 0 });
    },
  );

  it.skipIf(!hasPromtool)("has tests that see a rule that never fires", () => {
    const other = mkdtempSync(join(tmpdir(), "pgsite-rules-"));
    try {
      const broken = read("alerts.yml").replace('condition=\\"disk\\"} == 1', 'condition=\\"disk\\"} == 2');
      expect(broken).not.toBe(read("alerts.yml"));
      writeFileSync(join(other, "alerts.yml"), broken);
      writeFileSync(join(other, "alerts.test.yml"), read("alerts.test.yml"));
      expect(promtool("test", "rules", join(other, "alerts.test.yml"))).toMatchObject({ status: 1 });
    } finally {
      rmSync(other, { recursive: true, force: true });
    }
  });
});

describe("docs/watch.md", () => {
  it("has a row for each condition, as the watch goes by it", () => {
    const text = readFileSync(join(checkout, "docs", "watch.md"), "utf8");
    const [, table] = /<!-- conditions -->\n([\s\S]*?)\n?<!-- \/conditions -->/.exec(text) ?? [];
    expect(table).toBe(conditionTable((name) => messages[name]?.title ?? name));
  });
});
