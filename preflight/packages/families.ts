import { type HostProgram, hostPrograms } from "../../config/hostPrograms.js";
import type { Major } from "../../postgres/versions.js";
import type { HostFacts } from "../facts.js";

/** What a family of distributions calls its packages, and where they put the server programs. */
export interface Family {
  /** ID or ID_LIKE of /etc/os-release. */
  readonly ids: readonly string[];
  readonly manager: "apt" | "dnf" | "zypper";
  /** What an administrator types before the packages' names. */
  readonly command: string;
  readonly server: (major: Major) => string;
  readonly binDirectory: (major: Major) => string;
  /** The folder below which its packages have clusters. */
  readonly home: string;
  /** The package with psql. */
  readonly client: (major: Major) => string;
  /** Packages that it calls otherwise than `config/hostPrograms.ts` does. */
  readonly names: Readonly<Partial<Record<HostProgram["from"], string>>>;
  /** The package with cron. */
  readonly cron: string;
  /** A package that takes mail by the sendmail interface, and keeps what it cannot deliver yet. */
  readonly mailer: string;
  /** How a locale is made available. */
  readonly locale: (name: string) => string;
  /** The OS user that the server's package makes. */
  readonly user: string;
}

const language = (locale: string) => locale.split(/[_.@]/)[0];
const digits = (major: Major) => major.replace(".", "");

export const debian: Family = {
  ids: ["debian", "ubuntu"],
  manager: "apt",
  command: "apt-get install",
  server: (major) => `postgresql-${major}`,
  client: (major) => `postgresql-client-${major}`,
  binDirectory: (major) => `/usr/lib/postgresql/${major}/bin`,
  home: "/var/lib/postgresql",
  names: {},
  cron: "cron",
  mailer: "dma",
  locale: (name) => `apt-get install locales, uncomment ${name} in /etc/locale.gen, locale-gen`,
  user: "postgres",
};

/** The names of the PostgreSQL project's own packages (PGDG): the distributions' have one major version each. */
const redhat: Family = {
  ids: ["rhel", "fedora", "centos"],
  manager: "dnf",
  command: "dnf install",
  server: (major) => `postgresql${digits(major)}-server`,
  client: (major) => `postgresql${digits(major)}`,
  binDirectory: (major) => `/usr/pgsql-${major}/bin`,
  home: "/var/lib/pgsql",
  names: { bsdutils: "util-linux", "openssh-client": "openssh-clients" },
  cron: "cronie",
  mailer: "postfix",
  locale: (name) => `dnf install glibc-langpack-${language(name)}`,
  user: "postgres",
};

const suse: Family = {
  ids: ["suse", "opensuse", "sles"],
  manager: "zypper",
  command: "zypper install",
  server: (major) => `postgresql${digits(major)}-server`,
  client: (major) => `postgresql${digits(major)}`,
  binDirectory: (major) => `/usr/lib/postgresql${digits(major)}/bin`,
  home: "/var/lib/pgsql",
  names: { bsdutils: "util-linux", "openssh-client": "openssh-clients" },
  cron: "cronie",
  mailer: "postfix",
  locale: () => "zypper install glibc-locale",
  user: "postgres",
};

/** The family of a host's system; undefined for one that pgsite knows no packages of. */
export function familyOf({ system }: Pick<HostFacts, "system">): Family | undefined {
  return [debian, redhat, suse].find(({ ids }) => [system.id, ...system.like].some((id) => ids.includes(id)));
}

/** The package that has a program which pgsite runs on hosts; undefined where no package brings it. */
export function packageOf(family: Family, program: string, version: Major): string | undefined {
  const from = hostPrograms[program]?.from;
  if (from === undefined) return undefined;
  return from === "client" ? family.client(version) : (family.names[from] ?? from);
}
