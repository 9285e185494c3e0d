import { describe, expect, it } from "vitest";
import { type Complaint, type Finding, findingAt } from "../../../preflight/finding.js";
import type { PreflightReport } from "../../../preflight/index.js";
import { listOf } from "../../../preflight/list.js";

const complaint = (more: Partial<Complaint> = {}): Complaint => ({
  check: "service",
  severity: "error",
  path: "service.manager",
  cause: "it takes root",
  remedy: "log in as root",
  ...more,
});

const naming = (host: string) =>
  complaint({
    cause: `postgresql-${host} takes root`,
    remedy: `log in as root (hosts.${host}.login: root)`,
    ofMany: { cause: "a unit takes root", remedy: "log in as root (hosts.NAME.login: root)" },
  });

function listed(findings: readonly Finding[], more: Partial<PreflightReport> = {}) {
  const report = { observations: [], findings, packages: {}, folders: {}, ...more };
  const list = listOf(report, ({ severity }) => severity === "error");
  return list === undefined ? undefined : [list.severity, ...list.text.trimEnd().split("\n")];
}

describe("the list of a preflight", () => {
  it("says what is the same of several hosts once, with a remedy for all of them, though its words name each alone", () => {
    const all = ["db1", "db2", "db3"].map((host) => findingAt(host, host, naming(host)));
    expect(listed(all.slice(0, 1))).toEqual([
      "error",
      "the preflight found 1 problem: no server was made or changed",
      "  db1: postgresql-db1 takes root: log in as root (hosts.db1.login: root)",
    ]);
    expect(listed(all)).toEqual([
      "error",
      "the preflight found 1 problem: no server was made or changed",
      "  db1, db2 and db3: a unit takes root: log in as root (hosts.NAME.login: root)",
    ]);
  });

  it("keeps apart what is not the same, and what another check says in the same words", () => {
    const words = { cause: "one thing", remedy: "another" };
    const findings = [
      findingAt("db1", undefined, complaint(words)),
      findingAt("db2", undefined, complaint({ ...words, cause: "something else" })),
      findingAt("db3", undefined, complaint({ ...words, check: "root" })),
    ];
    expect(listed(findings)).toEqual([
      "error",
      "the preflight found 3 problems: no server was made or changed",
      "  db1: one thing: another",
      "  db2: something else: another",
      "  db3: one thing: another",
    ]);
  });

  it("goes on after the names of several hosts where a cause says its remedy too", () => {
    const refused = (host: string): Finding => ({
      ...findingAt(
        host,
        undefined,
        complaint({ check: "user", cause: `cannot be reached: ${host} is closed`, remedy: "" }),
      ),
      ofMany: { cause: "cannot be reached: it is closed", remedy: "" },
    });
    expect(listed([refused("db1"), refused("db2")])?.at(-1)).toBe("  db1 and db2 cannot be reached: it is closed");
    expect(listed([refused("db1")])?.at(-1)).toBe("  db1 cannot be reached: db1 is closed");
  });

  it("marks a warning among problems, and says what an up makes where nothing is wrong", () => {
    const warning = findingAt("db1", undefined, complaint({ severity: "warning" }));
    const folders = {
      db1: [{ path: "/srv/postgresql", mode: 0o755 }],
      db2: [{ path: "/srv/postgresql", mode: 0o755 }],
    };
    const host = (name: string) =>
      ({ host: { name, transport: "ssh", address: "192.0.2.1", user: "postgres" }, unreachable: "" }) as const;
    const more = { folders, observations: [host("db1"), host("db2")] };
    const folder = "the folder /srv/postgresql 0755 postgres on db1 and db2, as root";
    expect(listed([warning, findingAt("db2", undefined, complaint({ cause: "more" }))], more)).toEqual([
      "error",
      "the preflight found 1 problem and 1 warning: no server was made or changed",
      "  db2: more: log in as root",
      "  (warning) db1: it takes root: log in as root",
    ]);
    expect(listed([warning], more)).toEqual([
      "warning",
      "the preflight found 1 warning:",
      "  db1: it takes root: log in as root",
      `  an up first makes ${folder}`,
    ]);
    expect(listed([], more)).toEqual(["info", "an up makes, before anything else:", `  ${folder}`]);
    expect(listed([])).toBeUndefined();
  });
});
