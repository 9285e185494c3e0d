import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { lchown, mkdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { passwordKey } from "../../config/parse.js";
import { osUser } from "../../hosts/users.js";
import { type Major, majorOf } from "../../postgres/versions.js";
import { clientPrograms } from "../../toolchain/clients.mjs";
import { toolchainEnvironment } from "../../toolchain/environment.mjs";
import { prepareHome } from "../../toolchain/home.mjs";
import { ownFolder } from "../../toolchain/ownFolder.mjs";
import { checkout } from "../../toolchain/paths.mjs";
import { programs } from "../../toolchain/programs.mjs";
import { freeAddresses } from "./addresses.js";
import { type Show, shown } from "./output.js";
import { type RehearsalRecord, readRecord, writeRecord } from "./record.js";
import {
  missingPasswords,
  placesOf,
  readStackFile,
  rehearsalCopy,
  rolesThatLogIn,
  type StackFile,
} from "./stackFiles.js";

/** What a rehearsal is made of. */
export interface RehearsalOptions {
  /** Tells rehearsals of one checkout apart: `demo`. */
  readonly name: string;
  /** The stacks to rehearse, in the order in which they come up. @default all of the checkout, mirrors last */
  readonly stacks?: readonly string[];
  /** Stack files by stack, in place of the checkout's own. */
  readonly texts?: Readonly<Record<string, string>>;
  /** The major version to rehearse with. @default the oldest that can be had without a local installation, 10 */
  readonly postgresql?: string;
  /** Folder of server programs found on this machine, in place of downloaded ones. */
  readonly binaries?: string;
  /** First 127.0.BLOCK.x to try. @default 0 */
  readonly block?: number;
  /** Passwords by role. @default generated */
  readonly passwords?: Readonly<Record<string, string>>;
}

/** How a run of Pulumi ended; the text of what was shown meanwhile is here too. */
export interface PulumiResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The oldest major version that can be had on any machine: it reads the same three files as 9.0 does. */
export const defaultMajor = "10";

/** The stacks of the checkout, in the order in which they come up: mirrors after what they follow. */
export const committedStacks: readonly string[] = ["ctio", "fnal", "momentum"];

/** How Pulumi is told to act without asking, and to say only what it does. */
const unattended = ["--yes", "--skip-preview", "--non-interactive", "--color", "never", "--suppress-outputs"];

/**
 * A rehearsal: the real stack files on this machine, with a Pulumi home, a file back end and server programs of its
 * own. Everything that it makes is in one folder.
 */
export class Rehearsal {
  readonly folder: string;
  readonly project: string;

  private constructor(
    readonly record: RehearsalRecord,
    readonly environment: Readonly<Record<string, string>>,
  ) {
    this.folder = rehearsalFolder(record.name);
    this.project = join(this.folder, "project");
  }

  get stacks(): readonly string[] {
    return this.record.stacks;
  }

  /** The rehearsal of that name, if there is one. */
  static async find(name: string): Promise<Rehearsal | undefined> {
    const folder = rehearsalFolder(name);
    if (!existsSync(folder)) return undefined;
    ownRehearsalFolder(name);
    const record = await readRecord(folder, name);
    return record === undefined ? undefined : new Rehearsal(record, await environmentOf(folder));
  }

  /** Makes the rehearsal, or brings an existing one up to date with the stack files. Starts nothing. */
  static async prepare(options: RehearsalOptions): Promise<Rehearsal> {
    const earlier = await Rehearsal.find(options.name);
    const files = await stackFiles(options);
    const { record } = earlier ?? { record: await newRecord(options, files) };
    const asked = options.postgresql !== undefined || options.binaries !== undefined;
    const wanted = asked
      ? await serverPrograms(options, record.postgresql)
      : { major: record.postgresql, folder: record.rehearsal.binaries };
    if (earlier !== undefined && (record.postgresql !== wanted.major || record.rehearsal.binaries !== wanted.folder)) {
      throw new Error(
        `the rehearsal "${record.name}" runs PostgreSQL ${record.postgresql} (${record.rehearsal.binaries}): take it down before another version is rehearsed (npm run demo:down)`,
      );
    }
    const folder = ownRehearsalFolder(record.name);
    for (const part of ["project", "home", "backend"]) ownFolder(join(folder, part));
    await makeHosts(join(folder, "hosts"), record.rehearsal.osUser);
    await writeOnce(join(folder, "passphrase"), randomBytes(32).toString("base64url"));
    await writeRecord(folder, record);
    await prepareHome(join(folder, "home"));
    const rehearsal = new Rehearsal(record, await environmentOf(folder));
    await rehearsal.#makeProject(files, options.passwords ?? {});
    return rehearsal;
  }

  /** Runs `pulumi` in the rehearsal's project. A failure is a result. */
  async pulumi(
    args: readonly string[],
    options: { readonly input?: string; readonly show?: Show; readonly timeout?: number } = {},
  ): Promise<PulumiResult> {
    const { exitCode, stdout, stderr } = await execa("pulumi", [...args], {
      cwd: this.project,
      // --event-log is behind this switch; the Automation API relies on it too.
      env: { ...this.environment, PULUMI_DEBUG_COMMANDS: "true", PGSITE_PROJECT: this.project },
      extendEnv: false,
      reject: false,
      timeout: options.timeout ?? 20 * 60_000,
      ...(options.input === undefined ? { stdin: "ignore" as const } : { input: options.input }),
      ...(options.show === undefined ? {} : shown(options.show)),
    });
    return { exitCode: exitCode ?? 1, stdout: `${stdout ?? ""}`, stderr: `${stderr ?? ""}` };
  }

  /** `pulumi up` of one stack; how many resources changed, by kind of change. @throws where it fails */
  async up(stack: string, options: { readonly show?: Show } = {}): Promise<Readonly<Record<string, number>>> {
    // Pulumi would make it readable to everybody.
    const events = join(this.project, `events-${stack}.json`);
    await rm(events, { force: true });
    await writeFile(events, "", { mode: 0o600, flag: "wx" });
    const result = await this.pulumi(["up", "--stack", stack, ...unattended, "--event-log", events], options);
    if (result.exitCode !== 0) {
      throw new Error(
        `pulumi up of ${stack} failed${options.show !== undefined ? "" : `:\n${result.stdout}\n${result.stderr}`}`,
      );
    }
    return changesIn(await readFile(events, "utf8"));
  }

  /** Destroys what the stacks made, last first, and removes the rehearsal's folder. @throws where a destroy fails */
  async down(options: { readonly show?: Show } = {}): Promise<void> {
    for (const stack of [...this.stacks].reverse()) {
      await this.pulumi(["cancel", "--stack", stack, "--yes"]);
      const result = await this.pulumi(["destroy", "--stack", stack, ...unattended], options);
      if (result.exitCode !== 0) {
        throw new Error(
          `pulumi destroy of ${stack} failed; the rehearsal is left in ${this.folder}:\n${result.stdout}\n${result.stderr}`,
        );
      }
    }
    await rm(this.folder, { recursive: true, force: true });
  }

  async #makeProject(files: readonly StackFile[], passwords: Readonly<Record<string, string>>): Promise<void> {
    await writeFile(join(this.project, "Pulumi.yaml"), await readFile(join(checkout, "Pulumi.yaml")));
    for (const link of ["dist", "node_modules", "toolchain"]) {
      await rm(join(this.project, link), { force: true });
      await symlink(join(checkout, link), join(this.project, link));
    }
    for (const { stack, text } of files) {
      const path = join(this.project, `Pulumi.${stack}.yaml`);
      const earlier = await readFile(path, "utf8").catch(() => undefined);
      await writeFile(path, rehearsalCopy(text, this.record.rehearsal, earlier), { mode: 0o600 });
      if (earlier === undefined) await this.#must(["stack", "init", stack]);
    }
    for (const { stack, description } of files) {
      const copy = await readFile(join(this.project, `Pulumi.${stack}.yaml`), "utf8");
      for (const role of missingPasswords(copy, rolesThatLogIn(description, this.record.postgresql as Major))) {
        const password = passwords[role] ?? (await this.#sharedPassword(role));
        await this.#must(["config", "set", "--secret", `pgsite:${passwordKey(role)}`, "--stack", stack], password);
      }
    }
  }

  /** A role's generated password: the same in every stack of the rehearsal, derived from its passphrase. */
  async #sharedPassword(role: string): Promise<string> {
    const passphrase = await readFile(join(this.folder, "passphrase"), "utf8");
    return createHash("sha256").update(`${passphrase}/${role}`).digest("base64url").slice(0, 24);
  }

  async #must(args: readonly string[], input?: string): Promise<void> {
    const result = await this.pulumi(args, input === undefined ? {} : { input });
    if (result.exitCode !== 0)
      throw new Error(`pulumi ${args[0]} ${args[1]} failed:\n${result.stderr}${result.stdout}`);
  }
}

