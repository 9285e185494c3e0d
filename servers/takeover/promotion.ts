import { join } from "node:path";
import { controlPath } from "../../config/controlDirectory.js";
import type { KnownServer } from "../../config/site.js";
import type { Host } from "../../hosts/host.js";
import { roleLine } from "../../installed/runbook/roles.js";
import { promotedBy } from "../../postgres/rollout/promotion.js";
import { atLeast } from "../../postgres/versions.js";
import { filedOn } from "../process/lateReplay.js";
import { causesIn, logMark, logSince } from "../process/log.js";
import { pauseOf } from "../process/paused.js";
import { until } from "../process/until.js";
import { type Login, withSession } from "../sql/session.js";
import { namesOf } from "../sql/versions.js";
import { whoAreYou } from "../sql/writable.js";

/** A server with its host. */
export interface Member {
  readonly server: KnownServer;
  readonly host: Host;
}

export interface PromotionOptions {
  readonly to: Member;
  readonly login: Login;
  readonly signal?: AbortSignal;
}

/** Milliseconds. */
const promoting = 60_000;

/**
 * Has a standby take writes, whatever made it one; where it does so already, only what is left over of that is done. What
 * must be true before is for the caller to see to: a promotion cannot be taken back.
 * @param from the server that it takes over from, for the history of the site
 * @throws where it does not take writes in time, with the reason from its log
 */
export async function promote({ to, login, signal }: PromotionOptions, from: string): Promise<void> {
  const { server, host } = to;
  await resumeReplay(to.server, login, signal);
  const mark = await logMark(host, server);
  const { refused, trigger } = await order(to);
  if (refused !== undefined && (await isInRecovery(to, login, signal)) !== false) {
    throw new Error(`${server.name} cannot be promoted: ${refused}`);
  }
  const given = signal === undefined ? {} : { signal };
  const done = async () => (await isInRecovery(to, login, signal)) === false;
  const isDone = await until(done, { deadline: promoting, ...given });
  // The server itself takes it away; one that lies around would promote whoever is made a standby here.
  if (trigger !== undefined) await host.remove(trigger);
  if (!isDone) {
    const [cause] = causesIn(await logSince(host, server, mark), server);
    throw new Error(
      `${server.name} was told to take over and does not take writes after ${promoting / 1000} s${cause === undefined ? "" : `: its log says "${cause.line}"`}; it has all data; run pulumi up again`,
    );
  }
  await Promise.all([
    // Its control file names the new timeline after a checkpoint, which would else take its time.
    withSession(server, login, { queryTimeout: 0, ...given }, (session) => session.query("checkpoint")),
    ...(refused === undefined ? [noteRole(to, from)] : []),
  ]);
  // What made it a standby, as the server renamed it: one more of that name, and nobody knows which was last.
  if (!atLeast(server.version, "12")) await host.remove(join(server.dataDirectory, "recovery.done"));
}

/** What came of telling a standby to take over: why it was not told, and the file that tells it. */
interface Order {
  readonly refused?: string;
  readonly trigger?: string;
}

async function order({ server, host }: Member): Promise<Order> {
  const way = promotedBy(server.version);
  if (way.by === "pg_ctl") {
    const argv = [join(server.binDirectory, "pg_ctl"), "promote", ...way.options, "-D", server.dataDirectory];
    const { code, stdout, stderr } = await host.run(argv);
    return code === 0 ? {} : { refused: (stderr + stdout).trim() };
  }
  const trigger = (await filedOn(host, server)).get("trigger_file");
  if (!trigger) return { refused: "its recovery.conf names no trigger_file, and its version takes nothing else" };
  await host.writeFile(trigger, "");
  return { trigger };
}

/** In the journal that the runbook keeps too. What is done is done, also where that cannot be written. */
async function noteRole({ host, server }: Member, from: string): Promise<void> {
  const line = roleLine({ at: new Date().toISOString(), what: "promoted", other: from, by: "pulumi" });
  const script = 'umask 077; printf %s "$1" >>"$2"';
  await host.run(["sh", "-c", script, "sh", line, controlPath(server, "roles")]).catch(() => undefined);
}

/** Until 12 a promotion waits for ever where somebody paused replay. */
async function resumeReplay(server: KnownServer, login: Login, signal: AbortSignal | undefined): Promise<void> {
  const { resumeReplay: resume } = namesOf(server.version);
  if (resume === null || atLeast(server.version, "13")) return;
  if ((await pauseOf(server, login, signal)) === undefined) return;
  await withSession(server, login, signal === undefined ? {} : { signal }, (session) =>
    session.query(`select ${resume}`),
  );
}

/** Undefined where it does not say. */
async function isInRecovery(
  { server }: Member,
  login: Login,
  signal: AbortSignal | undefined,
): Promise<boolean | undefined> {
  const options = { timeout: 2000, queryTimeout: 2000, ...(signal === undefined ? {} : { signal }) };
  try {
    return (await withSession(server, login, options, whoAreYou)).inRecovery;
  } catch {
    signal?.throwIfAborted();
    return undefined;
  }
}
