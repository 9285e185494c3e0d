import { join } from "node:path";
import type { Host, HostSpec } from "../hosts/host.js";
import { hostOf } from "../hosts/index.js";
import { atLeast } from "../postgres/versions.js";
import { inspectDataDirectory } from "./dataDirectory.js";
import { withLock } from "./lock.js";
import { logMark } from "./log.js";
import { processState, type Started, startServer } from "./process.js";
import { type Proof, type ProofOptions, proveWorking } from "./proof.js";
import { administratorOf, endpointsOf, Refused } from "./seed.js";
import { findWritable } from "./writable.js";

export interface Working {
  readonly started: Started;
  /** Absent where the upstream does not run with its declared files yet: then the rollout, which installs them, proves. */
  readonly proof?: Proof;
}

/**
 * Starts a server that has its data, and proves that it works; one that runs is only proven.
 * @throws Refused for data that is not ours, and where it would be a second writable server
 * @throws StartFailed @throws NotWorking
 */
export async function startWorking(options: ProofOptions): Promise<Working> {
  const { server, signal, deadline = 60_000 } = options;
  const host = (options.hostOf ?? hostOf)(server.host as HostSpec);
  const end = Date.now() + deadline;
  const given = signal === undefined ? {} : { signal };
  const mark = await logMark(host, server);
  const started = await withLock(host, server, `starting ${server.name}`, async () => {
    const data = await inspectDataDirectory(host, server);
    if (data.kind !== "ours") {
      throw new Refused(
        `${server.name} is not started: ${server.dataDirectory} on ${server.host.name} is ${data.kind} (run pgsite seed ${server.name}); nothing was touched`,
      );
    }
    if ((await processState(host, server.dataDirectory)).kind !== "running") await refuseSecondPrimary(host, options);
    return startServer(host, server, { deadline, ...given });
  });
  // A server that joins a site may need a rule, or a walsender, that its upstream has not got before the rollout.
  if (await isUpstreamBehind(options)) return { started };
  const left = Math.max(1000, end - Date.now());
  return { started, proof: await proveWorking({ ...options, mark, deadline: left }) };
}

/** Whether the server that it follows, where that is of this stack, has other files than are declared for it. */
async function isUpstreamBehind({ site, server, hostOf: open = hostOf }: ProofOptions): Promise<boolean> {
  const upstream = site.servers.find(({ name }) => name === server.upstream);
  if (upstream === undefined) return false;
  const host = open(upstream.host);
  const real = await Promise.all(
    Object.keys(upstream.files).map((name) => host.readFile(join(upstream.dataDirectory, name))),
  );
  return Object.values(upstream.files).some((text, index) => (text ?? undefined) !== real[index]?.toString("utf8"));
}

/** Without the file that makes it a standby it would take writes; one server of the site does already. */
async function refuseSecondPrimary(host: Host, { site, server, passwords, signal }: ProofOptions): Promise<void> {
  const names = atLeast(server.version, "12") ? ["standby.signal", "recovery.signal"] : ["recovery.conf"];
  for (const name of names) {
    if ((await host.stat(join(server.dataDirectory, name))) !== undefined) return;
  }
  const others = endpointsOf(site).filter(({ name }) => name !== server.name);
  const login = administratorOf(site, passwords);
  const { writable } = await findWritable(others, login, signal === undefined ? {} : { signal });
  if (writable === undefined) return;
  throw new Refused(
    `${server.name} is not started: it has no ${names[0]} and would take writes, and ${writable.name} (${writable.address}:${writable.port}) does already; make it a standby of ${writable.name}, or stop ${writable.name}; nothing was touched`,
  );
}
