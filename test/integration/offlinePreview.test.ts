import { existsSync, readFileSync, symlinkSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { build } from "../../toolchain/build.mjs";
import { checkout } from "../../toolchain/paths.mjs";
import { PulumiSandbox } from "../support/pulumi.js";
import { stackText, stepsIn } from "../support/rehearsal.js";

let sandbox: PulumiSandbox;

beforeAll(async () => {
  await build();
  sandbox = await PulumiSandbox.make();
  sandbox.write({
    "Pulumi.yaml": readFileSync(join(checkout, "Pulumi.yaml"), "utf8"),
    "Pulumi.ctio.yaml": stackText("ctio"),
    "Pulumi.fnal.yaml": stackText("fnal"),
    "Pulumi.momentum.yaml": stackText("momentum"),
  });
  symlinkSync(join(checkout, "dist"), join(sandbox.program, "dist"));
  for (const stack of ["ctio", "fnal", "momentum"]) await sandbox.must(["stack", "init", stack]);
}, 120_000);

afterAll(() => sandbox?.remove(), 60_000);

/** What is made of each server. */
const parts = [
  ["pgsite:index:DataDirectory", "directory"],
  ["command:local:Command", "data"],
  ["pgsite:index:HostFile", "passfile"],
  ["pgsite:index:ServerConfiguration", "configuration"],
  ["pgsite:index:Service", "service"],
  ["command:local:Command", "start"],
] as const;

const server = (name: string) => [
  `create pgsite:index:Server ${name}`,
  ...parts.map(([type, part]) => `create ${type} ${name}-${part}`),
];

const watchOf = (site: string) => [
  `create pgsite:index:Watch ${site}-watch`,
  `create pgsite:index:Jobs ${site}-watch-jobs`,
];
const watch = watchOf("sispi");

const plans: Readonly<Record<string, readonly string[]>> = {
  ctio: [
    "create pgsite:index:Site sispi",
    "create pgsite:index:Preflight sispi-preflight",
    "create pgsite:index:Upgrade sispi-upgrade",
    ...server("server2"),
    ...server("server3"),
    "create pgsite:index:Role dbadmin",
    "create pgsite:index:Database decam_dev",
    "create pgsite:index:Rollout sispi-rollout",
    "create pgsite:index:Runbook sispi-runbook",
    "create pgsite:index:Topology sispi-topology",
    "create pgsite:index:Access sispi-access",
    "create pgsite:index:DatabaseBackups sispi-backups",
    "create pgsite:index:Jobs sispi-backups-jobs",
    ...watch,
    "create pgsite:index:WebViewers sispi-viewers",
  ],
  fnal: [
    "create pgsite:index:Site sispi",
    "create pgsite:index:Preflight sispi-preflight",
    "create pgsite:index:Upgrade sispi-upgrade",
    ...server("des10"),
    "create pgsite:index:Rollout sispi-rollout",
    "create pgsite:index:Runbook sispi-runbook",
    "create pgsite:index:Topology sispi-topology",
    ...watch,
  ],
  momentum: [
    "create pgsite:index:Site momentum",
    "create pgsite:index:Preflight momentum-preflight",
    "create pgsite:index:Upgrade momentum-upgrade",
    ...server("msyspg"),
    "create pgsite:index:Role msyspg",
    "create pgsite:index:Role ecuser",
    "create pgsite:index:Database ecelerity",
    "create pgsite:index:Schema ecelerity.webconsole",
    "create pgsite:index:Rollout momentum-rollout",
    "create pgsite:index:Runbook momentum-runbook",
    "create pgsite:index:Topology momentum-topology",
    "create pgsite:index:Access momentum-access",
    "create pgsite:index:HostFile momentum-file-momentum-ecdb.ini",
    "create pgsite:index:DatabaseBackups momentum-backups",
    "create pgsite:index:Jobs momentum-backups-jobs",
    ...watchOf("momentum"),
  ],
};

const resources = (stack: string) => [...(plans[stack] ?? [])].sort();

const addresses: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ctio: { server2: "192.0.2.2", server3: "192.0.2.3" },
  fnal: { des10: "192.0.2.10" },
  momentum: { momentum: "192.0.2.30" },
};

