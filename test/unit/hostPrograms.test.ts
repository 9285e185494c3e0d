import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hostPrograms } from "../../config/hostPrograms.js";
import { checkout } from "../../toolchain/paths.mjs";

const read = (...path: readonly string[]) => readFileSync(join(checkout, ...path), "utf8");

/** What starts services, and what is the host's own way to packages and users: each is asked for where it is used. */
const asked = ["crontab", "systemctl", "sh", "ps", "true"];

describe("the programs that pgsite runs on hosts", () => {
  it("are those that the preflight asks for: no host is asked to run another", () => {
    const folders = ["servers", "provider", "preflight", "installed", "cli"];
    const sources = folders.flatMap((folder) =>
      readdirSync(join(checkout, folder), { recursive: true, encoding: "utf8" })
        .filter((path) => path.endsWith(".ts"))
        .map((path) => read(folder, path)),
    );
    const run = sources.flatMap((text) =>
      [...text.matchAll(/\.(?:run|must|spawn)\(\s*\[\s*"([^"/]+)"/g)].map(([, program]) => program as string),
    );
    expect(run.length).toBeGreaterThan(20);
    expect([...new Set(run)].filter((program) => !asked.includes(program) && !(program in hostPrograms))).toEqual([]);
  });

  it("have among them all without which the runbook's scripts refuse", () => {
    const needed = /^needed='(.*)'$/m.exec(read("installed", "runbook", "common.sh"))?.[1]?.split(" ") ?? [];
    expect(needed).toContain("awk");
    expect(needed.filter((program) => hostPrograms[program]?.when !== "always")).toEqual([]);
  });

  it("have among them all without which the programs of backups and watch refuse", () => {
    const scripts = readdirSync(join(checkout, "installed"), { recursive: true, encoding: "utf8" })
      .filter((path) => !/\.(ts|awk)$/.test(path) && !path.startsWith("runbook") && path.includes("/"))
      .map((path) => read("installed", path));
    // `need NAME…`, and a loop of the same, in which ${rate:+pv} is asked for if it is declared.
    const asking = /^\s*(?:need ([^\n]+)|for one in ([^\n]+?); do\n\s*command -v \$one)/gm;
    const names = (text: string) => text.replaceAll(/\$\([^)]*echo|\)/g, " ").replaceAll(/\$\{\w+:\+(\w+)\}/g, "$1");
    const needed = scripts.flatMap((text) =>
      [...text.replaceAll("\\\n", " ").replaceAll('"', "").matchAll(asking)].flatMap(([, one = "", other = ""]) =>
        names(one + other)
          .trim()
          .split(/\s+/),
      ),
    );
    expect(needed).toContain("sha256sum");
    const isKnown = (name: string) => hostPrograms[name]?.when === "always" || hostPrograms[name]?.jobs !== undefined;
    expect([...new Set(needed)].filter((name) => !isKnown(name))).toEqual([]);
  });

  it("are named by the documents, each with its package", () => {
    const page = read("docs", "preflight.md");
    const section = page.slice(page.indexOf("## What a host needs"));
    for (const [program, { from }] of Object.entries(hostPrograms)) {
      expect(section, program).toContain(`\`${program}\``);
      expect(section, program).toContain(from === "client" ? "postgresql-client" : from);
    }
  });
});
