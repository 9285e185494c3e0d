/** Settings as they stand in a stack file. */
export type Settings = Readonly<Record<string, unknown>>;

/** A server as it is declared. */
export interface Standing {
  /** Whom it follows. @default the primary */
  readonly upstream?: string;
  readonly mirror?: true;
  readonly settings: Settings;
  /** The administrator's word; `accepting` the loss too, where what is known does not do. */
  readonly lost?: "lost" | "accepting";
}

/** What is declared of the site: all that a campaign changes. */
export interface Declared {
  readonly primary: string;
  readonly servers: Readonly<Record<string, Standing>>;
  readonly settings: Settings;
  readonly access: readonly Settings[];
  readonly roles: Readonly<Record<string, Settings>>;
  /** Which of its passwords a role has; see {@link passwordOf}. */
  readonly passwords: Readonly<Record<string, number>>;
  readonly tls: "none" | "offered" | "required";
  readonly archiving: "none" | "works" | "hangs";
  /** The standby that a commit waits for. */
  readonly synchronous?: string;
}

/** All servers that a site can have, in the order of their addresses. */
export const names: readonly string[] = ["db1", "db2", "db3", "db4"];

/** The role and database of the writer. */
export const app = "app";

const own = { type: "host", database: "all", address: "127.0.0.0/8" };

/** A primary, a hot standby, and a mirror of the one or the other. */
export function firstDeclared(cascading: boolean): Declared {
  return {
    primary: "db1",
    servers: {
      db1: { settings: {} },
      db2: { settings: {} },
      db3: { mirror: true, settings: {}, ...(cascading ? { upstream: "db2" } : {}) },
    },
    settings: {
      max_connections: 40,
      wal_retrieve_retry_interval: "100ms",
      max_wal_size: "64MB",
      min_wal_size: "32MB",
      // A frozen or cut-off standby is let go of within the time that a campaign has.
      wal_sender_timeout: "10s",
      wal_receiver_timeout: "10s",
    },
    access: [
      { ...own, user: app },
      { ...own, user: "postgres" },
    ],
    roles: { [app]: { login: true } },
    passwords: { [app]: 0, postgres: 0, replicator: 0 },
    tls: "none",
    archiving: "none",
  };
}

/** A role's password by its number. */
export function passwordOf(role: string, number: number): string {
  return `${role}-secret-${number}`;
}

/** Who takes part now: all but those that are lost. */
export function present({ servers }: Declared): readonly string[] {
  return Object.keys(servers).filter((name) => servers[name]?.lost === undefined);
}

export function upstreamOf({ primary, servers }: Declared, name: string): string | undefined {
  return name === primary ? undefined : (servers[name]?.upstream ?? primary);
}

export function followersOf(declared: Declared, name: string): readonly string[] {
  return present(declared).filter((one) => upstreamOf(declared, one) === name);
}

/** Standbys that may take over: they follow the primary itself, and replay at once. */
export function successors(declared: Declared): readonly string[] {
  return followersOf(declared, declared.primary).filter((name) => {
    const { settings } = declared.servers[name] as Standing;
    return settings.recovery_min_apply_delay === undefined;
  });
}

/** The same with something else of one server. */
export function withServer(declared: Declared, name: string, more: Partial<Standing>): Declared {
  const standing = { settings: {}, ...declared.servers[name], ...more };
  return { ...declared, servers: { ...declared.servers, [name]: standing } };
}

/** Another primary, which whoever followed the old one follows. */
export function withPrimary(declared: Declared, to: string): Declared {
  const servers = Object.entries(declared.servers).map(([name, { upstream, ...rest }]) => {
    const follows = name === to || upstream === declared.primary || upstream === to ? undefined : upstream;
    return [name, { ...rest, ...(follows === undefined ? {} : { upstream: follows }) }];
  });
  return { ...declared, servers: Object.fromEntries(servers), primary: to };
}

/** The keys of the stack file over those of the test site. */
export function stackKeys(declared: Declared): Settings {
  const { primary, settings, access, roles, tls, archiving, synchronous } = declared;
  return {
    primary,
    disposable: true,
    settings,
    access: access.map((rule) => (tls === "required" && rule.type === "host" ? { ...rule, type: "hostssl" } : rule)),
    roles,
    databases: { [app]: { owner: app } },
    servers: Object.fromEntries(names.map((name) => [name, serverKeys(declared, name)])),
    ...(tls === "none" ? {} : { tls: { certificates: "made", ...(tls === "offered" ? { required: false } : {}) } }),
    ...(archiving === "none" ? {} : { archiving: { archiveCommand: commands[archiving] } }),
    ...(synchronous === undefined ? {} : { synchronous: { servers: [synchronous] } }),
  };
}

const commands = { works: "true # %p", hangs: "sleep 600 # %p" };

function serverKeys({ servers, primary }: Declared, name: string): Settings | null {
  const standing = servers[name];
  if (standing === undefined) return null;
  const { upstream, mirror, settings, lost } = standing;
  return {
    settings,
    ...(mirror && name !== primary ? { role: "mirror" } : {}),
    ...(upstream !== undefined && name !== primary ? { upstream } : {}),
    ...(lost === undefined ? {} : { lost: true }),
    ...(lost === "accepting" ? { acceptDataLoss: true } : {}),
  };
}