/** Roles of each stack that need a password: until it is there, previews say so and an up refuses. */
const roles: Readonly<Record<string, readonly string[]>> = {
  ctio: ["dbadmin"],
  fnal: ["dbadmin"],
  momentum: ["msyspg", "ecuser"],
};
const missing = (role: string, remedy: string) =>
  `password-${role}: the role ${role} has no password: ${remedy} (pulumi config set --secret password-${role})`;
const later = "pulumi up will refuse until you give one";
const said = ({ stdout, stderr }: { stdout: string; stderr: string }) => `${stdout}${stderr}`;

/** Generous on a machine of CI; a single connection to an address that nobody answers from takes over two minutes. */
const quick = { seconds: 20 };

async function givePassword(stack: string, role: string): Promise<void> {
  const args = ["config", "set", "--secret", `password-${role}`, "--stack", stack];
  await execa("pulumi", args, {
    cwd: sandbox.program,
    env: sandbox.env,
    extendEnv: false,
    input: "s3cret",
    timeout: 60_000,
  });
}

/** Where the tests' own ssh is, which reaches nobody. */
const refusing = join(checkout, "test", "support", "refusing");

/** Only root makes networks everywhere; elsewhere what dials would dial the stack files' addresses. */
const canIsolate = userInfo().uid === 0 && ["/sbin/ip", "/usr/sbin/ip"].some((path) => existsSync(path));
const isolated = canIsolate ? "" : " (skipped: takes root and iproute2, for a network that leads nowhere)";

/** A machine in a network of its own that leads nowhere: to dial fails at once. */
const nowhere = { bin: refusing, env: {}, argv: (argv: readonly string[]) => inNetwork("ip link set lo up", argv) };

function inNetwork(script: string, argv: readonly string[]): string[] {
  return ["unshare", "--net", "sh", "-c", `${script}\nexec "$@"`, "sh", ...argv];
}

const offline = { ...quick, control: nowhere };

/** How many packets that a run of Pulumi wanted to send to other machines found no way, by the kernel's own count. */
async function sentNowhere(args: readonly string[]): Promise<number> {
  const counts = join(sandbox.program, "counts");
  const script = `ip link set lo up
"$@" || exit
awk '/^Ip: [0-9]/ { print $13 }' /proc/net/snmp > "$COUNTS"
exit`;
  const argv = (words: readonly string[]) => inNetwork(script, words);
  await sandbox.must(args, { ...quick, env: { COUNTS: counts }, control: { ...nowhere, argv } });
  return Number(readFileSync(counts, "utf8").trim());
}

/**
 * Runs Pulumi with the system's own ssh in a network that swallows everything: a machine whose packets nobody answers, which is
 * what takes longest. The stack's addresses are replaced by a test's (198.18.0.0/15), and nothing leaves the namespace.
 */
async function answeredByNobody(args: readonly string[], stack: string) {
  const file = join(sandbox.program, `Pulumi.${stack}.yaml`);
  const before = readFileSync(file, "utf8");
  const script = `ip link set lo up
ip link add nowhere type veth peer name end
ip address add 198.19.255.1/24 dev nowhere
ip link set nowhere up
ip link set end up
ip neighbour add 198.19.255.2 lladdr 02:00:00:00:00:99 dev nowhere
ip route add default via 198.19.255.2`;
  const path = (sandbox.env.PATH ?? "").split(":").filter((folder) => folder !== refusing);
  const control = { bin: path[0] ?? "", env: {}, argv: (words: readonly string[]) => inNetwork(script, words) };
  sandbox.write({ [`Pulumi.${stack}.yaml`]: before.replaceAll("192.0.2.", "198.18.255.") });
  try {
    const started = Date.now();
    const result = await sandbox.must(args, { ...quick, control, env: { PATH: path.join(":") } });
    return { ...result, seconds: (Date.now() - started) / 1000 };
  } finally {
    sandbox.write({ [`Pulumi.${stack}.yaml`]: before });
  }
}

