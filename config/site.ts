import type { HostSpec } from "../hosts/host.js";
import type { Asks } from "../postgres/files/hba/index.js";
import type { UpgradeWishes } from "../postgres/upgrade/model.js";
import type { Major } from "../postgres/versions.js";
import type { Thresholds } from "../postgres/watch/conditions.js";
import type { LayoutName } from "./layouts.js";
import type { Manager } from "./schema/service.js";
import type { BackupsDescription, WatchDescription } from "./schema.js";

/**
 * A site as it was described, resolved and validated: plain data, no Pulumi, no secrets. `config/` makes it from a
 * stack file, `config/rehearse.ts` translates it to one machine, `components/` turn it into resources, and `servers/` and
 * `cli/` act on it.
 */
export interface Site {
  /** The replicated database as a whole: the same name in every stack that takes part (`sispi`). */
  readonly name: string;
  /** The Pulumi stack that describes this part of the site. */
  readonly stack: string;
  readonly version: Major;
  /** The superuser that pgsite connects as over TCP. */
  readonly administrator: string;
  /** The role that standbys connect to their upstream as; the administrator where none ever does. */
  readonly replicationRole: string;
  /** The declared primary among `servers`, or the standalone server; absent in a stack that only mirrors. */
  readonly primary?: string;
  /** Whether the database exists once: `primary` is the only server that there is, and a second instance does not start. */
  readonly standalone?: true;
  /** The server outside this stack that its mirrors follow; present in a stack that only mirrors. */
  readonly upstream?: Endpoint;
  /** Servers outside this stack beside it: its mirrors follow whichever of them all takes writes. */
  readonly others?: readonly Endpoint[];
  /** Sorted by name. */
  readonly servers: readonly Server[];
  readonly initdb: InitdbOptions;
  /** Locales that databases are declared with, beside initdb's. */
  readonly databaseLocales?: readonly string[];
  /** Bytes by which each data directory is expected to grow while its disk shall last. */
  readonly expectedGrowth?: number;
  /** Bytes of that in a day. */
  readonly growthPerDay?: number;
  /** How what is missing on a host gets there: by its own package manager, or (absent) not by pgsite. */
  readonly install?: "packages";
  /** The least minor version, where the stack names one: `15.20`. */
  readonly minor?: string;
  /** Where the authority of its servers comes from. @default no TLS */
  readonly tls?: SiteTls;
  /** @default the best way that the two hosts can, as fast as it goes */
  readonly baseBackup?: BaseBackupChoice;
  /** Replication slots that the stack leaves to others. */
  readonly slots?: readonly string[];
  /** A shell command that makes sure that a lost server stays off, before another takes over. */
  readonly fence?: string;
  /** Servers whose data may be replaced by their primary's where they are merely behind and cannot follow it. @default none */
  readonly seedAgain?: readonly string[];
  /** Folder of the client programs, where those of the servers have none. @default theirs have */
  readonly clientDirectory?: string;
  /** @default none are made */
  readonly backups?: Backups;
  /** @default nothing watches the servers */
  readonly watch?: Watch;
  /** Who is told of what went wrong. @default nobody */
  readonly mail?: Mail;
  /** How data come to another major version. @default the best way that the host can, at any time */
  readonly upgrade?: UpgradeWishes;
}

/** Backups by pg_dump, as the stack says them. */
export interface Backups extends Omit<BackupsDescription, "server" | "folder" | "copies"> {
  /** `primary`: a run takes place only on a server that takes writes at that time. */
  readonly role: "primary" | "any";
  /** By server that may make one: where its runs lie. */
  readonly folders: Readonly<Record<string, string>>;
  readonly copies: readonly BackupCopy[];
}

/** A place that runs are copied to. */
export interface BackupCopy {
  /** The server of this stack on whose host it is. @default none is */
  readonly server?: string;
  /** As whom to be there. @default the host of the server that makes the backup */
  readonly host?: HostSpec;
  readonly folder: string;
  readonly port?: number | undefined;
  readonly key?: string | undefined;
  /** Whether passwords of roles and configuration files go there. */
  readonly rolePasswords: boolean;
}

/** What looks at the servers at given times. */
export interface Watch extends Omit<WatchDescription, "thresholds"> {
  readonly thresholds: Thresholds;
}

export interface Mail {
  readonly to: string;
  readonly from?: string | undefined;
  /** By alias: who gets its mail. */
  readonly aliases: Readonly<Record<string, readonly string[]>>;
}

/** How a standby's data come from another host; on one machine they are copied by cp. */
export interface BaseBackupChoice {
  /** `archive`: no copy at all, `pgsite archive restore` brings them. */
  readonly method: "auto" | "rsync" | "pg_basebackup" | "tar" | "archive";
  /** Bytes a second. @default as fast as it goes */
  readonly rateLimit?: number;
}

export interface SiteTls {
  readonly required: boolean;
  /** PEM, where it was given; else the stack's own, an output of it. */
  readonly authority?: string;
}

/** What whoever connects to a server asks of it. */
export interface TlsDemand {
  /** PEM of the authorities of which one must have signed its certificate. */
  readonly authority: string;
  /** False where a server that offers no TLS is let through; a wrong certificate never is. */
  readonly required: boolean;
}

