/** What keeps a server from starting with what it is to get, or from keeping it. `servers/words/start.ts` says it, with the remedy. */
export type StartObstacle =
  /** The program itself refuses, in its own words; where it has none, with its exit code. */
  | { readonly code: "refused"; readonly said: readonly string[]; readonly exitCode?: number }
  /** It starts, and takes no notice of these settings of extensions: in its own words. */
  | { readonly code: "ignored"; readonly said: readonly string[] }
  | { readonly code: "noProgram"; readonly path: string }
  /** It asks for more shared memory than the kernel gives. In bytes. */
  | { readonly code: "memory"; readonly needs: number; readonly has: number; readonly limit: MemoryLimit }
  /** `huge_pages: on`. In pages of `size` bytes. */
  | { readonly code: "hugePages"; readonly needs: number; readonly has: number; readonly size: number }
  /** None of these can be listened on, or not the one by which others come. */
  | { readonly code: "listen"; readonly port: number; readonly addresses: readonly Unbound[] }
  | { readonly code: "socketFolder"; readonly folder: string; readonly why: "missing" | "not writable" }
  /** Another server's socket is there. */
  | { readonly code: "socketTaken"; readonly path: string; readonly pid: number }
  | { readonly code: "logFolder"; readonly folder: string }
  /** A standby that comes to it stops following. */
  | {
      readonly code: "recoveryTarget";
      readonly setting: string;
      readonly value: string;
      readonly why: "passed" | "promotes";
    };

/** `machine`: memory and swap; `commit`: vm.overcommit_memory 2; `segment`: kernel.shmmax. */
export type MemoryLimit = "machine" | "commit" | "segment";

/** `taken`: somebody else listens there; `not here`: no address of the host; `no such name`; `privileged`: root's ports. */
export interface Unbound {
  readonly address: string;
  readonly why: "taken" | "not here" | "no such name" | "privileged";
}

/** What a dry start on the host brought to light; what could not be found out is left out. */
export interface StartFacts {
  /** The postmaster got past all its checks. */
  readonly passed: boolean;
  /** With which the program ended, where it ran. */
  readonly exitCode?: number;
  /** It said neither yes nor no in time. */
  readonly late?: true;
  /** What it said, in the form that `overrides` gives it. */
  readonly log: string;
  /** Where the scratch files were, and what they stand for: for its words. */
  readonly scratch: string;
  readonly memory: MemoryFacts;
  readonly network: NetworkFacts;
  /** By path. */
  readonly folders: Readonly<Record<string, "good" | "missing" | "not writable">>;
  /** Sockets that another process holds, by path. */
  readonly socketsTaken: Readonly<Record<string, number>>;
  /** Seconds since 1970 by the host's clock. */
  readonly now?: number;
}

/** In bytes. */
export interface MemoryFacts {
  readonly total?: number;
  readonly swap?: number;
  readonly commitLimit?: number;
  readonly committed?: number;
  /** vm.overcommit_memory */
  readonly overcommit?: number;
  readonly shmmax?: number;
  /** The size of a huge page where nothing else is said. */
  readonly hugePageSize?: number;
  readonly hugePages: readonly HugePages[];
  /** Shared memory of the server that runs, which it gives back. */
  readonly held: number;
  /** The part of it that is huge pages. */
  readonly heldHuge: number;
}

export interface HugePages {
  readonly size: number;
  readonly free: number;
  readonly reserved: number;
  /** How many more the kernel may make. */
  readonly surplus: number;
}

export interface NetworkFacts {
  /** Where somebody else listens. */
  readonly taken: readonly { readonly address: string; readonly port: number }[];
  /** The host's own addresses, `10.0.0.1/32`, `127.0.0.0/8`; undefined where nothing tells. */
  readonly own?: readonly string[];
  /** What the names among the addresses are; none for one that nobody knows. */
  readonly names: Readonly<Record<string, readonly string[]>>;
  /** The first port that everybody may take. */
  readonly unprivileged?: number;
  /** Any address may be listened on (net.ipv4.ip_nonlocal_bind). */
  readonly anywhere: boolean;
}
