import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { readStackText } from "../../config/file.js";
import { build } from "../../toolchain/build.mjs";
import { checkout } from "../../toolchain/paths.mjs";
import { command } from "../support/multihost/command.js";
import { PulumiSandbox } from "../support/pulumi.js";

type Config = Record<string, unknown>;

const folders: string[] = [];
beforeAll(() => build(), 60_000);
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A checkout with stack files of its own, as data. */
function checkoutOf(stacks: Readonly<Record<string, Config>>): string {
  const folder = mkdtempSync(join(tmpdir(), "pgsite-check-"));
  folders.push(folder);
  writeFileSync(join(folder, "Pulumi.yaml"), readFileSync(join(checkout, "Pulumi.yaml"), "utf8"));
  for (const [name, config] of Object.entries(stacks)) {
    writeFileSync(join(folder, `Pulumi.${name}.yaml`), stringify({ encryptionsalt: "v1:none:at-all", config }));
  }
  return folder;
}

const ctio = (parse(readFileSync(join(checkout, "Pulumi.ctio.yaml"), "utf8")) as { config: Config }).config;
const encrypted = { secure: "v1:c2VjcmV0:c2VjcmV0" };
const given = { ...ctio, "pgsite:password-dbadmin": encrypted };
const isRoot = userInfo().uid === 0;

/** The command with nothing: no environment, so no Pulumi, passphrase or home; and, as root, in a network without even itself. */
async function check(folder: string, ...args: readonly string[]) {
  const program = [process.execPath, join(checkout, "dist", "pgsite.js"), "check", ...args];
  const argv = ["/usr/bin/env", "-i", "-C", folder, ...(isRoot ? ["/usr/bin/unshare", "--net"] : []), ...program];
  return command(argv, { env: {} });
}

describe("pgsite check, without an environment, without a network", () => {
  it("judges every stack file of a checkout, and opens no secret", async () => {
    const { code, stdout, stderr } = await check(checkoutOf({ ctio: given }));
    expect(stderr).toBe("");
    expect(stdout.split("\n")[0]).toBe("ctio: PostgreSQL 9.0, primary server2, standby server3");
    // The password is there, encrypted: nothing is said of it.
    expect(stdout).not.toMatch(/password-dbadmin|error:/);
    expect(code).toBe(0);
  });

  it("refuses with all problems, in all stacks", async () => {
    const settings = { ...(ctio["pgsite:settings"] as Config), max_conections: 1, wal_level: "hot" };
    const folder = checkoutOf({
      one: { ...given, "pgsite:settings": settings },
      two: { ...given, "pgsite:password-dbadmin": "s3cretInClear", "pgsite:primry": "server2" },
    });
    const { code, stdout } = await check(folder);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^one: refused$/m);
    expect(stdout).toContain("is max_connections meant?");
    expect(stdout).toContain("wal_level");
    expect(stdout).toMatch(/^two: refused$/m);
    expect(stdout).toContain("primry");
    expect(stdout).toContain("password-dbadmin: is stored in clear");
    expect(stdout).not.toContain("s3cret");
  });

  it("shows what changes from another checkout to this one: the consequence, and the files", async () => {
    const before = checkoutOf({ ctio: given, gone: given });
    const settings = { ...(ctio["pgsite:settings"] as Config), max_connections: 500, log_rotation_age: 60 };
    const after = checkoutOf({
      ctio: {
        ...given,
        "pgsite:settings": settings,
        "pgsite:primary": "server3",
        "pgsite:access": [...(ctio["pgsite:access"] as string[]), "host all all 198.51.100.0/24 trust"],
        "pgsite:databases": { decam_dev: {}, more: {} },
      },
      fresh: given,
    });
    const { code, stdout } = await check(after, "--against", before);
    expect(code).toBe(0);
    for (const line of [
      "primary: server2 → server3",
      "server2: role: primary → standby",
      "server3: upstream: server2 → none",
      "server3: postgresql.conf max_connections: 400 → 500: restart in order",
      "server2: postgresql.conf log_rotation_age: 30d → 1h: reload",
      "database more: new",
    ])
      expect(stdout).toContain(`    ${line}\n`);
    expect(stdout).toMatch(/^\+host +all +all +198\.51\.100\.0\/24 +trust$/m);
    expect(stdout).toMatch(/^--- server2\/postgresql\.conf/m);
    expect(stdout).toMatch(/^\+max_connections = '500'$/m);
    expect(stdout).toMatch(/^fresh: .*\n(.*\n)*? {2}a new stack$/m);
    expect(stdout).toContain("gone: no longer here");
  });

  it("says that nothing changes where nothing does, be it written otherwise", async () => {
    const again = checkoutOf({ ctio: Object.fromEntries(Object.entries(given).reverse()) });
    const { stdout } = await check(again, "--against", checkoutOf({ ctio: given }));
    expect(stdout).toContain("  no server's files change, nor anything else that is checked here\n");
  });

  it("shows no password that stands in a stack file by hand, and warns of it", async () => {
    const ldap = (password: string) =>
      `host all all 198.51.100.0/24 ldap ldapserver=l ldapbasedn="dc=x" ldapbinddn="cn=x" ldapbindpasswd=${password}`;
    const access = (password: string) => ({ ...given, "pgsite:postgresql": "15", "pgsite:access": [ldap(password)] });
    const head = checkoutOf({ ctio: access("s3cretNew") });
    const { stdout } = await check(head, "--files", "--against", checkoutOf({ ctio: access("s3cretOld") }));
    expect(stdout).toContain("access[0]: may hold a secret, and stands in clear in the stack file");
    expect(stdout).toContain("ldapbindpasswd=");
    expect(stdout).not.toContain("s3cret");
  });

  it("takes what is encrypted within a value, or as a whole, for what it cannot know", async () => {
    const folder = checkoutOf({
      ctio: { ...given, "pgsite:settings": { secure: "v1:x:y" }, "pgsite:hooks": { fence: encrypted } },
    });
    const { stdout } = await check(folder);
    expect(stdout).toContain("settings: is encrypted as a whole");
    expect(stdout).not.toContain("c2VjcmV0");
  });

  it.each([
    ["no YAML", "config: ["],
    ["no stack file", "- 1"],
    ["no keys", "config: 5"],
  ])("says of a file that is %s what it is not", async (_what, text) => {
    const folder = checkoutOf({ ctio: given });
    writeFileSync(join(folder, "Pulumi.ctio.yaml"), text);
    const { code, stdout, stderr } = await check(folder);
    expect(stderr).toBe("");
    expect(stdout).toMatch(/^ctio: refused\n {2}error: \(stack file\): \S/);
    expect(code).toBe(1);
  });
});

