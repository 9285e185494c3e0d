import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { userInfo } from "node:os";
import { basename, dirname, join } from "node:path";
import { execa } from "execa";
import type { LocalSite } from "./localSite.js";
import { serverUser } from "./serverUser.js";

/** Why paths cannot be traced and planted here; undefined where they can. */
export function whyNoPlants(): string | undefined {
  if (userInfo().uid !== 0) return "only root can act as another user";
  return existsSync("/usr/bin/strace") ? undefined : "not installed: strace";
}

/** What is put in place of what pgsite expects. */
export type PlantKind = "link to a file" | "link to a folder" | "FIFO";

/** What a program of the servers' user puts in place of what pgsite touches, and what root keeps elsewhere. */
export class Plants {
  /** Root's, as a stand-in of /etc: nobody else writes there. */
  readonly etc: string;
  readonly #before: string;

  private constructor(
    readonly site: LocalSite,
    private readonly keep: string,
    private readonly user: string,
  ) {
    // All may pass through, as through /etc.
    chmodSync(keep, 0o711);
    this.etc = join(keep, "etc");
    mkdirSync(join(this.etc, "profile.d"), { recursive: true });
    for (const [name, mode] of Object.entries({ shadow: 0o600, passwd: 0o644, "profile.d/local.sh": 0o644 })) {
      writeFileSync(join(this.etc, name), `root's ${name}\n`, { mode });
    }
    this.#before = this.#look();
  }

  /** @param keep a folder of root's */
  static async make(site: LocalSite, keep: string): Promise<Plants> {
    return new Plants(site, keep, await serverUser());
  }

  /** What has changed of root's: nothing, as it is to be. */
  changes(): { readonly before: string; readonly now: string } {
    return { before: this.#before, now: this.#look() };
  }

  /** Puts something in a path's place as the servers' user; returns what puts it right again. */
  async plant(path: string, kind: PlantKind): Promise<() => Promise<void>> {
    const aside = join(dirname(path), `.aside-${basename(path)}`);
    const target = { "link to a file": "shadow", "link to a folder": "profile.d", FIFO: "" }[kind];
    const make = kind === "FIFO" ? ["mkfifo", path] : ["ln", "-s", join(this.etc, target), path];
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) await this.#asUser(["mv", "-T", path, aside]);
    await this.#asUser(make);
    return async () => {
      const there = lstatSync(path, { throwIfNoEntry: false });
      // What pgsite has put right stays.
      if (there !== undefined && (there.isFile() || there.isDirectory()))
        return rmSync(aside, { recursive: true, force: true });
      rmSync(path, { force: true });
      if (existsSync(aside)) renameSync(aside, path);
    };
  }

  async #asUser(argv: readonly string[]): Promise<void> {
    await execa("setpriv", [`--reuid=${this.user}`, "--regid", this.user, "--init-groups", "--", ...argv]);
  }

  #look(): string {
    const names = ["", ...readdirSync(this.etc, { recursive: true }).map(String)].sort();
    return names
      .map((name) => {
        const path = join(this.etc, name);
        const { uid, gid, mode, ino, size } = statSync(path);
        const content = statSync(path).isFile() ? JSON.stringify(readFileSync(path, "utf8")) : "";
        return `${name} ${uid}:${gid} ${mode.toString(8)} ${ino} ${content === "" ? "" : size} ${content}`;
      })
      .join("\n");
  }

  /** All paths below a folder that pgsite, Pulumi and what they start touch while it comes up; not what servers do themselves. */
  async tracedUp(): Promise<readonly string[]> {
    const { sandbox, folder } = this.site;
    const out = join(this.keep, "trace");
    mkdirSync(out, { mode: 0o700 });
    const bin = join(this.keep, "bin");
    mkdirSync(bin);
    const { stdout: real } = await execa("sh", ["-c", "command -v pulumi"], { env: { PATH: sandbox.env.PATH } });
    const calls = ["-e", "trace=%file", "-e", "signal=none"];
    const strace = ["strace", "-D", "-ff", "--seccomp-bpf", "-qq", "-s", "1000", ...calls, "-o", join(out, "of")];
    writeFileSync(join(bin, "pulumi"), `#!/bin/sh\nexec ${strace.join(" ")} ${real} "$@"\n`, { mode: 0o755 });
    const env = { PATH: `${bin}:${sandbox.env.PATH}` };
    await sandbox.must(["up", "--yes", "--skip-preview", "--stack", "site"], { seconds: 180, env });
    // The servers go on untraced.
    for (const pid of tracersOf(out)) process.kill(pid, "SIGTERM");
    const texts = readdirSync(out).map((name) => readFileSync(join(out, name), "utf8"));
    const own = texts.flatMap((text) => text.split("\n").filter(notOfServers()));
    const paths = own.flatMap((line) => [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, path = ""]) => path));
    const below = paths
      .filter((path) => path.startsWith(`${folder}/`))
      .map((path) => path.replace(/\/+\.?$/, ""))
      // What is gone by then is nobody's to plant.
      .filter((path) => existsSync(dirname(path)));
    return [...new Set(below)].filter((path) => !/pgsite-new|\/(base|global)\/\d|\.aside-/.test(path)).sort();
  }
}

/** Lines of one process's calls, as long as it runs no program of PostgreSQL's and copies nothing. */
function notOfServers(): (line: string) => boolean {
  let own = true;
  return (line) => {
    const [, program] = /^execve\("([^"]*)".* = 0$/.exec(line) ?? [];
    if (program !== undefined) own = !/\/(postgres|initdb|cp|xargs)$/.test(program);
    return own;
  };
}

function tracersOf(out: string): readonly number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => {
      try {
        return (
          Number.isInteger(pid) &&
          readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith("strace\0") &&
          readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(out)
        );
      } catch {
        return false;
      }
    });
}
