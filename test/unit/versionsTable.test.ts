import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkout } from "../../toolchain/paths.mjs";
import { recordedRuns, versionsDocument } from "../support/versionsTable.js";

describe("docs/versions.md", () => {
  it("says what was run, and nothing else", () => {
    expect(readFileSync(join(checkout, "docs", "versions.md"), "utf8")).toBe(versionsDocument(recordedRuns()));
  });

  it("tells what works from what takes seeding, and from what was not run", () => {
    const day = "2026-11-30";
    const document = versionsDocument({
      "9.0": { failover: { day, version: "9.0.3", seeding: true } },
      "15": { failover: { day, version: "15.18" }, rejoin: { day, version: "15.18" } },
    });
    const row = (begin: string) => document.split("\n").find((line) => line.startsWith(`| ${begin}`));
    expect(row("run with")).toBe("| run with | 9.0.3 | 15.18 |");
    expect(row("failover by `up`")).toMatch(/\| seeds again, 2026-11-30 \| 2026-11-30 \|$/);
    expect(row("the old primary")).toMatch(/\| – \| 2026-11-30 \|$/);
  });
});
