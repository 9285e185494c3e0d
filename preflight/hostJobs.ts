import type { JobNeed } from "../config/hostPrograms.js";
import { type Major, numberOf } from "../postgres/versions.js";
import type { FoundClient, HostFacts } from "./facts.js";
import type { ServerRequest } from "./request.js";

/** Who would run a schedule there, as `installed/schedule.ts` finds it; undefined where nobody would. */
export function schedulerOf({ root, manager, cron, crontab }: HostFacts): "systemd" | "cron.d" | "crontab" | undefined {
  if (root.can && manager === "systemd") return "systemd";
  if (root.can && cron.folder) return "cron.d";
  return crontab === "missing" ? undefined : "crontab";
}

/** What the jobs of a host's servers ask of it. */
export function needsOn(
  servers: readonly Pick<ServerRequest, "host" | "jobs">[],
  host: HostFacts,
): ReadonlySet<JobNeed> {
  const here = servers.flatMap((server) => (server.host.name === host.host ? (server.jobs ?? []) : []));
  const scheduler = here.some(({ times }) => times.length > 0) ? schedulerOf(host) : undefined;
  const byCron = scheduler === "cron.d" || scheduler === "crontab";
  return new Set([...here.flatMap(({ needs }) => needs), ...(byCron ? (["cron"] as const) : [])]);
}

/** Those that the jobs cannot use: missing, or of an older major version than the server. */
export function unfitClients(clients: readonly FoundClient[], version: Major): readonly FoundClient[] {
  return clients.filter(({ own, version: found }) => !own && !(majorNumber(found) >= numberOf(version)));
}

/** `15.3` is 1500, `9.6.24` is 906: also of versions that pgsite does not know yet. NaN for none. */
function majorNumber(version = ""): number {
  const [, first, second = "0"] = /^(\d+)(?:\.(\d+))?/.exec(version) ?? [];
  return Number(first) * 100 + (Number(first) < 10 ? Number(second) : 0);
}