describe("a stack file that is read without Pulumi", () => {
  let sandbox: PulumiSandbox;
  afterAll(() => sandbox?.remove());

  it("says what Pulumi says that it says", { timeout: 60_000 }, async () => {
    sandbox = await PulumiSandbox.make();
    const awkward = `config:
  pgsite:a: yes
  pgsite:b: "017"
  pgsite:c: 9.0
  pgsite:d: 1.50
  pgsite:e: 0x10
  pgsite:f: true
  pgsite:h: &rest {listen: "*", deep: {z: 1, a: "x<y>&ü"}}
  pgsite:i: [1, "2", no, {a: null}, -0.5]
  pgsite:j: |
    two
    lines
  pgsite:k: {<<: *rest, more: 1}
  bare: 5
  aws:region: x
`;
    const stacks = Object.fromEntries(
      ["ctio", "fnal"].map((stack) => [stack, readFileSync(join(checkout, `Pulumi.${stack}.yaml`), "utf8")]),
    );
    sandbox.write({ "Pulumi.yaml": readFileSync(join(checkout, "Pulumi.yaml"), "utf8") });
    for (const [stack, text] of Object.entries({ ...stacks, awkward })) {
      await sandbox.must(["stack", "init", stack]);
      sandbox.write({ [`Pulumi.${stack}.yaml`]: text });
      const { stdout } = await sandbox.must(["config", "--json", "--stack", stack]);
      const known = Object.entries(JSON.parse(stdout) as Record<string, { value: string; objectValue?: unknown }>);
      const theirs = Object.fromEntries(known.map(([key, one]) => [key, one.objectValue ?? one.value]));
      const ours = Object.fromEntries(
        Object.entries(readStackText("pgsite", text).raw).map(([key, value]) => [
          key,
          typeof theirs[key] === "object" ? JSON.parse(value) : value,
        ]),
      );
      expect(ours).toEqual(theirs);
    }
  });
});
