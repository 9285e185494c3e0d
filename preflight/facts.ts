import type { HostSpec, Port } from "../hosts/host.js";
import type { Forwarding } from "../hosts/ssh/forwarding.js";
import type { DebianCluster } from "./clusters.js";
import type { FoundPrograms } from "./programFolders.js";
import type { Step } from "./way.js";

/** What is so on a host, as far as a preflight asks. Sizes are bytes, times seconds. */
export interface HostFacts {
  readonly host: string;
  /** `Host.machine`: two hosts with the same value share file systems. */
  readonly machine: string;
  /** The OS user that is to own the data and run the servers. */
  readonly osUser: string;
  /** As whom the host was looked at. */
  readonly user: string;
  /** Why it was looked at as root in place of the OS user; undefined where it was not. */
  readonly instead?: { readonly because: string; readonly ofMany: string };
  readonly userExists: boolean;
  /** Whether we can be root there; of a host that is only compared with, nobody asks. */
  readonly root: RootAccess;
  /** What starts services there. */
  readonly manager: "systemd" | "sysv" | "none";
  /** Whether the OS user can have a crontab, and cron runs. */
  readonly crontab: "usable" | "stopped" | "refused" | "missing";
  /** Whether cron has a folder for files of root's, and runs; `hidden`: /proc shows others' processes to root alone. */
  readonly cron: { readonly folder: boolean; readonly runs: "yes" | "no" | "hidden" };
  /** Of its clock (`config/zone.ts`); undefined where it does not name it. */
  readonly zone: string | undefined;
  /** The program that takes mail; undefined where there is none. */
  readonly sendmail: string | undefined;
  /** Whether there is an /etc/aliases. */
  readonly aliases: boolean;
  readonly system: { readonly id: string; readonly like: readonly string[]; readonly name: string };
  readonly platform: Platform;
  readonly memory: Memory;
  readonly kernel: Kernel;
  /** `ulimit -n` of the OS user; Infinity for unlimited. */
  readonly openFiles: number;
  /** As `locale -a` names them; undefined where that program is missing. */
  readonly locales: readonly string[] | undefined;
  /** Programs that pgsite uses on hosts and that are not there. */
  readonly missingTools: readonly string[];
  /** Folders with programs of any version, looked for where those of a server are missing. */
  readonly programs: readonly FoundPrograms[];
  /** The version of the server's package that the package manager would install; undefined where it knows none. */
  readonly candidate: string | undefined;
  readonly clock: Clock;
  /** What Debian's tools start there. */
  readonly clusters: readonly DebianCluster[];
  readonly servers: Readonly<Record<string, ServerFacts>>;
}

export type RootAccess =
  | { readonly can: true }
  | {
      readonly can: false;
      readonly why: string;
      /** Who one is after the login, and what sudo lets that user do without a password (`sudo -n -l`). */
      readonly login?: { readonly user: string; readonly sudo: readonly string[] };
    };

export interface Platform {
  /** `uname -m`: x86_64 */
  readonly machine: string;
  readonly wordBits: number;
  readonly byteOrder: "little" | "big";
  /** `glibc 2.36`, or what ldd says of another one. */
  readonly libc: string;
}

export interface Memory {
  readonly total: number;
  readonly available: number;
  readonly freeHugePages: number;
  readonly hugePageSize: number;
  readonly pageSize: number;
}

/** System V limits: Infinity where the kernel does not say. */
export interface Kernel {
  readonly shmmax: number;
  /** In pages. */
  readonly shmall: number;
  /** SEMMSL, SEMMNS and SEMMNI of kernel.sem. */
  readonly semaphoresPerSet: number;
  readonly semaphores: number;
  readonly semaphoreSets: number;
  readonly usedSemaphores: number;
  readonly usedSemaphoreSets: number;
}

/** How far the host's clock is ahead of ours, within `uncertainty` either way: the round trip's share. */
export interface Clock {
  readonly ahead: number;
  readonly uncertainty: number;
}

/** What is in a data directory, before anybody asks whose it is; `other`: something that is no directory. */
export type DataFound = "absent" | "empty" | "filled" | "dangling" | "other" | "unreadable";

