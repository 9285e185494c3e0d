import type { HostSpec } from "../hosts/host.js";
import type { Asks } from "../postgres/files/hba/index.js";
import type { Layer } from "../postgres/settings/resolve.js";
import type { Major } from "../postgres/versions.js";
import type { Includes } from "./includes.js";
import type { LayoutName } from "./layouts.js";
import type { AccessDescription } from "./schema.js";
import type { ServiceDeclaration } from "./site.js";

/** What the servers of a site have in common. */
export interface SiteFacts {
  readonly name: string;
  readonly version: Major;
  readonly administrator: string;
  readonly replicationRole: string;
  /** Present where the one server of the stack is all that there is of the database. */
  readonly standalone?: true;
  /** Method of the access rules that pgsite adds: `md5` or `scram-sha-256`. */
  readonly authentication: string;
  readonly disposable: boolean;
  /** Present where its servers offer TLS. */
  readonly tls?: { readonly required: boolean };
  /** Whether the authority of the upstream outside is known. */
  readonly verifiesUpstream: boolean;
}

/** A server as another one connects to it. */
export interface Peer {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** Whether its certificate is verified. */
  readonly verified: boolean;
  /** How its declared rules ask whoever replicates from it. */
  readonly asksReplicas: readonly Asks[];
}

/** The typed inputs of a server. */
export interface ServerInputs {
  readonly site: SiteFacts;
  /** Who runs the server on its host. */
  readonly osUser: string;
  readonly host: HostSpec;
  /** What is kept where it rejoins. @default all data */
  readonly keepDiverged?: "wal";
  /** Where it listens, as clients and standbys connect to it. */
  readonly address: string;
  readonly port: number;
  readonly dataDirectory: string;
  /** Where its configuration is. @default in the data directory */
  readonly configurationDirectory?: string;
  /** @default "plain" */
  readonly layout?: LayoutName;
  /** Folder of the server programs. */
  readonly binDirectory: string;
  /** What starts it with its machine. */
  readonly service: ServiceDeclaration;
  /** The distribution's own systemd unit, without `.service`. @default pgsite makes one */
  readonly unit?: string;
  /** The server that it replicates from unless it is the primary. */
  readonly upstream?: Peer;
  /** Servers that it may follow in place of that, whichever takes writes. @default none */
  readonly alternatives?: readonly Peer[];
  /** Every server of the site that it may ever connect to: what its passfile holds. */
  readonly peers: readonly Peer[];
  /** Addresses from which pgsite itself comes, beside its own host: the gateway of containers. */
  readonly administratorsFrom: readonly string[];
  /** Addresses of the servers that may replicate from it. */
  readonly replicas: readonly string[];
  /** Settings, the later layer over the earlier: by their own or portable names (wal_level, max_wal_senders, wal_keep_segments …). */
  readonly settings: readonly Layer[];
  /** Which settings stand in which included file, the later over the earlier. */
  readonly includes: readonly Includes[];
  /** The name under which it streams. @default its own */
  readonly applicationName?: string;
  /** Access rules in order, each with its path in the stack file. */
  readonly access: readonly { readonly path: string; readonly rule: AccessDescription }[];
  /** The stack's names for addresses. */
  readonly addressOf: Readonly<Record<string, string>>;
}

/** What its access rules are made from. */
export type RuleInputs = Pick<
  ServerInputs,
  "site" | "osUser" | "address" | "administratorsFrom" | "replicas" | "access" | "addressOf"
>;
