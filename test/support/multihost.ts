import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Bridge, command, endNamespace, makeBridge, makeNamespace, sweep } from "./multihost/network.js";
import { type HostMachine, startHost } from "./multihost/host.js";
import { until } from "./processes.js";

export type { HostMachine } from "./multihost/host.js";

/** Why there can be no hosts of a test here; undefined where there can. */
export function whyNoHosts(): string | undefined {
  if (process.platform !== "linux" || userInfo().uid !== 0) return "several hosts on one machine take root on Linux";
  const missing = ["/usr/sbin/sshd", "/usr/bin/ssh", "/usr/bin/sudo", "/usr/bin/rsync"].filter((path) => !existsSync(path));
  if (!["/sbin/ip", "/usr/sbin/ip"].some(existsSync)) missing.push("ip");
  return missing.length === 0 ? undefined : `not installed: ${missing.join(", ")}`;
}
