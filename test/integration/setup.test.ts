import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { build } from "../../toolchain/build.mjs";
import { findCommandPlugin } from "../../toolchain/commandPlugin.mjs";
import { rooms } from "../../toolchain/floors.mjs";
import { checkout } from "../../toolchain/paths.mjs";
import { pulumiFolder } from "../../toolchain/pulumi.mjs";

/**
 * `npm run setup` on a machine with npm and without Go: a clone of its own, an empty cache, and a PATH of few programs. npm's
 * package `pulumi` is the real one; whom it asks is a server of this test, which may be there or not.
 */
const address = "127.0.209.1";

let folder: string;
let server: Server;
let real: string;
let port = 0;

const path = (name: string) => join(folder, name);

beforeAll(async () => {
  await build();
  real = await pulumiFolder();
  folder = realpathSync(mkdtempSync(join(tmpdir(), "pgsite-setup-")));
  for (const part of [...rooms, "dist", "package.json", "package-lock.json", "Pulumi.yaml"])
    cpSync(join(checkout, part), join(path("clone"), part), { recursive: true, preserveTimestamps: true });
  rmSync(join(path("clone"), "dist/command"), { recursive: true, force: true });
  symlinkSync(join(checkout, "node_modules"), join(path("clone"), "node_modules"));
  mkdirSync(path("bin"));
  for (const program of ["node", "npm", "sh", "env", "tar", "gzip", "mkdir", "ln", "chmod", "uname"]) {
    const { stdout } = await promisify(execFile)("/bin/sh", ["-c", `command -v ${program}`]);
    symlinkSync(stdout.trim(), join(path("bin"), program));
  }
  // What Pulumi's own server answers: an install script with the options that the launcher gives.
  const script = `#!/bin/sh
set -e
while [ $# -gt 0 ]; do
  case $1 in --install-root) root=$2; shift ;; --version) version=$2; shift ;; esac
  shift
done
mkdir -p "$root/bin"
ln -s '${real}'/pulumi '${real}'/pulumi-language-nodejs "$root/bin"
echo "installed $version"
`;
  server = createServer((_request, response) => response.end(script));
  port = await new Promise((resolve) => {
    server.listen(0, address, () => resolve((server.address() as { port: number }).port));
  });
  const asks = (whom: string) =>
    `const real = globalThis.fetch;
globalThis.fetch = (url, ...more) => real(String(url).replace("https://get.pulumi.com", "http://${whom}"), ...more);`;
  writeFileSync(path("reached.cjs"), asks(`${address}:${port}`));
  writeFileSync(path("unreached.cjs"), asks(`${address}:1`));
}, 120_000);

afterAll(() => {
  server?.close();
  rmSync(folder, { recursive: true, force: true });
});

beforeEach(() => {
  for (const name of ["cache", "home"]) {
    rmSync(path(name), { recursive: true, force: true });
    mkdirSync(path(name));
  }
});

/** What `setup` says, and how it ends. */
async function setup(server: "reached" | "unreached", env: Readonly<Record<string, string>> = {}) {
  const program = [join(path("clone"), "toolchain", "run.mjs"), "setup"];
  const ran = await promisify(execFile)(process.execPath, program, {
    env: {
      HOME: process.env.HOME ?? "",
      PATH: path("bin"),
      XDG_CACHE_HOME: path("cache"),
      PULUMI_HOME: path("home"),
      NODE_OPTIONS: `--require ${path(`${server}.cjs`)}`,
      ...env,
    },
  }).catch((error: { code: number; stderr: string }) => error);
  const said = ran.stderr.trim().split("\n");
  return { code: "code" in ran ? ran.code : 0, said: said.filter((line) => line !== "pgsite: building dist/") };
}

/** The official plugin has no server in CI: another program in its place shows which is taken. */
function installCommandPlugin(version = "1.2.1") {
  const plugin = join(path("home"), "plugins", `resource-command-v${version}`);
  mkdirSync(plugin, { recursive: true });
  writeFileSync(join(plugin, "pulumi-resource-command"), "#!/bin/sh\n", { mode: 0o755 });
  return plugin;
}

const getting = expect.stringMatching(/^pgsite: getting Pulumi 3\.250\.0 by npm's package pulumi/) as string;

describe("setup without Go", { timeout: 120_000 }, () => {
  it("gets Pulumi by npm's package, and takes the official command plugin that is installed", async () => {
    const plugin = installCommandPlugin();
    const first = await setup("reached");
    const bin = join(
      path("cache"),
      "pgsite",
      "toolchain",
      `pulumi-3.250.0-official-${process.platform}-${process.arch}`,
    );
    const told = `pgsite: Pulumi v3.250.0 by npm's package pulumi (${bin}), its command plugin: official, installed in ${plugin}`;
    const toPath = ["pgsite: to call Pulumi by hand:", `  export PATH=${bin}:$PATH`];
    expect(first).toEqual({ code: 0, said: [getting, told, ...toPath] });
    expect(existsSync(join(bin, "pulumi-language-nodejs"))).toBe(true);
    // Once is enough, and a server that is away then is in nobody's way.
    expect(await setup("unreached")).toEqual({ code: 0, said: [told, ...toPath] });
  });

  it("says in one sentence what leads on, if Pulumi's server is not reached", async () => {
    installCommandPlugin();
    const { code, said } = await setup("unreached");
    expect(code).toBe(1);
    expect(said).toEqual([
      getting,
      "pgsite: there is no Pulumi (3.200 or newer, with pulumi-language-nodejs) on the PATH, its own server, from which npm's package pulumi gets it, was not reached (pulumi: fetch failed), and there is no Go to build it: put Pulumi on the PATH (https://www.pulumi.com/docs/iac/download-install/), or Go 1.25.11 or newer (https://go.dev/dl/; any since 1.21 gets that itself), and run this again",
    ]);
    // A server that answers meanwhile is not left out because it did not before.
    expect((await setup("reached")).code).toBe(0);
  });

  it("says so too, if the command plugin alone is missing", async () => {
    const unreached = `http://${address}:1`;
    const { code, said } = await setup("unreached", {
      PATH: [real, path("bin")].join(delimiter),
      HTTPS_PROXY: unreached,
      HTTP_PROXY: unreached,
    });
    expect(code).toBe(1);
    expect(said.at(-1)).toMatch(
      /^pgsite: Pulumi's command plugin 1\.2\.1 is not installed, its server was not reached \(.+\), and there is no Go to build a stand-in for it: install it \(pulumi plugin install resource command 1\.2\.1, with --file FILE where its server is out of reach\), or Go /,
    );
  });

  it("prints no PATH that would put the stand-in over an official plugin, which may be newer", async () => {
    const standIn = await findCommandPlugin();
    const plugin = installCommandPlugin("1.3.0");
    const folders = [join(standIn.program, ".."), real, path("bin")];
    const { code, said } = await setup("unreached", { PATH: folders.join(delimiter) });
    expect({ code, said }).toEqual({
      code: 0,
      said: [`pgsite: Pulumi v3.250.0 on the PATH (${real}), its command plugin: official, installed in ${plugin}`],
    });
  });
});
