import { controlPath } from "../../config/controlDirectory.js";
import type { KnownServer } from "../../config/site.js";
import { type Host, NotThatUser } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { findManager, hasUnit } from "../../installed/service/manager.js";
import { until } from "./until.js";

/** The systemd unit that starts and stops a server, so that systemd knows what pgsite did. */
export interface Unit {
  /** With `.service`. */
  readonly name: string;
  /** False of the distribution's. */
  readonly isOurs: boolean;
  readonly root: Host;
}

/** Undefined where systemd does not look after the server. */
export async function unitOf(
  host: Host,
  { service, unit, host: spec, ...controls }: KnownServer,
): Promise<Unit | undefined> {
  const own = service?.manager === "auto" || service?.manager === "systemd" ? service.name : undefined;
  const name = unit ?? own;
  if (name === undefined || (await findManager(host)) !== "systemd") return undefined;
  // Without root cron starts it, and pg_ctl whenever pgsite does.
  const isCrons = unit === undefined && service?.manager === "auto";
  if (isCrons && (await host.stat(controlPath(controls, "service"))) !== undefined) return undefined;
  const root = hostOf({ ...spec, user: "root" });
  // What pgsite has not made it uses where it can; the preflight says where it cannot.
  if (service === undefined && !((await hasUnit(host, name)) && (await mayBe(root)))) return undefined;
  return { name: `${name}.service`, isOurs: unit === undefined, root };
}

/**
 * Whether a server runs and its distribution's unit does not know: a script of the runbook started it, or pg_ctl by hand. systemd
 * puts the processes of a unit into a control group of its name, so that nobody has to be asked.
 */
export async function runsOutside(host: Host, unit: string, pid: number): Promise<boolean> {
  if ((await findManager(host)) !== "systemd") return false;
  const groups = (await host.readFile(`/proc/${pid}/cgroup`).catch(() => undefined))?.toString("utf8") ?? "";
  return groups !== "" && !groups.includes(`/${unit}.service`);
}

async function mayBe(root: Host): Promise<boolean> {
  try {
    await root.run(["true"]);
    return true;
  } catch (error) {
    if (error instanceof NotThatUser) return false;
    throw error;
  }
}

/** What systemd says of why it does not start, or nothing. */
export async function startUnit({ root, name, isOurs }: Unit): Promise<string> {
  // Ours returns once the program runs, whatever becomes of it; a distribution's would once it answers, or never.
  const argv = ["systemctl", "start", ...(isOurs ? [] : ["--no-block"]), name];
  const { code, stdout, stderr } = await root.run(argv, { timeout: 60_000 });
  return code === 0 ? "" : `systemctl says: ${(stderr + stdout).trim()}`;
}

/** systemd would try again for ever, behind the back of whoever was told that the server does not start. */
export async function stopTrying({ root, name }: Unit): Promise<void> {
  await root.run(["systemctl", "stop", name], { timeout: 60_000 });
}

/**
 * A distribution's unit is up a moment after its server: Debian's asks that every half second. Whoever is told that the server
 * runs hears the same from systemd. A warm standby it may wait for in vain.
 */
export async function untilUnitKnows(host: Host, { name }: Unit): Promise<void> {
  const argv = ["systemctl", "is-active", name];
  await until(async () => (await host.run(argv)).stdout.trim() !== "activating", { deadline: 5000, interval: 100 });
}

/**
 * By the distribution's unit, if that runs it: Debian's would count a server that ended by itself as failed. Undefined where it
 * does not; else what systemd says of why it cannot, or nothing.
 */
export async function stopByUnit(host: Host, { root, name, isOurs }: Unit): Promise<string | undefined> {
  if (isOurs) return undefined;
  if ((await host.run(["systemctl", "is-active", "--quiet", name])).code !== 0) return undefined;
  const { code, stdout, stderr } = await root.run(["systemctl", "stop", "--no-block", name]);
  return code === 0 ? "" : `systemctl says: ${(stderr + stdout).trim()}`;
}
