import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { basename, join } from "node:path";
import { alive, startOf } from "../../toolchain/steps.mjs";
import { image, imageArchive, whyNoImage } from "./dockerImage.js";
import { type CommandOptions, command, must, type Result } from "./multihost/command.js";
import { type Namespace, startNamespace } from "./multihost/namespace.js";
import { runs } from "./processes.js";

const programs = ["/usr/sbin/dockerd", "/usr/bin/docker", "/bin/ip", "/usr/bin/nsenter"];

/** Why a test can have no Docker engine here; undefined where it can. */
export function whyNoDocker(): string | undefined {
  if (process.platform !== "linux" || userInfo().uid !== 0) return "a Docker engine of a test takes root on Linux";
  const missing = programs.filter((path) => !existsSync(path));
  return missing.length === 0 ? whyNoImage() : `not installed: ${missing.join(", ")}`;
}

/**
 * A Docker engine of a test, with Debian and its PostgreSQL as an image. Its mounts, networks and processes, and those of its
 * containers, are in namespaces that the kernel ends with the test. `await engine.close()` in the end, also after a failure.
 */
export class DockerEngine {
  private constructor(
    private readonly folder: string,
    private readonly namespace: Namespace,
    /** The first three numbers of its addresses; of a range for tests. */
    readonly subnet: string,
  ) {}

  static async make(): Promise<DockerEngine> {
    sweep();
    const archive = await imageArchive();
    const folder = join(parent, `${prefix}${randomBytes(3).toString("hex")}`);
    mkdirSync(join(folder, "bin"), { recursive: true, mode: 0o700 });
    writeFileSync(join(folder, "owner"), JSON.stringify({ pid: process.pid, start: startOf(process.pid) }));
    const block = randomBytes(2);
    let engine: DockerEngine | undefined;
    try {
      const namespace = await startNamespace(["--pid", "--fork", "--kill-child", "--ipc"], script, [folder]);
      engine = new DockerEngine(folder, namespace, `198.${18 + ((block[0] ?? 0) % 2)}.${block[1]}`);
      await engine.must(["import", "--change", "ENV PGDATA=/elsewhere", archive, image], { seconds: 120 });
      return engine;
    } catch (error) {
      const log = join(folder, "dockerd.log");
      const said = existsSync(log) ? readFileSync(log, "utf8").slice(-2000) : "";
      if (engine === undefined) removeAll(folder);
      else await engine.close();
      throw new Error(`a Docker engine cannot be started: ${error}\n${said}`);
    }
  }

  /** With this over its environment, the Docker CLI talks to this engine. */
  get env(): { readonly DOCKER_HOST: string } {
    return { DOCKER_HOST: `unix://${this.folder}/docker.sock` };
  }

  /** For `PulumiSandbox`: Pulumi runs in the network of the machine that the engine runs on. */
  get control() {
    const enter = ["nsenter", `--target=${this.namespace.pid}`, "--net", "--"];
    const argv = (words: readonly string[], cwd = "/") => [
      ...enter,
      "sh",
      "-c",
      'cd "$1" && shift && exec "$@"',
      "sh",
      cwd,
      ...words,
    ];
    return { argv, bin: join(this.folder, "bin"), env: this.env };
  }

  /** Runs `docker ARGUMENTS` to its end, whatever its exit code. */
  docker(args: readonly string[], options?: CommandOptions): Promise<Result> {
    return command(["docker", ...args], { ...options, env: { ...process.env, ...this.env } });
  }

  /** The same, where anything but success is an error. Returns standard output. */
  must(args: readonly string[], options?: CommandOptions): Promise<string> {
    return must(["docker", ...args], { ...options, env: { ...process.env, ...this.env } });
  }

  /** Starts a container that does nothing, as somebody makes one by hand. @param more options of docker run */
  async startContainer(name: string, more: readonly string[] = []): Promise<void> {
    await this.must(["run", "--detach", "--init", "--name", name, ...more, image, "sleep", "infinity"]);
  }

  /** Makes the network of a site. */
  async makeNetwork(name: string): Promise<void> {
    const { subnet } = this;
    await this.must(["network", "create", "--subnet", `${subnet}.0/24`, "--gateway", `${subnet}.1`, name]);
  }

  /** Command lines of the engine, of its containers, and of all that runs in their network, by process id. */
  processes(): ReadonlyMap<number, string> {
    const parents = new Map<number, number>();
    for (const pid of readdirSync("/proc").map(Number).filter(Number.isInteger)) {
      const parent = parentOf(pid);
      if (parent !== undefined) parents.set(pid, parent);
    }
    const isInside = (pid: number | undefined): boolean =>
      pid !== undefined && (pid === this.namespace.pid || isInside(parents.get(pid)));
    const lines = [...parents.keys()].filter((pid) => isInside(pid) && runs(pid)).map((pid) => [pid, wordsOf(pid)]);
    return new Map(lines as [number, string][]);
  }

  /** A container's first process, as this machine sees it; 0 where it does not run. */
  async pidOf(container: string): Promise<number> {
    return Number(await this.must(["inspect", "--format", "{{.State.Pid}}", container]));
  }

  async close(): Promise<void> {
    // In order, so that its control groups go with its containers.
    const ids = (await this.docker(["ps", "--all", "--quiet"])).stdout.split("\n").filter((id) => id !== "");
    if (ids.length > 0) await this.docker(["rm", "--force", ...ids], { seconds: 60 });
    await this.namespace.end();
    removeAll(this.folder);
  }
}

/** Its storage is in memory. It makes no rules for packets: whatever it starts reaches each other, and nobody else. */
const script = `set -e
folder=$1
mount -t proc proc /proc
ip link set lo up
mkdir "$folder/docker"
mount -t tmpfs -o mode=711 docker "$folder/docker"
dockerd --data-root "$folder/docker/data" --exec-root "$folder/docker/exec" -H "unix://$folder/docker.sock" \\
  -p "$folder/docker.pid" --bridge none --iptables=false --ip6tables=false --ip-masq=false --log-level warn \\
  --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/\${folder##*/}" \\
  >"$folder/dockerd.log" 2>&1 &
until docker -H "unix://$folder/docker.sock" version >/dev/null 2>&1; do
  kill -0 $!
  sleep 0.1
done
echo ready
wait`;

const parent = "/tmp";
const prefix = "pgsd-";

/** Folders of tests that were killed. Their processes and mounts ended with them. */
function sweep(): void {
  for (const name of readdirSync(parent).filter((name) => name.startsWith(prefix))) {
    const owner = join(parent, name, "owner");
    if (existsSync(owner) && !alive(readFileSync(owner, "utf8"))) {
      removeAll(join(parent, name));
    }
  }
}

/** A folder, and the control groups that its engine made under its name: of these alone nothing goes by itself. */
function removeAll(folder: string): void {
  const groups = "/sys/fs/cgroup";
  const places = existsSync(groups) ? [".", ...readdirSync(groups)] : [];
  const own = places.map((place) => join(groups, place, basename(folder))).filter((path) => existsSync(path));
  if (own.length > 0) spawnSync("find", [...own, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"]);
  rmSync(folder, { recursive: true, force: true });
}

function parentOf(pid: number): number | undefined {
  try {
    return Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").pop()?.split(" ")[1]);
  } catch {
    return undefined; // It has ended meanwhile.
  }
}

function wordsOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}
