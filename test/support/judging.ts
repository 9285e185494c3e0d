import type { HostFacts, Observation, ServerFacts } from "../../preflight/facts.js";
import { judge } from "../../preflight/judge.js";
import type { PreflightRequest, ServerRequest } from "../../preflight/request.js";

/** What a preflight judges in unit tests: hosts on which nothing is wrong, but for what a test says. */
export const gigabyte = 1e9;

export const healthy: ServerFacts = {
  data: "absent",
  incomplete: false,
  identity: false,
  parent: { path: "/data", owner: "postgres", writable: true, way: [] },
  configuration: [],
  jobFolders: [],
  clients: [],
  startFiles: [],
  startsAtBoot: false,
  control: "absent",
  disk: { id: "1", type: "ext2/ext3", free: 100 * gigabyte },
  postgres: "postgres (PostgreSQL) 15.8",
  way: [],
  missingPrograms: [],
  listeners: [],
  sockets: [],
};

export const seeded: ServerFacts = {
  ...healthy,
  data: "filled",
  identity: true,
  control: "writable",
  owner: "postgres",
  mode: 0o700,
  dataVersion: "15",
  size: 10 * gigabyte,
};

export const machine: HostFacts = {
  host: "",
  machine: "",
  osUser: "postgres",
  user: "postgres",
  userExists: true,
  root: { can: true },
  manager: "systemd",
  crontab: "usable",
  cron: { folder: true, runs: "yes" },
  zone: "UTC",
  sendmail: "/usr/sbin/sendmail",
  aliases: true,
  programs: [],
  system: { id: "debian", like: [], name: "Debian GNU/Linux 12 (bookworm)" },
  platform: { machine: "x86_64", wordBits: 64, byteOrder: "little", libc: "glibc 2.36" },
  memory: { total: 8 * gigabyte, available: 6 * gigabyte, freeHugePages: 0, hugePageSize: 2 ** 21, pageSize: 4096 },
  kernel: {
    shmmax: 2 ** 60,
    shmall: 2 ** 50,
    semaphoresPerSet: 32000,
    semaphores: 1024000000,
    semaphoreSets: 32000,
    usedSemaphores: 0,
    usedSemaphoreSets: 0,
  },
  openFiles: 1024,
  locales: ["C", "C.utf8", "POSIX", "en_US.utf8"],
  missingTools: [],
  candidate: undefined,
  clock: { ahead: 0, uncertainty: 0.05 },
  clusters: [],
  servers: {},
};

export interface Given {
  readonly host?: Partial<HostFacts>;
  readonly server?: Partial<ServerFacts>;
  readonly request?: Partial<ServerRequest>;
}

export const hostSpec = (name: string) => ({ name, transport: "ssh", address: "192.0.2.1", user: "postgres" }) as const;

export function requested(name: string, request: Partial<ServerRequest> = {}): ServerRequest {
  return {
    name,
    host: hostSpec(`${name}-host`),
    address: "192.0.2.1",
    port: 5442,
    dataDirectory: "/data/pg",
    controlDirectory: "/data/pg.pgsite",
    binDirectory: "/usr/lib/postgresql/15/bin",
    settings: { listen_addresses: "*" },
    disposable: false,
    ...request,
  };
}

/** Judges one server a host, called like its server; what is not given is as it should be. */
export function judged(
  given: Readonly<Record<string, Given>>,
  more: Partial<PreflightRequest> = {},
): readonly string[] {
  const request: PreflightRequest = {
    site: "orders",
    stack: "test",
    version: "15",
    locales: ["C"],
    install: false,
    servers: Object.entries(given).map(([name, { request: own }]) => requested(name, own)),
    ...more,
  };
  const observations = Object.entries(given).map(([name, { host, server }]): Observation => {
    const facts = { ...machine, host: `${name}-host`, machine: name, ...host };
    return { host: hostSpec(`${name}-host`), facts: { ...facts, servers: { [name]: { ...healthy, ...server } } } };
  });
  return judge(request, observations).map(({ severity, message }) => `${severity}: ${message}`);
}
