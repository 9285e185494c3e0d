import { hostPrograms, type JobNeed } from "../../config/hostPrograms.js";
import { layoutNames, programsIn } from "../../config/layouts.js";
import { isOlder } from "../../postgres/minor.js";
import { type Major, majorOf } from "../../postgres/versions.js";
import type { HostFacts } from "../facts.js";
import type { Complaint, Seen } from "../finding.js";
import { needsOn } from "../hostJobs.js";
import { debian, type Family, familyOf } from "../packages/families.js";
import { managers } from "../packages/manager.js";
import { installs, toInstall } from "../packages/missing.js";
import type { PreflightRequest } from "../request.js";
import { strangersOn } from "../way.js";
import { hasNewerVersion } from "./directory.js";

/** The server programs: there, and of the declared version. */
export function checkPrograms(seen: Seen): Complaint[] {
  const { request, server, host, facts } = seen;
  const error = { check: "programs", severity: "error", path: "binaries" } as const;
  const folder = server.binDirectory;
  const name = familyOf(host)?.server(request.version) ?? `PostgreSQL ${request.version}`;
  // That is said with its data, and no programs of the declared version would help.
  if (hasNewerVersion(seen)) return [];
  if (facts.postgres === undefined) return missingServer(seen);
  const strange = checkWay(seen);
  if (strange.some(({ severity }) => severity === "error")) return strange;
  const said = saidVersion(facts.postgres);
  if (said === undefined) {
    return [
      ...strange,
      facts.ran === true
        ? {
            ...error,
            cause: `${folder}/postgres does not run (${facts.postgres})`,
            remedy: `repair or reinstall ${name}`,
          }
        : {
            ...error,
            severity: "warning",
            cause: `no version is written in ${folder}/postgres, and nothing that a stack file names is run before an up`,
            remedy: `if it is not what you mean, repair or reinstall ${name}`,
          },
    ];
  }
  if (said.major !== request.version) {
    return [
      ...strange,
      {
        ...error,
        cause: `${folder}/postgres is PostgreSQL ${said.version}, and ${request.version} is declared`,
        remedy: `correct binaries or postgresql, or install ${name}`,
      },
    ];
  }
  const older = olderThanDeclared(seen, said.version);
  if (facts.missingPrograms.length === 0) return [...strange, ...older];
  const programs = facts.missingPrograms.join(" and ");
  return [
    ...strange,
    ...older,
    { ...error, cause: `${folder} has no ${programs}`, remedy: `install all of the server's programs (${name})` },
  ];
}

/** Of packages that pgsite can ask about, every preview says it (`preflight/packages/updates.ts`). */
function olderThanDeclared({ request: { minor, version }, server, host }: Seen, is: string): Complaint[] {
  const family = familyOf(host);
  const isAsked = family?.manager === debian.manager && server.binDirectory === family.binDirectory(version);
  if (minor === undefined || isAsked || !isOlder(is, minor)) return [];
  return [
    {
      ...{ check: "programs", severity: "warning", path: "binaries" },
      cause: `${server.binDirectory}/postgres is PostgreSQL ${is}, older than the declared ${minor}`,
      remedy: `install ${minor}, and run pulumi up, which restarts the servers in their order; or correct postgresql`,
    },
  ];
}

/** Whether somebody else decides what is run as the OS user. Said once, of what lies nearest to the root. */
function checkWay({ host, facts }: Seen): Complaint[] {
  const strangers = strangersOn(facts.way, host.osUser);
  const [worst] = [...strangers.filter(({ who }) => who !== "its group"), ...strangers];
  if (worst === undefined) return [];
  const { path, owner, group } = worst.step;
  const user = host.osUser;
  const said = { check: "programs", path: "binaries" } as const;
  switch (worst.who) {
    case "its owner":
      return [
        {
          ...said,
          severity: "error",
          cause: `${path} belongs to ${owner}, who decides by it what runs as ${user}`,
          remedy: `chown root ${path}, or name programs of root's or ${user}'s as binaries`,
        },
      ];
    case "everyone":
      return [
        {
          ...said,
          severity: "error",
          cause: `everyone may write ${path}, and so decide what runs as ${user}`,
          remedy: `have the programs where only root or ${user} may write (chmod o-w ${path}, or another folder as binaries)`,
        },
      ];
    case "its group":
      return [
        {
          ...said,
          severity: "warning",
          cause: `the group ${group} may write ${path}, and so decide what runs as ${user}`,
          remedy: `chmod g-w ${path}, unless everyone in it may`,
        },
      ];
  }
}

/** Nothing is wrong where pgsite is to install them and can. */
function missingServer({ request, server, host }: Seen): Complaint[] {
  const { version, install } = request;
  const error = { check: "programs", severity: "error", path: "binaries" } as const;
  const cause = `there is no PostgreSQL ${version} in ${server.binDirectory}`;
  const family = familyOf(host);
  if (install && family?.binDirectory(version) === server.binDirectory && managers[family.manager] !== undefined) {
    return host.candidate !== undefined ? [] : [notYetKnown(family, version)];
  }
  const there = host.programs.find((found) => majorOf(found.version) === version);
  if (there !== undefined) {
    const remedy = `PostgreSQL ${there.version} is in ${there.folder}: say ${saying(there.folder, version)}`;
    return [{ ...error, cause, remedy }];
  }
  if (family === undefined) {
    return [
      { ...error, cause, remedy: `install it, or name the folder of its programs as binaries (${host.system.name})` },
    ];
  }
  const elsewhere = family.binDirectory(version);
  if (server.binDirectory !== elsewhere) {
    const remedy = `name the folder that has them as binaries; ${family.server(version)} puts them into ${elsewhere}`;
    return [{ ...error, cause, remedy }];
  }
  if (install) {
    const remedy = `${family.command} ${family.server(version)} (pgsite itself installs with ${Object.keys(managers).join(", ")} alone)`;
    return [{ ...error, path: "install", cause, remedy }];
  }
  return [{ ...error, cause, remedy: remedyOf(family, host, version) }];
}

