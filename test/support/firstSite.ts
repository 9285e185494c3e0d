import { execFile } from "node:child_process";
import { readFileSync, symlinkSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { checkout } from "../../toolchain/paths.mjs";
import { commandsBelow } from "./documents.js";
import type { Result } from "./multihost/command.js";
import { type MultiHost, multiHost } from "./multihost.js";
import { PulumiSandbox } from "./pulumi.js";

/** What README.md tells a stranger to type, in order. */
export const firstCommands = commandsBelow(readFileSync(join(checkout, "README.md"), "utf8"), "## Your first site");

/** Addresses of README.md, and the hosts that stand for them. */
const placeholders = { "192.0.2.11": "db1", "192.0.2.12": "db2" } as const;

/**
 * A stranger's machine with a checkout in which nobody has set up a stack, and two hosts with PostgreSQL's programs, on which
 * nothing of it was ever made. SSH to them is open, and they reach each other; what else the machine sends them is dropped.
 */
export class FirstSite {
  private constructor(
    readonly net: MultiHost,
    readonly sandbox: PulumiSandbox,
  ) {}

  static async make(): Promise<FirstSite> {
    await promisify(execFile)(process.execPath, [join(checkout, "toolchain", "build.mjs")]);
    const [net, sandbox] = await Promise.all([multiHost(["db1", "db2"]), PulumiSandbox.make()]);
    const site = new FirstSite(net, sandbox);
    try {
      const committed = ["Pulumi.yaml", "Pulumi.ctio.yaml", "Pulumi.fnal.yaml", "package.json"];
      sandbox.write(Object.fromEntries(committed.map((name) => [name, readFileSync(join(checkout, name), "utf8")])));
      for (const name of ["dist", "toolchain"]) symlinkSync(join(checkout, name), join(sandbox.program, name));
      const addresses = net.hosts.map(({ address }) => address);
      await Promise.all(
        net.hosts.map(async (host) => {
          // As an installation with create_main_cluster = false leaves it, whatever this machine has.
          await host.must(["sh", "-c", "rm -rf /var/lib/postgresql/* /etc/postgresql/* /etc/init.d/postgresql"]);
          await host.closeTo({ allBut: addresses });
        }),
      );
      return site;
    } catch (error) {
      await site.remove();
      throw error;
    }
  }

  /** Whom ssh logs in as, as a user's ~/.ssh/config says it. */
  logInAs(user: string): void {
    this.net.control.configure(`Host *\n  User ${user}\n`);
  }

  /** A command of README.md's, typed into a shell on the stranger's machine. */
  async type(command: string, { input = "" }: { readonly input?: string } = {}): Promise<Result> {
    const { control } = this.net;
    const { program, env } = this.sandbox;
    const typed = Object.entries(placeholders).reduce(
      (text, [address, host]) => text.replaceAll(address, this.net.host(host).address),
      command,
    );
    return control.run(["sh", "-c", typed], {
      cwd: program,
      env: {
        ...env,
        PATH: `${dirname(process.execPath)}:${env.PATH}`,
        npm_config_cache: join(homedir(), ".npm"),
        // Who sits at a terminal answers "yes".
        PULUMI_SKIP_CONFIRMATIONS: "true",
      },
      input,
      seconds: 240,
    });
  }

  async remove(): Promise<void> {
    await this.sandbox.remove();
    await this.net.close();
  }
}
