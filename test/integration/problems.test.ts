import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { build } from "../../toolchain/build.mjs";
import { checkout } from "../../toolchain/paths.mjs";
import { type PulumiResult, PulumiSandbox } from "../support/pulumi.js";

let sandbox: PulumiSandbox;
/** Where the servers of these stacks would be, had anything been made of them. */
let place: string;

/** Two servers on this machine, with nothing wrong: each stack below changes some keys of it. */
const right = () => ({
  site: "orders",
  postgresql: "15",
  hosts: {
    db1: { address: "127.0.64.2", transport: "local" },
    db2: { address: "127.0.64.3", transport: "local" },
  },
  port: 5442,
  primary: "db1",
  servers: { db1: { dataDirectory: join(place, "one") }, db2: { dataDirectory: join(place, "two") } },
});

function declare(stack: string, keys: Readonly<Record<string, unknown>>): void {
  const config = Object.entries(keys).map(([key, value]) => [`pgsite:${key}`, value]);
  sandbox.write({ [`Pulumi.${stack}.yaml`]: stringify({ config: Object.fromEntries(config) }) });
}

beforeAll(async () => {
  await build();
  place = mkdtempSync("/var/tmp/pgsite-problems-");
  sandbox = await PulumiSandbox.make();
  sandbox.write({ "Pulumi.yaml": readFileSync(join(checkout, "Pulumi.yaml"), "utf8") });
  symlinkSync(join(checkout, "dist"), join(sandbox.program, "dist"));
  declare("eight", {
    ...right(),
    servers: {
      db1: { dataDirectory: join(place, "one") },
      db2: { host: "db1", dataDirectory: join(place, "two") },
    },
    settings: {
      max_connections: "500ABC",
      shared_bufers: "1GB",
      checkpoint_segments: 3,
      work_mem: "12 parsecs",
      summarize_wal: true,
    },
    access: ["host all all 10.0.0.0/33 scram-sha-256", "host all all 10.0.0.0/8 krb5"],
  });
  declare("misspelt", { ...right(), primery: "db1", acess: [], initdb: { locail: "C" }, mirrorz: ["db1"] });
  declare("clear", { ...right(), "password-postgres": "hunter2", "password-replicator": "correct horse" });
  for (const stack of ["eight", "misspelt", "clear"]) await sandbox.must(["stack", "init", stack]);
}, 120_000);

afterAll(async () => {
  await sandbox?.remove();
  rmSync(place, { recursive: true, force: true });
}, 60_000);

const commands = {
  preview: ["preview"],
  up: ["up", "--yes"],
  "up without a preview": ["up", "--yes", "--skip-preview"],
} as const;

/** Runs what must fail; what is told at the end, under Diagnostics, line by line. */
async function refused(command: keyof typeof commands, stack: string): Promise<readonly string[]> {
  const result = await sandbox.run([...commands[command], "--stack", stack]);
  expect(result.code, everything(result)).not.toBe(0);
  expect(everything(result)).not.toMatch(/^\s+at .+:\d+|Error: |node:internal/m);
  const { stdout } = result;
  return stdout
    .slice(stdout.indexOf("Diagnostics:"))
    .split("\n")
    .map((line) => line.trim());
}

function everything({ stdout, stderr }: PulumiResult): string {
  return `${stdout}${stderr}`;
}

/** Neither the engine nor this machine has anything of it. */
async function expectUntouched(stack: string): Promise<void> {
  expect(readdirSync(place)).toEqual([]);
  expect([...(await sandbox.state(stack)).values()].filter(({ type }) => type !== "pulumi:pulumi:Stack")).toEqual([]);
}

const eight = [
  "settings.checkpoint_segments: checkpoint_segments ended with 9.4: use max_wal_size",
  'settings.max_connections: "500ABC" is not an integer; allowed: 1 to 262143',
  "settings.shared_bufers: no setting of PostgreSQL 15 has this name; is shared_buffers meant?",
  "settings.summarize_wal: summarize_wal comes with 17; this is 15",
  'settings.work_mem: "12 parsecs" has the unknown unit "parsecs"; allowed units: B, kB, MB, GB, TB',
  'access[0].address: "10.0.0.0/33": "33" is no prefix length of an IPv4 address; allowed: 0 to 32',
  "access[1].method: krb5 ended with 9.3; allowed at 15: trust, reject, md5, password, scram-sha-256, ident, peer, gss, sspi, ldap, radius, cert, pam, bsd",
  "servers.db2.port: db2 and db1 are both on port 5442 of db1 (127.0.64.2): give one of them another port or address",
];

describe("a stack file with mistakes", () => {
  it.each(Object.keys(commands) as (keyof typeof commands)[])(
    "has all eight told by one %s, each with its path and the remedy, and nothing is touched",
    async (command) => {
      const told = await refused(command, "eight");
      const passwords = command.startsWith("up without") ? 2 : 0;
      const first = told.indexOf(`error: ${8 + passwords} problems in Pulumi.eight.yaml; nothing was touched:`);
      expect(first, told.join("\n")).toBeGreaterThan(0);
      const listed = told.slice(first + 1, told.indexOf("", first));
      expect(listed.filter((line) => !line.startsWith("password-"))).toEqual(eight);
      expect(listed.length).toBe(8 + passwords);
      await expectUntouched("eight");
    },
    60_000,
  );

  it("has misspelt keys told with the nearest that there is", async () => {
    const told = await refused("preview", "misspelt");
    const known =
      "site, postgresql, binaries, layout, osUser, port, hosts, primary, standalone, upstream, servers, mirrors, mirrorStacks, administrator,";
    expect(told).toContain("error: 2 problems in Pulumi.misspelt.yaml; nothing was touched:");
    expect(told).toContain(
      'initdb: unknown: "locail" (did you mean locale?); known here: locale, encoding, dataChecksums',
    );
    expect(told.join("\n")).toContain(
      `(stack file): unknown: "acess" (did you mean access?), "mirrorz" (did you mean mirrors?), "primery" (did you mean primary?); known here: ${known}`,
    );
    await expectUntouched("misspelt");
  }, 60_000);

  it("has passwords refused that are stored in clear, by name and never shown", async () => {
    for (const command of ["preview", "up without a preview"] as const) {
      const result = await sandbox.run([...commands[command], "--stack", "clear"]);
      expect(result.code).not.toBe(0);
      for (const role of ["postgres", "replicator"]) {
        expect(result.stdout).toContain(
          `password-${role}: is stored in clear: pulumi config set --secret password-${role} encrypts it (and choose a new one)`,
        );
      }
      expect(everything(result)).not.toMatch(/hunter2|correct horse/);
    }
    await expectUntouched("clear");
  }, 60_000);
});
