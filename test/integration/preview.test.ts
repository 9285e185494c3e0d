import { readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { build } from "../../toolchain/build.mjs";
import { checkout } from "../../toolchain/paths.mjs";
import { PulumiSandbox } from "../support/pulumi.js";

let sandbox: PulumiSandbox;

beforeAll(async () => {
  await build();
  sandbox = await PulumiSandbox.make();
  const committed = (name: string) => readFileSync(join(checkout, name), "utf8");
  sandbox.write({
    "Pulumi.yaml": committed("Pulumi.yaml"),
    "Pulumi.ctio.yaml": committed("Pulumi.ctio.yaml"),
    "Pulumi.fnal.yaml": committed("Pulumi.fnal.yaml"),
    "Pulumi.wrong.yaml": stringify({ config: wrong }),
    "Pulumi.misspelt.yaml": stringify({
      config: { ...wrong, "pgsite:serverz": {}, "pgsite:password-postgres": "hunter2" },
    }),
  });
  symlinkSync(join(checkout, "dist"), join(sandbox.program, "dist"));
  for (const stack of ["ctio", "fnal", "wrong", "misspelt"]) await sandbox.must(["stack", "init", stack]);
}, 120_000);

afterAll(() => sandbox.remove(), 60_000);

describe("a preview of the committed stacks, on a machine that reaches none of their hosts", () => {
  const expected = {
    ctio: { servers: ["server2", "server3"], more: ["dbadmin", "decam_dev", "sispi-rollout"] },
    fnal: { servers: ["des10"], more: ["sispi-rollout"] },
  };
  for (const [stack, { servers, more }] of Object.entries(expected)) {
    it(`shows the plan of ${stack} without waiting for anyone`, async () => {
      const began = Date.now();
      const { stdout } = await sandbox.must(["preview", "--json", "--stack", stack], { seconds: 30 });
      expect(Date.now() - began).toBeLessThan(20_000);
      const { steps } = JSON.parse(stdout) as { steps: { op: string; urn: string }[] };
      expect([...new Set(steps.map(({ op }) => op))]).toEqual(["create"]);
      const parts = ["directory", "data", "passfile", "configuration", "start"];
      const children = servers.flatMap((server) => parts.map((part) => `${server}-${part}`));
      const names = steps.map(({ urn }) => urn.split("::").at(-1));
      expect(names.sort()).toEqual([...servers, ...children, ...more, "sispi", `pgsite-${stack}`].sort());
    });
  }

  it("says that a password is missing; an up refuses without it, and makes nothing", async () => {
    const preview = await sandbox.must(["preview", "--stack", "ctio"]);
    expect(`${preview.stdout}`).toContain(
      "warning: password-dbadmin: the role dbadmin has no password: pulumi up will refuse until you give one (pulumi config set --secret password-dbadmin)",
    );
    const up = await sandbox.run(["up", "--yes", "--skip-preview", "--stack", "ctio"]);
    expect(up.code).not.toBe(0);
    expect(up.stdout).toContain("1 problem in Pulumi.ctio.yaml; nothing was touched:");
    expect(up.stdout).toContain(
      "password-dbadmin: the role dbadmin has no password: give one (pulumi config set --secret password-dbadmin)",
    );
    expect([...(await sandbox.state("ctio")).keys()].filter((urn) => urn.includes("pgsite:index"))).toEqual([]);
  });
});

/** One stack with the eight mistakes of an administrator in a hurry. */
const wrong = {
  "pgsite:site": "orders",
  "pgsite:postgresql": "15",
  "pgsite:hosts": { db1: "192.0.2.1", db2: "192.0.2.2" },
  "pgsite:primary": "db1",
  "pgsite:servers": {
    db1: { dataDirectory: "/srv/pgsite-wrong/1" },
    db2: { host: "db1", dataDirectory: "/srv/pgsite-wrong/2" },
  },
  "pgsite:settings": {
    max_connections: "500ABC",
    shared_bufers: "1GB",
    checkpoint_segments: 3,
    work_mem: "12 parsecs",
    summarize_wal: true,
  },
  "pgsite:access": ["host all all 10.0.0.0/33 scram-sha-256", "host all all 10.0.0.0/8 krb5"],
};

describe("a stack file with mistakes", () => {
  it("shows all eight in one preview, each with its path and remedy, without a stack trace", async () => {
    const { code, stdout, stderr } = await sandbox.run(["preview", "--stack", "wrong"]);
    expect(code).not.toBe(0);
    const from = stdout.indexOf(
      "8 problems in Pulumi.wrong.yaml; nothing was touched:",
      stdout.indexOf("Diagnostics:"),
    );
    expect(from).toBeGreaterThan(0);
    const lines = stdout
      .slice(from)
      .split("\n")
      .slice(1, 9)
      .map((line) => line.trim());
    expect(lines).toEqual([
      "settings.checkpoint_segments: checkpoint_segments ended with 9.4: use max_wal_size",
      'settings.max_connections: "500ABC" is not an integer; allowed: 1 to 262143',
      "settings.shared_bufers: no setting of PostgreSQL 15 has this name; is shared_buffers meant?",
      "settings.summarize_wal: summarize_wal comes with 17; this is 15",
      'settings.work_mem: "12 parsecs" has the unknown unit "parsecs"; allowed units: B, kB, MB, GB, TB',
      'access[0].address: "10.0.0.0/33": "33" is no prefix length of an IPv4 address; allowed: 0 to 32',
      expect.stringMatching(/^access\[1\]\.method: krb5 ended with 9\.3; allowed at 15: trust, reject, md5, /),
      "servers.db2.port: db2 and db1 are both on port 5432 of db1 (192.0.2.1): give one of them another port or address",
    ]);
    expect(`${stdout}${stderr}`).not.toMatch(/\n\s+at .*:\d+:\d+/);
  });

  it("names the key that was meant, and refuses a password in clear without showing it", async () => {
    const { code, stdout, stderr } = await sandbox.run(["preview", "--stack", "misspelt"]);
    expect(code).not.toBe(0);
    expect(stdout).toContain('(stack file): unknown: "serverz" (did you mean servers?); known here: site, postgresql,');
    expect(stdout).toContain(
      "password-postgres: is stored in clear: pulumi config set --secret password-postgres encrypts it",
    );
    expect(`${stdout}${stderr}`).not.toContain("hunter2");
  });
});