describe.skipIf(!canIsolate).each(["ctio", "fnal", "momentum"] as const)(
  `the committed stack %s, on a machine that reaches none of its hosts${isolated}`,
  (stack) => {
    const preview = async () => {
      const { stdout } = await sandbox.must(["preview", "--json", "--stack", stack], offline);
      const { diagnostics = [] } = JSON.parse(stdout) as { diagnostics?: { severity: string; message: string }[] };
      return {
        plan: stepsIn(stdout)
          .filter(({ type }) => type !== "pulumi:pulumi:Stack")
          .map(({ op, type, name }) => `${op} ${type} ${name}`)
          .sort(),
        told: diagnostics.filter(({ severity }) => severity === "warning").map(({ message }) => message),
      };
    };
    /** What the state holds beside Pulumi's own groups, which stand for nothing. */
    const made = async () =>
      [...(await sandbox.state(stack)).values()].filter(
        ({ id, type }) => id !== undefined && !type.startsWith("pulumi:"),
      );

    it("previews in full without a password, and says which one is missing", async () => {
      const { plan, told } = await preview();
      expect(plan).toEqual(resources(stack));
      for (const role of roles[stack] ?? []) expect(told).toContainEqual(expect.stringContaining(missing(role, later)));
      const trusts = told.filter((line) => line.includes("trust lets anyone at that address in as anyone"));
      expect(trusts).toHaveLength(stack === "momentum" ? 2 : 0);
    }, 60_000);

    it("refuses an up without the password, with the remedy, before anything is made", async () => {
      const result = await sandbox.run(["up", "--yes", "--skip-preview", "--stack", stack], offline);
      expect(result.code).not.toBe(0);
      const needed = roles[stack] ?? [];
      const problems = needed.length === 1 ? "1 problem" : `${needed.length} problems`;
      expect(said(result)).toContain(`${problems} in Pulumi.${stack}.yaml; nothing was touched:`);
      for (const role of needed) expect(said(result)).toContain(missing(role, "give one"));
      expect(said(result)).not.toMatch(/^\s+at /m);
      expect(await made()).toEqual([]);
    }, 60_000);

    it("previews in full with the password, and does not show it", async () => {
      for (const role of roles[stack] ?? []) await givePassword(stack, role);
      expect((await preview()).plan).toEqual(resources(stack));
      const shown = said(await sandbox.must(["preview", "--diff", "--stack", stack], offline));
      expect(shown).not.toContain(later);
      expect(shown).not.toContain("s3cret");
    }, 60_000);

    it("sends in a preview nothing to a server but by ssh: whose host is not reached gets no question over the network", async () => {
      expect(await sentNowhere(["preview", "--stack", stack])).toBe(0);
    }, 60_000);

    it("previews in full where nobody answers, in bounded time", async () => {
      const { stdout, seconds } = await answeredByNobody(["preview", "--json", "--stack", stack], stack);
      const plan = stepsIn(stdout).filter(({ type }) => type !== "pulumi:pulumi:Stack");
      expect(plan.map(({ op, type, name }) => `${op} ${type} ${name}`).sort()).toEqual(resources(stack));
      expect(seconds).toBeGreaterThan(5);
      expect(seconds).toBeLessThan(15);
    }, 60_000);

    it("refuses an up with one line a server that is asked, before anything is made", async () => {
      const result = await sandbox.run(["up", "--yes", "--skip-preview", "--stack", stack], offline);
      expect(result.code).not.toBe(0);
      const { stdout } = result;
      const told = stdout.slice(stdout.indexOf("Diagnostics:"), stdout.indexOf("Outputs:")).split("\n");
      const lines = told
        .map((line) => line.trim())
        .filter((line) => /^error: (?!update failed)| cannot be reached: /.test(line));
      const noWay = (host: string, address: string) =>
        `${host} cannot be reached: there is no way to ${address} from this machine (network is unreachable)`;
      const hosts = Object.entries(addresses[stack] ?? {});
      // Another stack's upstream is only looked at.
      const [found, others] =
        stack === "fnal"
          ? ["1 problem and 1 warning", [`(warning) ${noWay("server2", "192.0.2.2")}`]]
          : [hosts.length === 1 ? "1 problem" : "2 problems", []];
      expect(lines).toEqual([
        `error: the preflight found ${found}: no server was made or changed`,
        ...hosts.map(([host, address]) => noWay(host, address)),
        ...others,
      ]);
      expect(said(result)).not.toMatch(/^\s+at /m);
      expect(await made()).toEqual([]);
    }, 60_000);
  },
);