/** Where a rehearsal lives: outside the checkout, where the servers' OS user can reach it. */
export function rehearsalFolder(name: string): string {
  const clone = createHash("sha256").update(checkout).digest("hex").slice(0, 6);
  return join("/var/tmp", `pgsite-${userInfo().uid}`, `${name}-${clone}`);
}

/**
 * The same, made where it is missing. The servers' OS user must be able to pass through; what is private is in folders of its own.
 * @throws where somebody else made it: what it says would be run
 */
function ownRehearsalFolder(name: string): string {
  const folder = rehearsalFolder(name);
  for (const path of [dirname(folder), folder]) ownFolder(path, 0o711);
  return folder;
}

async function environmentOf(folder: string): Promise<Record<string, string>> {
  const environment = await toolchainEnvironment({
    home: join(folder, "home"),
    state: join(folder, "backend"),
  });
  return { ...environment, PULUMI_CONFIG_PASSPHRASE_FILE: join(folder, "passphrase") };
}

async function stackFiles(options: RehearsalOptions): Promise<StackFile[]> {
  const names = options.stacks ?? Object.keys(options.texts ?? {});
  const stacks = names.length > 0 ? names : committedStacks;
  return Promise.all(
    stacks.map(async (stack) =>
      readStackFile(stack, options.texts?.[stack] ?? (await readFile(join(checkout, `Pulumi.${stack}.yaml`), "utf8"))),
    ),
  );
}