export interface ServerFacts {
  readonly data: DataFound;
  /** Of the data directory, where there is one. */
  readonly owner?: string;
  readonly mode?: number;
  /** True where pgsite was filling it and was cut off. */
  readonly incomplete: boolean;
  /** True where pgsite has left its identity beside it. */
  readonly identity: boolean;
  /** Content of PG_VERSION. */
  readonly dataVersion?: string;
  /** Of the data directory. */
  readonly parent: Parent;
  /** The folders in which configuration is to be, if it is apart, and those of files that it includes. */
  readonly configuration: readonly WantedFolder[];
  /** Those of its jobs, in the order of the request: where runs lie, and of metrics last. */
  readonly jobFolders: readonly WantedFolder[];
  /** The client programs that its jobs take. */
  readonly clients: readonly FoundClient[];
  /** Files from which Debian's own start alone takes something: a cluster's `environment` and `pg_ctl.conf`. */
  readonly startFiles: readonly string[];
  /** Whether something of its service's name starts with the machine. */
  readonly startsAtBoot: boolean;
  /** Whether pgsite's own folder beside the data directory is there, and the OS user's to write. */
  readonly control: "absent" | "writable" | "closed";
  readonly sockets: readonly SocketFolder[];
  readonly disk: Disk;
  /** Of the data directory with all that its links point to; only where it was asked for. */
  readonly size?: number;
  /** What is written in `postgres` of its version, or what `postgres -V` says; undefined where it is not there. */
  readonly postgres?: string;
  /** Whether it was run to ask it. */
  readonly ran?: boolean;
  /** To the programs, as far as they are there, and to their libraries. */
  readonly way: readonly Step[];
  readonly missingPrograms: readonly string[];
  /** The process of the postmaster that runs in the data directory. */
  readonly postmaster?: number;
  readonly listeners: readonly Listener[];
  /** Whether SQL gets to its port; absent where nobody asked, since there is another way too. */
  readonly reached?: Reached;
}

/** The folder in which another is to be, or the nearest one above it that exists. */
export interface Parent {
  readonly path: string;
  readonly owner: string;
  readonly writable: boolean;
  /** To it, as far as who may write there tells whether root makes something in it. */
  readonly way: readonly Step[];
}

export interface WantedFolder {
  readonly path: string;
  /** Whether the OS user may write there; `other`: something that is no folder. */
  readonly found: "absent" | "open" | "closed" | "other";
  readonly owner: string;
  readonly parent: Parent;
}

/** One of PostgreSQL's client programs. */
export interface FoundClient {
  readonly program: string;
  /** It is beside the server programs. */
  readonly own: boolean;
  /** What the one of PATH says it is; undefined where there is none, or it says nothing. */
  readonly version?: string;
}

/** How the way to a server's port was tried. */
export type Reached =
  /** Through the connection to its host; without `to`: it is to listen on no address. */
  | { readonly by: "forwarding"; readonly to?: Port; readonly is: Forwarding }
  | {
      readonly by: "tcp";
      readonly to: Port;
      /** `refused`: the host answers, and nobody listens or a firewall says no; `silent`: nobody answers. */
      readonly is: "answered" | "refused" | "silent" | "noWay";
      /** The address of this machine's from which it goes there. */
      readonly from?: string;
    };

export interface Disk {
  /** Tells file systems of one machine apart. */
  readonly id: string;
  /** As stat(1) names it. */
  readonly type: string;
  readonly free: number;
}

/** A folder in which a server is to put its sockets. */
export interface SocketFolder {
  readonly path: string;
  /** The folder itself, or the nearest one above it that is there: whether the OS user may write there; `other`: no folder. */
  readonly found: "open" | "closed" | "other";
  readonly at: string;
  /** Of `at`, where it is a folder. */
  readonly owner: string;
  /** The server that uses the socket of the port there: its process (0 where we may not see it), OS user and data directory. */
  readonly holder?: { readonly process: number; readonly user: string; readonly dataDirectory: string };
}

/** Somebody who listens on a server's port. */
export interface Listener {
  readonly address: string;
  /** The OS user. */
  readonly user: string;
  /** The processes that hold the socket, where we may see them. */
  readonly processes: readonly number[];
  readonly program: string;
  /** Where it is a server of PostgreSQL. */
  readonly dataDirectory?: string;
  /** Of that, where pgsite made it. */
  readonly owner?: { readonly site: string; readonly server: string; readonly stack?: string };
}

/** What came of looking at a host. */
export type Observation =
  | { readonly host: HostSpec; readonly facts: HostFacts }
  | {
      readonly host: HostSpec;
      readonly unreachable: string;
      /** The host answers, and we can be neither the OS user there nor root; `ofMany`: why, in words for several hosts. */
      readonly user?: { readonly is: "missing" | "refused"; readonly ofMany: string };
    };
