import { inZoneOfHost } from "../../config/zone.js";
import { zoneRemedy, zoneWords } from "../../config/zoneWords.js";
import type { HostSpec } from "../../hosts/host.js";
import type { HostFacts } from "../facts.js";
import type { Complaint, Seen } from "../finding.js";
import { schedulerOf, unfitClients } from "../hostJobs.js";
import { familyOf } from "../packages/families.js";
import { installsClients } from "../packages/missing.js";
import type { PreflightRequest } from "../request.js";
import { waysToRoot, whyNot } from "./root.js";

/** PostgreSQL's client programs, of the server's version or a newer one: beside its own, or on PATH. */
export function checkClients({ request, server, host, facts }: Seen): Complaint[] {
  const unfit = unfitClients(facts.clients, request.version);
  // With the server's own programs they come, or are looked for again.
  if (unfit.length === 0 || facts.postgres === undefined || installsClients(request, host, server)) return [];
  const names = unfit.map(({ program }) => program).join(", ");
  const older = unfit.flatMap(({ program, version }) => (version === undefined ? [] : [`${program} ${version}`]));
  const what = server.jobs?.needs.includes("backups") === true ? "backups" : "the watch";
  const family = familyOf(host);
  const client = `PostgreSQL's client programs (${request.version} or newer)`;
  return [
    {
      check: "programs",
      // A rehearsal goes on without: who runs a backup there is told then.
      severity: server.disposable ? "warning" : "error",
      path: what === "backups" ? "backups" : "watch",
      cause: `${what} run ${names} of PostgreSQL ${request.version}, which ${server.binDirectory} does not have, nor PATH${older.length === 0 ? "" : `, where they are older (${older.join(", ")})`}`,
      remedy: family === undefined ? `install ${client}` : `${family.command} ${family.client(request.version)}`,
    },
  ];
}

/** Whether somebody runs at their times what is to run by itself. */
export function checkSchedules(seen: Seen): Complaint[] {
  const { server, host } = seen;
  const { times = [] } = server.jobs ?? {};
  const [first] = times;
  if (first === undefined) return [];
  const complaint = { check: "schedule", severity: "error", path: `${first.key}.schedule` } as const;
  const what = times.map(({ program }) => program).join(" and ");
  const byHand = `say schedule: none and run ${times.length === 1 ? "it" : "them"} by hand`;
  const family = familyOf(host);
  const getCron = family === undefined ? "install cron" : `${family.command} ${family.cron}`;
  const scheduler = schedulerOf(host);
  if (scheduler === undefined) {
    const systemd = host.manager === "systemd" ? ["a systemd timer, which takes root"] : [];
    const say = (name: string) => ({
      cause: `nobody there runs ${what}: there is no crontab${systemd.length === 0 ? "" : `, and ${systemd.join()} (${whyNot(host)})`}`,
      remedy: [
        getCron,
        ...(systemd.length === 0 ? [] : [waysToRoot(host, server.host.transport, name)]),
        `or ${byHand}`,
      ].join("; "),
    });
    return [{ ...complaint, ...say(server.host.name), ofMany: say("NAME") }];
  }
  if (scheduler === "systemd") return [];
  return [...checkCron(seen, scheduler, complaint, { what, byHand }), ...checkZones(seen)];
}

function checkCron(
  { host }: Seen,
  scheduler: "cron.d" | "crontab",
  complaint: Pick<Complaint, "check" | "severity" | "path">,
  { what, byHand }: { readonly what: string; readonly byHand: string },
): Complaint[] {
  if (scheduler === "crontab" && host.crontab === "refused") {
    const cause = `${host.osUser}'s crontab is to run ${what}, and ${host.osUser} may have none`;
    return [{ ...complaint, cause, remedy: `let it have one (/etc/cron.allow, /etc/cron.deny), or ${byHand}` }];
  }
  if (host.cron.runs === "yes") return [];
  const cause =
    host.cron.runs === "no"
      ? `cron is to run ${what}, and no cron runs`
      : `cron is to run ${what}, and whether one runs ${host.osUser} cannot see (/proc hides what others run)`;
  return [
    {
      ...complaint,
      severity: host.cron.runs === "no" ? "error" : "warning",
      cause,
      remedy: `start it, and have it start with the machine; or ${byHand}`,
    },
  ];
}

/** Times of a zone that the host's cron cannot say. */
function checkZones({ server, host }: Seen): Complaint[] {
  return (server.jobs?.times ?? []).flatMap(({ program, key, cron, zone }): Complaint[] => {
    if (zone === undefined) return [];
    const said = inZoneOfHost(cron, zone, host.zone);
    if (!("problem" in said)) return [];
    return [
      {
        check: "schedule",
        severity: "error",
        path: `${key.replace(/\.drill$/, "")}.timeZone`,
        cause: `the times of ${program} (${cron}) cannot be kept: ${zoneWords(said.problem)}`,
        remedy: zoneRemedy,
      },
    ];
  });
}

/** Whether mail gets away from a host whose servers have jobs, and the stack's aliases get there. */
export function checkMail(request: PreflightRequest, host: HostFacts, spec: HostSpec): Complaint[] {
  const has = request.servers.some(({ host: at, jobs }) => at.name === host.host && jobs !== undefined);
  if (!has || request.mail === undefined) return [];
  const warning = { check: "mail", severity: "warning" } as const;
  const aliases = request.mail.aliases.join(", ");
  const family = familyOf(host);
  const mailer =
    family === undefined
      ? "a program with sendmail's interface that queues (postfix, dma)"
      : `${family.command} ${family.mailer}`;
  return [
    ...(host.sendmail === undefined
      ? [
          {
            ...warning,
            path: "mail.to",
            cause:
              "nothing there delivers mail (there is no sendmail program): what backups and watch have to say waits on the host",
            remedy: `${mailer}, which keeps what its relay does not take yet (msmtp does not)`,
          },
        ]
      : []),
    ...(aliases === "" || host.aliases
      ? []
      : [
          {
            ...warning,
            path: "mail.aliases",
            cause: `there is no /etc/aliases for ${aliases}`,
            remedy: "make it (touch /etc/aliases) if the mail program there reads it; else name addresses in mail.to",
          },
        ]),
    ...(aliases === "" || !host.aliases || host.root.can ? [] : [withoutRoot(host, spec, aliases)]),
  ];
}

function withoutRoot(host: HostFacts, spec: HostSpec, aliases: string): Complaint {
  const cause = `the lines of /etc/aliases for ${aliases} take root (${whyNot(host)}), unless they are there already`;
  const say = (name: string) => ({
    cause,
    remedy: `${waysToRoot(host, spec.transport, name)}; or write them by hand`,
  });
  return { check: "mail", severity: "warning", path: "mail.aliases", ...say(spec.name), ofMany: say("NAME") };
}