/** Stands for the authority of a stack that was never brought up: no certificate is good by it. */
export const notMade = "";

/** What a server must prove before it is believed, and how it may ask for a password. Nobody connects to one without. */
export interface Proof {
  /** What its certificate is verified by; `none`: it is not declared to offer TLS. */
  readonly tls: TlsDemand | "none";
  /** How its declared rules ask the administrator. */
  readonly asks: readonly Asks[];
  /** How they ask whoever replicates from it. */
  readonly asksReplicas: readonly Asks[];
}

/** Paths on a server's host. */
export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
  /** What it verifies its upstream by: the authorities of all servers of the site. */
  readonly authorities: string;
}

export type ServerRole = "primary" | "standby" | "mirror";

/** A server that can be reached, in this stack or another. */
export interface Endpoint {
  readonly name: string;
  readonly host: HostSpec;
  /** Address and port that PostgreSQL listens on, as clients and standbys use them. */
  readonly address: string;
  readonly port: number;
  readonly dataDirectory: string;
  readonly proof: Proof;
}

/** One server of this stack, with everything that is to stand on its host. */
export interface Server extends Endpoint {
  /** Where its configuration is, if that is not in the data directory (`postgres/files/places.ts`). */
  readonly configurationDirectory?: string;
  /** How it stands on its host (`config/layouts.ts`). @default "plain" */
  readonly layout?: LayoutName;
  /** The name under which it streams. @default its own */
  readonly applicationName?: string;
  readonly role: ServerRole;
  readonly version: Major;
  /** Folder of the server programs (postgres, initdb, pg_ctl). */
  readonly binDirectory: string;
  /** `DATADIRECTORY.pgsite`, mode 0700: everything that pgsite keeps for this server outside its data directory. */
  readonly controlDirectory: string;
  /** Name of the server it replicates from: another of `servers`, or `Site.upstream`; absent for the primary. */
  readonly upstream?: string;
  /** Servers outside this stack that it may follow in place of `upstream`, by name: whichever takes writes. @default none */
  readonly alternatives?: readonly string[];
  /** The physical slot of its upstream by which it streams while it follows one (primary_slot_name). @default none */
  readonly slot?: string;
  /** hot_standby: false means that it refuses queries while in recovery. */
  readonly hotStandby: boolean;
  /** Effective settings in the version's own names, as rendered. */
  readonly settings: Readonly<Record<string, string>>;
  /**
   * Content of the files that pgsite declares, by name, wherever each is (`postgresql.conf`, `pg_hba.conf`,
   * `recovery.conf`, `standby.signal`); null where the file must not exist.
   */
  readonly files: Readonly<Record<string, string | null>>;
  /** Path of the passfile with which a standby authenticates to its upstream; in `controlDirectory`. */
  readonly passfile: string;
  /** Present where it offers TLS, or verifies an upstream by it. */
  readonly tlsFiles?: TlsFiles;
  /** Fingerprint (SHA-256) of the certificate that it is to show, where only a restart brings that into force: until 9.6. */
  readonly certificate?: string;
  /** What pgsite keeps so that it starts with its machine; absent where pgsite keeps nothing. */
  readonly service?: ServiceDeclaration;
  /** The distribution's own systemd unit, without `.service`: what starts and stops it, also if pgsite adds nothing to that. */
  readonly unit?: string;
  /** What of its data is kept where it rejoins after going its own way. @default "data", all of it */
  readonly keepDiverged?: "data" | "wal";
  /** True where removing the server from the stack may stop it and delete its data (rehearsals). */
  readonly disposable: boolean;
  /** It is gone, its host with it: nothing of it is contacted. */
  readonly lost?: Lost;
}

/** A server as it takes to reach it and act on it: without the text of its files, and without what becomes of it once it is removed. */
export type KnownServer = Omit<Server, "files" | "disposable">;

/** As much of a site as it takes to act on servers that are there. */
export interface KnownSite
  extends Pick<Site, "name" | "administrator" | "upstream" | "others" | "primary" | "standalone" | "baseBackup"> {
  /** Told in messages. */
  readonly stack?: string;
  readonly servers: readonly KnownServer[];
}

/** What the stack says of a server that is gone. */
export interface Lost {
  /** A failover may lose what the standby that takes over is known not to have. */
  readonly acceptDataLoss: boolean;
}

/** What the stack says of services. */
export interface ServiceDeclaration {
  readonly name: string;
  readonly manager: "auto" | Manager;
  /** System V run levels. */
  readonly runLevels: readonly number[];
}

/** A server by where it has its data. */
export type Place = Pick<Server, "name" | "host" | "dataDirectory" | "controlDirectory">;

export interface InitdbOptions {
  /** `--locale`; @default "C" */
  readonly locale: string;
  /** `--encoding`; @default "UTF8" */
  readonly encoding: string;
  /** `--data-checksums`, 9.3 and later. */
  readonly dataChecksums: boolean;
}

/** Plain passwords by role name; only ever held in memory. */
export type Passwords = Readonly<Record<string, string>>;
