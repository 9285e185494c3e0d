import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { version } from "@pulumi/docker/package.json";
import { build } from "esbuild";
import { parse, stringify } from "yaml";
import { checkout } from "../../toolchain/paths.mjs";
import { type DockerEngine, DockerEngine as Engine } from "./dockerEngine.js";
import { PulumiSandbox } from "./pulumi.js";
import { said } from "./remoteSite.js";

/** A stack file's keys, without their prefix. */
export type Declared = Readonly<Record<string, unknown>>;

/** Stacks on the containers of a Docker engine of the test's, and a Pulumi that runs on the engine's machine. */
export class ContainerSite {
  /** Everything that some syntax on the way could stumble over, after a word that tells it. */
  readonly secret = `zq${randomBytes(6).toString("hex")}`;
  readonly password = `${this.secret} it's "$(touch /pwned)" \`touch /pwned\` \\ %s:é`;

  private constructor(
    readonly engine: DockerEngine,
    readonly sandbox: PulumiSandbox,
  ) {}

  static async make(): Promise<ContainerSite> {
    await promisify(execFile)(process.execPath, [join(checkout, "toolchain", "build.mjs")]);
    const [engine, sandbox] = await Promise.all([Engine.make(), PulumiSandbox.make()]);
    sandbox.write({ "Pulumi.yaml": readFileSync(join(checkout, "Pulumi.yaml"), "utf8") });
    symlinkSync(join(checkout, "dist"), join(sandbox.program, "dist"));
    return new ContainerSite(engine, sandbox);
  }

  /** Makes a stack, with its passwords. */
  async init(stack: string, declared: Declared): Promise<void> {
    await this.sandbox.must(["stack", "init", stack]);
    for (const role of ["postgres", "replicator"]) {
      const args = ["config", "set", "--secret", `pgsite:password-${role}`, "--stack", stack];
      await this.sandbox.must(args, { input: this.password });
    }
    this.declare(stack, declared);
  }

  /** Writes a stack's file; its passwords stay. */
  declare(stack: string, declared: Declared): void {
    const file = `Pulumi.${stack}.yaml`;
    const { config, ...rest } = parse(readFileSync(join(this.sandbox.program, file), "utf8")) as {
      readonly config: Record<string, unknown>;
    };
    const passwords = Object.entries(config).filter(([key]) => key.startsWith("pgsite:password-"));
    const keys = Object.entries(declared).map(([key, value]) => [`pgsite:${key}`, value]);
    this.sandbox.write({ [file]: stringify({ ...rest, config: Object.fromEntries([...keys, ...passwords]) }) });
  }

  /** Puts what stands in for Pulumi's docker plugin where Pulumi finds it. */
  async installDockerPlugin(): Promise<void> {
    const folder = join(this.sandbox.home, "plugins", `resource-docker-v${version}`);
    mkdirSync(folder, { recursive: true });
    await build({
      entryPoints: [join(checkout, "test/support/dockerPlugin.ts")],
      outfile: join(folder, "main.cjs"),
      bundle: true,
      platform: "node",
      target: "node20",
      format: "cjs",
      logLevel: "silent",
    });
    const launcher = `#!/bin/sh\nexec ${process.execPath} "\${0%/*}/main.cjs" "$@"\n`;
    writeFileSync(join(folder, "pulumi-resource-docker"), launcher, { mode: 0o755 });
  }

  /** All that `pulumi ARGUMENTS` prints. @throws where it fails */
  async must(stack: string, args: readonly string[]): Promise<string> {
    const { code, all } = await this.run(stack, args);
    if (code !== 0) throw new Error(`pulumi ${args.join(" ")} of ${stack} ended with status ${code}:\n${all}`);
    return all;
  }

  async run(stack: string, args: readonly string[]): Promise<{ readonly code: number; readonly all: string }> {
    const result = await this.sandbox.start([...args, "--stack", stack], {
      control: this.engine.control,
      seconds: 180,
      env: { PULUMI_DEBUG_COMMANDS: "true" },
    }).finished;
    return { code: result.code, all: said(result) };
  }

  up(stack: string): Promise<string> {
    return this.must(stack, ["up", "--yes", "--skip-preview"]);
  }

  preview(stack: string, ...more: readonly string[]): Promise<string> {
    return this.must(stack, ["preview", "--diff", ...more]);
  }

  /** What a query gives in a container, asked by its OS user. @throws where it gives nothing */
  async query(container: string, sql: string): Promise<string> {
    const psql = ["psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-c", sql];
    return (await this.engine.must(["exec", "--user", "postgres", container, ...psql])).trim();
  }

  /** Who streams from the server in a container, and from where: `NAME ADDRESS STATE`, sorted. */
  async streaming(container: string): Promise<readonly string[]> {
    const columns = "application_name || ' ' || host(client_addr) || ' ' || state";
    const lines = await this.query(container, `select ${columns} from pg_stat_replication order by 1`);
    return lines.split("\n").filter((line) => line !== "");
  }

  /** Files of a container that a text which was executed would have made. */
  executed(container: string): Promise<string> {
    return this.engine.must(["exec", container, "find", "/", "-xdev", "-name", "pwned"]);
  }

  /** What pgsite left running in any container. */
  leftOver(): readonly string[] {
    const lines = [...this.engine.processes().values()].map((words) => words.replaceAll("\0", " ").trim());
    return lines.filter((line) => /read -r request|^(\S*\/)?(tar|cp|rsync|flock|pg_basebackup) /.test(line));
  }

  async remove(): Promise<void> {
    await this.sandbox.remove();
    await this.engine.close();
    if (existsSync(this.sandbox.home)) throw new Error(`${this.sandbox.home} is still there`);
  }
}
