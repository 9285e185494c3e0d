import { controlPath } from "../../config/controlDirectory.js";
import { logFileIn } from "../../config/layouts.js";
import { noSchedule } from "../../config/schema/jobs.js";
import type { Backups, Server, Site } from "../../config/site.js";
import { defined } from "../../postgres/defined.js";
import { logFolderOf } from "../../postgres/files/logDirectory.js";
import { splitList } from "../../postgres/settings/lists.js";
import { parseInteger } from "../../postgres/settings/quantities.js";
import { heldName, jobFacts } from "../jobs/facts.js";
import type { JobSet } from "../jobs/kinds.js";
import type { WatchFacts, WatchLog, WatchPlace } from "./render.js";

/** By server: what its host needs to watch it. */
export function watchJobs(site: Site): Readonly<Record<string, JobSet & { readonly kind: "watch" }>> {
  const { watch } = site;
  if (watch === undefined) return {};
  const { schedule, timeZone } = watch;
  const times = schedule === noSchedule ? [] : [{ program: "watch", cron: schedule, ...defined({ zone: timeZone }) }];
  const present = site.servers.filter(({ lost }) => lost === undefined);
  return Object.fromEntries(
    present.map((server) => [server.name, { kind: "watch" as const, facts: factsOf(site, server), times }]),
  );
}

function factsOf(site: Site, server: Server): WatchFacts {
  const { name, role, hotStandby, upstream, tlsFiles } = server;
  const { watch, backups } = site;
  const present = site.servers.filter(({ lost }) => lost === undefined);
  const outside = [site.upstream, ...(site.others ?? [])].flatMap((one) => one ?? []);
  const peers = [
    ...present
      .filter((other) => other.name !== name)
      .map((other) => ({ ...placeOf(other), warm: other.role !== "primary" && !other.hotStandby })),
    ...outside.map((other) => ({ ...placeOf(other), warm: false })),
  ];
  return {
    job: jobFacts(site, server),
    role,
    hot: hotStandby,
    ...defined({ upstream: role === "primary" ? undefined : upstream }),
    standbys: present
      .filter((other) => other.role !== "primary" && other.upstream === name)
      .map((other) => ({
        name: other.name,
        address: other.address,
        ...defined({ applicationName: other.applicationName, delay: delayOf(other) }),
      })),
    peers: peers.map((peer) => ({ ...peer, role: site.replicationRole })),
    thresholds: watch?.thresholds ?? {},
    backups: backups === undefined ? [] : placesOf(backups, server),
    ...(tlsFiles === undefined || server.settings.ssl !== "on" ? {} : { certificate: { path: tlsFiles.certificate } }),
    ...defined({ metrics: watch?.metrics }),
    ...defined({ growth: site.growthPerDay }),
    log: logOf(server),
  };
}

/** Seconds by which it is declared to replay late. Until 11 recovery.conf says so. */
function delayOf({ settings, files }: Server): number | undefined {
  const inFile = /^recovery_min_apply_delay = '(.*)'$/m.exec(files["recovery.conf"] ?? "")?.[1];
  const delay = parseInteger("18", "ms", settings.recovery_min_apply_delay ?? inFile ?? "0");
  return delay.ok && delay.value > 0 ? Math.round(delay.value / 1000) : undefined;
}

function placeOf({ name, address, port }: Pick<Server, "name" | "address" | "port">) {
  return { name, address, port };
}

/** Folders of backups on a server's host: its own, and copies that others bring there. */
function placesOf({ folders, copies, role }: Backups, { name }: Server): readonly WatchPlace[] {
  const own = folders[name];
  return [
    ...(own === undefined ? [] : [{ name, folder: own, when: role === "primary" ? "primary" : "always" } as const]),
    ...copies
      .filter(({ server }) => server === name)
      .map(
        ({ folder }, index) =>
          ({ name: heldName(index), folder, when: role === "primary" ? "standby" : "always" }) as const,
      ),
  ];
}

function logOf(server: Server): WatchLog {
  const { settings, controlDirectory } = server;
  const destinations = splitList(settings.log_destination ?? "stderr") ?? [];
  const formats = [
    ["csvlog", "csv"],
    ["jsonlog", "json"],
    ["stderr", "stderr"],
  ] as const;
  const format = formats.find(([destination]) => destinations.includes(destination))?.[1];
  if (format === undefined) return { unseen: `log_destination is ${settings.log_destination}` };
  if (settings.logging_collector === "on") return { format, folder: logFolderOf(server) };
  if (format !== "stderr") return { unseen: "logging_collector is off, so no file has the log" };
  return { format, file: logFileIn(server) ?? controlPath({ controlDirectory }, "startLog") };
}
