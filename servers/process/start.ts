import { join } from "node:path";
import type { Server, Site } from "../../config/site.js";
import type { Host, HostSpec } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { filedSettings, settingFiles } from "../../postgres/files/facts.js";
import type { Mended } from "../../postgres/lockedOut.js";
import { atLeast } from "../../postgres/versions.js";
import { readServerFiles } from "../data/countedFiles.js";
import { inspectDataDirectory } from "../data/dataDirectory.js";
import { withLock } from "../data/lock.js";
import { markProven } from "../data/unproven.js";
import { Refused } from "../seed/seed.js";
import { administratorOf, endpointsOf } from "../sql/login.js";
import { findWritable } from "../sql/writable.js";
import { makeSlots } from "../status/slots.js";
import { unlock } from "../unlock/unlock.js";
import { missingFloors } from "./floors.js";
import { logMark } from "./log.js";
import { processState, type Started, startServer } from "./process.js";
import { type Proof, type ProofOptions, proveWorking } from "./proof.js";

export type Working =
  | {
      readonly started: Started;
      /** Absent where the rollout has something to do to the upstream first: then it proves. */
      readonly proof?: Proof;
      readonly upstream?: "behind" | "stopped";
    }
  /** Not started: what its data ask for and its files do not give (`max_connections 50`); the rollout starts it with that. */
  | { readonly missing: readonly string[] };

/** A start looks at the files that are declared for its upstream. */
export interface WorkingOptions extends ProofOptions {
  readonly site: Site;
  readonly server: Server;
  /** Whether a rollout comes after it, which starts servers that are stopped. @default false */
  readonly inUp?: boolean;
  /** Hears what was done so that pgsite comes in. */
  readonly report?: (mended: Mended) => void;
}

/**
 * Starts a server that has its data, and proves that it works; one that runs is only proven.
 * @throws Refused for data that is not ours, and where it would be a second writable server
 * @throws StartFailed @throws NotWorking
 */
export async function startWorking(options: WorkingOptions): Promise<Working> {
  const { server, signal, deadline = 60_000 } = options;
  const host = (options.hostOf ?? hostOf)(server.host as HostSpec);
  const end = Date.now() + deadline;
  const given = signal === undefined ? {} : { signal };
  const mark = await logMark(host, server);
  const done = await withLock(host, server, `starting ${server.name}`, async (): Promise<Working> => {
    const data = await inspectDataDirectory(host, server);
    if (data.kind !== "ours") {
      throw new Refused(
        `${server.name} is not started: ${server.dataDirectory} on ${server.host.name} is ${data.kind} (run pgsite seed ${server.name}); nothing was touched`,
      );
    }
    if ((await processState(host, server.dataDirectory)).kind !== "running") {
      await refuseSecondPrimary(host, options);
      const missing = await missingNow(host, server);
      if (missing.length > 0) return { missing };
    }
    await makeOwnSlot(options);
    return { started: await startServer(host, server, { deadline, ...given }) };
  });
  const upstream = "missing" in done ? undefined : await upstreamLeft(options);
  if ("missing" in done || upstream !== undefined) {
    await markProven(host, server);
    return upstream === undefined ? done : { ...done, upstream };
  }
  await letIn(host, options);
  const left = Math.max(1000, end - Date.now());
  const proof = await proveWorking({ ...options, mark, deadline: left, patience: refusalsStay });
  await markProven(host, server);
  return { ...done, proof };
}

/** Milliseconds: its upstream has its declared rules and roles, so that a refusal does not pass. */
const refusalsStay = 500;

/** A server that keeps pgsite out cannot be proven. */
async function letIn(host: Host, { site, server, passwords, signal, report = () => undefined }: WorkingOptions) {
  const files = Object.fromEntries(
    Object.entries(server.files).filter((entry): entry is [string, string] => entry[1] !== null),
  );
  const login = administratorOf(site, passwords);
  const said = async (mended: Mended) => report(mended);
  await unlock({ host, server, files, login, signal, report: said });
}

/** The slot of its upstream by which it streams. An upstream that does not answer is the proof's to complain of. */
async function makeOwnSlot({ site, server, passwords, signal }: WorkingOptions): Promise<void> {
  const upstream = endpointsOf(site).find(({ name }) => name === server.upstream);
  if (server.slot === undefined || upstream === undefined) return;
  const given = { version: server.version, login: administratorOf(site, passwords) };
  await makeSlots(upstream, [server.slot], { ...given, ...(signal === undefined ? {} : { signal }) }).catch(() =>
    signal?.throwIfAborted(),
  );
}

/**
 * What the data of a hot standby ask for and its files do not give. A base backup asks for what its source ran with, until
 * it has replayed lower values: the rollout, which alone touches those settings, starts it with what it needs for now.
 */
async function missingNow(host: Host, server: Server): Promise<readonly string[]> {
  if (!server.hotStandby || server.upstream === undefined) return [];
  const { files } = await readServerFiles(host, server, [...settingFiles, ...Object.keys(server.files)]);
  const filed = [...filedSettings(files).values()].map(({ name, value }) => [name, value] as const);
  return missingFloors(host, server, Object.fromEntries(filed));
}

/**
 * What the rollout has to do to the server that it follows, where that is of this stack. `behind`: it has other files than are
 * declared for it, or is itself left to the rollout: it may lack the rule, or the walsender, that one that joins a site needs.
 */
async function upstreamLeft({
  site,
  server,
  inUp = false,
  hostOf: open = hostOf,
}: WorkingOptions): Promise<"behind" | "stopped" | undefined> {
  const upstream = site.servers.find(({ name }) => name === server.upstream);
  if (upstream === undefined) return undefined;
  const host = open(upstream.host);
  if (inUp && (await processState(host, upstream.dataDirectory)).kind !== "running") return "stopped";
  const real = (await readServerFiles(host, upstream, Object.keys(upstream.files))).files;
  const differs = Object.entries(upstream.files).some(([name, text]) => (text ?? undefined) !== real[name]);
  return differs || (await missingNow(host, upstream)).length > 0 ? "behind" : undefined;
}

/** Without the file that makes it a standby it would take writes; one server of the site does already. */
async function refuseSecondPrimary(host: Host, { site, server, passwords, signal }: WorkingOptions): Promise<void> {
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