/** What a stack file has to say, so that programs of this folder are used. */
function saying(folder: string, version: PreflightRequest["version"]): string {
  const layouts = layoutNames.filter((layout) => programsIn(layout, version) === folder);
  const usual = layouts.map((layout) => `layout: ${layout}`).join(" or ");
  return `binaries: ${folder}${usual === "" ? "" : `, or ${usual} where the server stands as that has it`}`;
}

function notYetKnown(family: Family, version: PreflightRequest["version"]): Complaint {
  return {
    check: "programs",
    severity: "warning",
    path: "install",
    cause: `the host's package sources, as last read, have no ${family.server(version)}`,
    remedy:
      "pgsite reads them again before it installs; where that does not help, add the sources of the PostgreSQL project (PGDG)",
  };
}

function remedyOf(family: Family, host: HostFacts, version: PreflightRequest["version"]): string {
  const command = `${family.command} ${family.server(version)}`;
  if (family.manager !== "apt") return command;
  return host.candidate === undefined
    ? `its package sources have no ${family.server(version)}: add those of the PostgreSQL project (PGDG), or name the folder that has the programs as binaries`
    : `${command} (without a cluster: create_main_cluster = false), or say install: packages`;
}

/** What pgsite itself runs on hosts, but for perl (`checkSessions`). */
export function checkTools(request: PreflightRequest, host: HostFacts, remote: boolean): Complaint[] {
  const hasPeers = request.servers.length > 1 || request.source !== undefined;
  const lasts = request.servers.some(({ disposable }) => !disposable);
  const needs = needsOn(request.servers, host);
  const jobsLast = request.servers.some(
    ({ host: at, jobs, disposable }) => at.name === host.host && jobs !== undefined && !disposable,
  );
  return host.missingTools.flatMap((tool): Complaint[] => {
    if (tool === "/proc") return [withoutProc];
    const { when, lack, jobs } = hostPrograms[tool] ?? { when: "always" };
    const isWanted = { always: true, hosts: remote, peers: hasPeers && lasts, way: false, jobs: false }[when];
    const job = jobs !== undefined && needs.has(jobs) ? forJobs[jobs] : undefined;
    if ((!isWanted && job === undefined) || isSaidOf(request, host, tool) || installs(request, host, tool)) return [];
    const why = when === "always" ? undefined : (job ?? lack);
    return [
      {
        check: "tools",
        // A rehearsal goes on: it says so itself where it comes to them.
        severity: when === "always" || (job !== undefined && jobsLast) ? "error" : "warning",
        path: "install",
        cause: why === undefined ? `${tool} is missing` : `${tool} is missing: ${why}`,
        remedy: toInstall(host, tool, request.version),
      },
    ];
  });
}

/** What lacks without a program, where a stack has backups or a watch. */
const forJobs: Readonly<Record<JobNeed, string>> = {
  jobs: "backups and watch run it",
  backups: "backups run it",
  copies: "runs are copied by it",
  ssh: "runs are copied to other hosts by it",
  ionice: "backups.ionice takes it",
  rateLimit: "backups.rateLimit takes it",
  cron: "what cron's programs say goes to syslog by it",
};

/** With the server's own programs psql is missing too, and comes with them; jobs' clients have a check of their own. */
function isSaidOf({ servers }: PreflightRequest, host: HostFacts, tool: string): boolean {
  if (tool !== "psql") return false;
  return servers.some(
    ({ name, host: at, jobs }) =>
      lacksPrograms(host, name) || (at.name === host.host && jobs?.clients.includes(tool) === true),
  );
}

const withoutProc: Complaint = {
  check: "tools",
  severity: "error",
  path: "hosts",
  cause: "/proc is not there: nobody can say which servers run",
  remedy: "mount it (mount -t proc proc /proc)",
};

function lacksPrograms(host: HostFacts, server: string): boolean {
  return host.servers[server] !== undefined && host.servers[server]?.postgres === undefined;
}

/** The OS user, and whether we can be it. */
export function checkUser(request: PreflightRequest, host: HostFacts): Complaint[] {
  const error = { check: "user", severity: "error", path: "osUser" } as const;
  if (!host.userExists) {
    const family = familyOf(host);
    if (request.install && family?.user === host.osUser && managers[family.manager] !== undefined) return [];
    return [
      {
        ...error,
        cause: `there is no OS user ${host.osUser}`,
        remedy: `make it (useradd --system --create-home --shell /bin/sh ${host.osUser}), or name another as osUser`,
      },
    ];
  }
  if (host.instead !== undefined) {
    const say = (because: string) => ({
      cause: `pgsite cannot act as ${host.osUser} there (${because})`,
      remedy: `let it log in as ${host.osUser}, or become that user`,
    });
    return [{ ...error, ...say(host.instead.because), ofMany: say(host.instead.ofMany) }];
  }
  return host.user === host.osUser
    ? []
    : [{ ...error, cause: `pgsite is ${host.user} there`, remedy: `it must be ${host.osUser}, the declared osUser` }];
}

/** The version that words of `postgres` tell, or undefined for words that are none of its. */
function saidVersion(words: string): { readonly version: string; readonly major: Major | undefined } | undefined {
  const version = /\(PostgreSQL\) (\d[\w.]*)/.exec(words)?.[1];
  return version === undefined ? undefined : { version, major: majorOf(version) };
}
