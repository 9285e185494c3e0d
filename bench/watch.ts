// CPU of one run of the watch on a server with two peers: all that the script starts, and what the servers do for it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { watchProgram } from "../installed/watch/render.js";
import { WatchSite } from "../test/support/watchSite.js";
import { unprivileged } from "./support/account.js";
import { closing } from "./support/closing.js";
import { median, say } from "./support/compare.js";

/** Milliseconds of CPU that a run may take. */
const target = 100;
/** Runs that one measurement is taken of: a clock of the kernel's is too coarse for one. */
const runs = 20;

/** Milliseconds of CPU that processes took which this one has started and buried. */
function buried(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[13]) + Number(fields[14])) * 10;
}

/** `times` of a shell: m0.12s, user and system, of itself and then of what it has started. */
function milliseconds(times: string): number {
  return [...times.matchAll(/(\d+)m([\d.]+)s/g)].reduce((sum, [, minutes, seconds]) => {
    return sum + Number(minutes) * 60_000 + Number(seconds) * 1000;
  }, 0);
}

async function main(rounds: number): Promise<void> {
  const site = await WatchSite.make(153, ["one", "two", "warm"]);
  await closing(site, async () => {
    for (const name of site.names) await site.install(name);
    const postmasters = site.names.map((name) => {
      return Number.parseInt(readFileSync(join(site.data(name), "postmaster.pid"), "utf8"), 10);
    });
    const all: number[] = [];
    for (const name of site.names) {
      const values: number[] = [];
      for (let round = 0; round < rounds; round += 1) {
        const before = postmasters.map(buried);
        const script = `for i in $(seq ${runs}); do "$0" || exit; done; times`;
        const options = { ...unprivileged(), cwd: "/", extendEnv: false, env: { PATH: "/usr/bin:/bin" } };
        const { stdout } = await execa("sh", ["-c", script, watchProgram(site.control(name))], options);
        const servers = postmasters.map((pid, index) => buried(pid) - (before[index] ?? 0));
        const [own, served] = [milliseconds(stdout) / runs, servers.reduce((sum, each) => sum + each, 0) / runs];
        say(`${name} ${round + 1}: ${own.toFixed(0)} ms, and its servers ${served.toFixed(0)} ms`);
        values.push(own + served);
      }
      all.push(median(values));
      say(`${name}: ${median(values).toFixed(0)} ms a run`);
    }
    say(`ratio watch ${Math.max(...all).toFixed(0)} target ${target}`);
  });
}

main(Number(process.argv[2] ?? 5)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