async function newRecord(options: RehearsalOptions, files: readonly StackFile[]): Promise<RehearsalRecord> {
  const places = files.map(({ description }) => placesOf(description));
  const hosts = [...new Set(places.flatMap((place) => place.hosts))];
  const ports = [...new Set(places.flatMap((place) => place.ports))];
  const { major, folder } = await serverPrograms(options, defaultMajor);
  const hasJobs = files.some(({ description: { backups, watch } }) => backups !== undefined || watch !== undefined);
  const clients = hasJobs ? await clientPrograms(major) : undefined;
  return {
    name: options.name,
    checkout,
    stacks: files.map(({ stack }) => stack),
    postgresql: major,
    rehearsal: {
      folder: join(rehearsalFolder(options.name), "hosts"),
      osUser: await serverUser(),
      addresses: await freeAddresses(hosts, ports, options.block),
      postgresql: major,
      binaries: folder,
      ...(clients === undefined ? {} : { clients }),
    },
  };
}

/** The server programs to rehearse with: those in the folder given, else those of the version given, else the default's. */
async function serverPrograms(
  options: RehearsalOptions,
  otherwise: string,
): Promise<{ readonly major: string; readonly folder: string }> {
  if (options.binaries === undefined) {
    const major = options.postgresql ?? otherwise;
    return { major, folder: await programs(major) };
  }
  const { stdout, exitCode } = await execa(join(options.binaries, "postgres"), ["--version"], { reject: false });
  const major = majorOf(/(\d+(\.\d+)*)/.exec(stdout ?? "")?.[1] ?? "");
  if (exitCode !== 0 || major === undefined) {
    throw new Error(`${options.binaries} has no server programs that run here (postgres --version)`);
  }
  if (options.postgresql !== undefined && options.postgresql !== major) {
    throw new Error(`${options.binaries} has PostgreSQL ${major}, not ${options.postgresql}`);
  }
  return { major, folder: options.binaries };
}

/** PostgreSQL refuses to run as root: then its packages' own user runs the servers, or nobody. */
async function serverUser(): Promise<string> {
  if (userInfo().uid !== 0) return userInfo().username;
  const { exitCode } = await execa("getent", ["passwd", "postgres"], { reject: false });
  return exitCode === 0 ? "postgres" : "nobody";
}

/** The folder of all hosts is the servers' user's; the one that it is in is ours alone. */
async function makeHosts(folder: string, user: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const { uid, gid } = await osUser(user);
  if (userInfo().uid === 0) await lchown(folder, uid, gid);
}

async function writeOnce(path: string, content: string): Promise<void> {
  const there = await readFile(path).catch(() => undefined);
  if (there !== undefined) return;
  await writeFile(`${path}.new`, content, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

function changesIn(events: string): Record<string, number> {
  const summary = events
    .split("\n")
    .filter((line) => line.includes('"summaryEvent"'))
    .map((line) => (JSON.parse(line) as { summaryEvent: { resourceChanges: Record<string, number> } }).summaryEvent)
    .at(-1);
  return summary?.resourceChanges ?? {};
}
