import type { HostSpec } from "../../hosts/host.js";
import type { HostFacts } from "../facts.js";
import type { Complaint, Seen } from "../finding.js";

/** What lets pgsite be root on a host, for whoever administers it. @param name the host's in the stack file */
export function waysToRoot(host: HostFacts, transport: HostSpec["transport"], name: string): string {
  if (transport !== "ssh") return "run pgsite as root";
  const login = host.root.can ? undefined : host.root.login?.user;
  return `let sudo make it root too (visudo: ${login ?? "LOGIN"} ALL=(root, ${host.osUser}) NOPASSWD: /bin/sh), or log in as root (hosts.${name}.login: root)`;
}

/** Why it is not root there, in a few words. */
export function whyNot({ root, osUser }: HostFacts): string {
  if (root.can) return "";
  if (root.login === undefined) return root.why;
  const { user, sudo } = root.login;
  if (user === osUser) return `it logs in as ${user}`;
  return `it logs in as ${user}, and sudo lets it ${sudo.length === 0 ? "do nothing without a password" : `use ${sudo.join(", ")} alone`}`;
}

/** What starts the server with its machine takes root, if it is not the OS user's own crontab. */
export function checkService({ server, host, facts }: Seen): Complaint[] {
  const { service, unit } = server;
  const complaint = { check: "service", path: "service.manager" } as const;
  if (service === undefined) {
    if (unit === undefined || host.manager !== "systemd" || host.root.can) return [];
    return [
      {
        ...complaint,
        severity: "warning",
        cause: `${unit}.service, by which its distribution starts ${server.name}, takes root (${whyNot(host)}): pgsite stops and starts the server by pg_ctl, and systemd counts it as stopped from then on, until it is started by systemctl or with its machine`,
        remedy: waysToRoot(host, server.host.transport, server.host.name),
      },
    ];
  }
  if (service.manager === "crontab" && host.crontab !== "usable") {
    const why = { stopped: "no cron runs", refused: `${host.osUser} may have no crontab`, missing: "there is no cron" };
    return [
      {
        ...complaint,
        severity: "error",
        cause: `${server.name} is to be started with its machine by ${host.osUser}'s crontab, and ${why[host.crontab]}`,
        remedy: "install and start cron (and see /etc/cron.allow), or declare another service.manager",
      },
    ];
  }
  if (host.root.can) return [];
  const kind = service.manager === "auto" ? host.manager : service.manager;
  if (kind === "none" || kind === "crontab") return [];
  // One that is there already, the distribution's say, is used as it is.
  if (facts.startsAtBoot) return [];
  const what = kind === "systemd" ? "a systemd unit" : "a script in /etc/init.d";
  const byCrontab = service.manager === "auto" && unit === undefined && host.crontab === "usable";
  const say = (unit: string, name: string) =>
    withoutRoot(host, unit, waysToRoot(host, server.host.transport, name), byCrontab);
  return [
    {
      ...complaint,
      severity: byCrontab ? "warning" : "error",
      ...say(`${service.name}, ${what}`, server.host.name),
      ofMany: say(what, "NAME"),
    },
  ];
}

/** What a distribution's own start reads, where something else starts the server. */
export function checkStartFiles({ server, host, facts }: Seen): Complaint[] {
  const byUnit = server.unit !== undefined && host.manager === "systemd" && host.root.can;
  if (byUnit || facts.startFiles.length === 0) return [];
  return [
    {
      check: "service",
      severity: "warning",
      path: `servers.${server.name}.layout`,
      cause: `${facts.startFiles.join(" and ")} is read by Debian's own start alone, which pgsite does not use here (it starts the server by pg_ctl)`,
      remedy: "put what it says where any start finds it: settings into the stack file, and nothing else is taken",
    },
  ];
}

/** @param unit what starts it @param ways to be root @param byCrontab whether the OS user's crontab takes its place */
function withoutRoot(host: HostFacts, unit: string, ways: string, byCrontab: boolean) {
  const cause = `${unit} that starts it with its machine, takes root (${whyNot(host)})`;
  if (byCrontab) {
    return {
      cause: `${cause}: a line in ${host.osUser}'s crontab (@reboot) starts it in its place, and nobody stops it in order at a shutdown`,
      remedy: `${ways}; service.manager: crontab says that it is meant`,
    };
  }
  const own =
    host.crontab === "usable"
      ? `say service.manager: crontab, and ${host.osUser}'s own crontab starts it`
      : "say service.manager: none, and it comes back by hand";
  return { cause, remedy: `${ways}; or ${own}` };
}

/** Packages are installed by root. */
export function checkInstalling(host: HostFacts, spec: HostSpec, packages: readonly string[]): Complaint[] {
  if (packages.length === 0 || host.root.can) return [];
  const cause = `installing ${packages.join(" and ")} takes root (${whyNot(host)})`;
  const say = (name: string) => ({
    cause,
    remedy: `${waysToRoot(host, spec.transport, name)}; or install by hand, without install: packages`,
  });
  return [{ check: "root", severity: "error", path: "install", ...say(spec.name), ofMany: say("NAME") }];
}
