import type { HostSpec } from "../../hosts/host.js";
import type { HostFacts } from "../facts.js";
import type { FoundPrograms } from "../programFolders.js";

/** What is on a host of which nothing is declared yet. Sizes are bytes. */
export interface Survey {
  readonly host: HostSpec;
  readonly system: HostFacts["system"];
  /** As whom the host was looked at; less is seen by anybody but root and the OS user. */
  readonly user: string;
  readonly userExists: boolean;
  /** Why we cannot act as the OS user there; undefined where we can. */
  readonly notAsUser?: string;
  /** Why we cannot act as root there; undefined where we can. */
  readonly notAsRoot?: string;
  readonly programs: readonly FoundPrograms[];
  /** Whether it has Debian's tools for clusters (postgresql-common). */
  readonly clusterTools: boolean;
  readonly clusters: readonly FoundCluster[];
  /** Its own, without those that lead nowhere else: with the length of the network's prefix where it says so. */
  readonly addresses: readonly { readonly address: string; readonly prefix?: number }[];
  /** TCP ports on which somebody listens. */
  readonly listens: readonly number[];
  readonly folders: readonly FoundFolder[];
}

/** A cluster that pgsite has not made here, or made for another site. */
export interface FoundCluster {
  readonly dataDirectory: string;
  readonly port?: number;
  readonly runs: boolean;
  /** Whether pgsite has made it. */
  readonly ours: boolean;
}

/** A folder in which a new data directory may be put. */
export interface FoundFolder {
  readonly path: string;
  /** Whether whoever looked may make something in it. */
  readonly open: boolean;
  readonly free: number;
  /** Where its file system is mounted. */
  readonly mount: string;
  /** As stat(1) names it. */
  readonly type: string;
}

/** What came of looking at a host. */
export type Seen = Survey | { readonly host: HostSpec; readonly unreachable: string };
