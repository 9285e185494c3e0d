import { setMaxListeners } from "node:events";
import { existsSync, rmSync } from "node:fs";
import { freeAddresses } from "../../cli/rehearsal/addresses.js";
import { withoutLost } from "../../config/lost.js";
import { resolveStack } from "../../config/resolve.js";
import type { Passwords, Server, Site } from "../../config/site.js";
import { hostOf } from "../../hosts/index.js";
import { renderPassfile } from "../../postgres/files/passfile.js";
import { replicating } from "../../postgres/replicating.js";
import { findSetting } from "../../postgres/settings/catalogue.js";
import { atLeast, type Major } from "../../postgres/versions.js";
import { differences, formatPath } from "../../provider/protocol/wire.js";
import { role } from "../../provider/resources/role.js";
import { rollout } from "../../provider/resources/rollout.js";
import { serverConfiguration } from "../../provider/resources/serverConfiguration.js";
import { mapServers } from "../../provider/sdk/rollout.js";
import { processState } from "../../servers/process/process.js";
import { startWorking } from "../../servers/process/start.js";
import { stopServer } from "../../servers/process/stop.js";
import { noteDeclared } from "../../servers/rollout/declared.js";
import type { Context } from "../../servers/rollout/reporter.js";
import type { RolloutState } from "../../servers/rollout/state.js";
import { seed } from "../../servers/seed/seed.js";
import { openSession, type Row } from "../../servers/sql/session.js";
import { endSharedSessions } from "../../servers/sql/sharedSession.js";
import { forgetRefresh } from "../../servers/status/refresh.js";
import { planLines } from "../../servers/words/plan.js";
import { programsOf } from "./programs.js";
import { reportBy } from "./reportBy.js";
import { serverFolder, serverUser } from "./serverUser.js";

type Servers = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export interface RolloutDeclaration {
  readonly settings: Readonly<Record<string, string>>;
  readonly servers: Servers;
  /** @default the first */
  readonly primary?: string;
  /** `hooks.fence` */
  readonly fence?: string;
  /** `initdb.locale` */
  readonly locale?: string;
}

/** The administrator's. */
export const password = "adm1n";
const passwords: Passwords = { postgres: password, replicator: "repl" };

/** What makes tests short: no waiting for disks, or for a standby that lost its upstream. */
export const quick = {
  fsync: "off",
  shared_buffers: "8MB",
  wal_retrieve_retry_interval: "100ms",
  checkpoint_timeout: "1h",
  max_replication_slots: "5",
};

/** At 9.0 the administrator replicates too. */
function rolesAt(major: Major): readonly string[] {
  return Object.keys(passwords).filter((name) => name !== "replicator" || replicating(major).attribute);
}

/** Of these, those that a version has. */
export function quickAt(major: Major): Readonly<Record<string, string>> {
  const known = Object.entries(quick).filter(([name]) => findSetting(major, name) !== undefined);
  return Object.fromEntries(known);
}

/** A rehearsed site whose provider runs in this process, without an engine. `close` ends and removes all of it. */
export class RolloutSite {
  site: Site;
  /** Called before each step of a rollout, with the step in words. */
  beforeStep: (step: string) => Promise<void> = async () => undefined;
  /** What the last `preview` and `up` said, warnings marked as such. */
  said: string[] = [];
  #state: RolloutState | undefined;
  /** Where the last preview found the rollout to be otherwise. */
  #found: readonly string[] = [];
  readonly #signal = new AbortController().signal;

  private constructor(
    readonly folder: string,
    readonly major: Major,
    readonly raw: Readonly<Record<string, string>>,
    declaration: RolloutDeclaration,
  ) {
    this.site = this.#resolve(declaration);
    setMaxListeners(0, this.#signal);
  }

  /**
   * Makes it and starts it, each server proven to work.
   * @param block its servers listen on 127.0.BLOCK.x @param binaries folder of server programs (default npm's)
   */
  static async make(
    major: Major,
    block: number,
    declaration: RolloutDeclaration,
    binaries?: string,
  ): Promise<RolloutSite> {
    const folder = await serverFolder("/var/tmp/pgsite-rollout-");
    const hosts = Object.keys(declaration.servers);
    const rehearsal = {
      folder,
      osUser: await serverUser(),
      addresses: await freeAddresses(hosts, [5432], block),
      postgresql: major,
      binaries: binaries ?? (await programsOf(major)),
    };
    const raw = {
      "pgsite:site": "test",
      "pgsite:postgresql": major,
      "pgsite:hosts": JSON.stringify(Object.fromEntries(hosts.map((name, index) => [name, `192.0.2.${index + 2}`]))),
      "pgsite:primary": hosts[0] ?? "",
      ...(atLeast(major, "10") ? {} : { "pgsite:authentication": "md5" }),
      "pgsite:rehearsal": JSON.stringify(rehearsal),
      ...Object.fromEntries(rolesAt(major).map((name) => [`pgsite:password-${name}`, passwords[name] ?? ""])),
    };
    const made = new RolloutSite(folder, major, raw, declaration);
    try {
      for (const server of upstreamsFirst(made.site)) await made.#begin(server);
    } catch (error) {
      await made.close();
      throw error;
    }
    return made;
  }

  server(name: string): Server {
    return this.site.servers.find((server) => server.name === name) as Server;
  }

  declare(declaration: RolloutDeclaration): void {
    this.site = this.#resolve(declaration);
  }

  /** What a preview does: reads the real servers, and plans. */
  async preview(): Promise<readonly string[]> {
    forgetRefresh();
    await endSharedSessions();
    this.said = [];
    const context = this.#context();
    for (const server of this.site.servers) noteDeclared(server, divided(server.files).present);
    const known = this.#state ?? ({ ...this.#args(), plan: [] } as unknown as RolloutState);
    const actual = await rollout.read(context, "", known);
    const { state } = await rollout.check(context, { ...this.#args(), preview: true }, actual);
    this.#found = differences(actual, state).map(({ path }) => `rollout: ${formatPath(path)}`);
    return planLines({ steps: state.plan, refusals: state.refusals ?? [] });
  }

  /** What an `up` does: makes data that is not there, stages every server's files, then brings them into force. */
  async up(): Promise<void> {
    this.said = [];
    const context = this.#context();
    for (const server of upstreamsFirst(this.site)) {
      if (server.lost !== undefined) continue;
      if (existsSync(server.dataDirectory)) await configure(server, this.site, context, "update");
      else await this.#join(server);
    }
    const { state } = await rollout.check(context, this.#args(), undefined);
    this.#state = await rollout.update(context, state, state);
  }

  /** All that a preview finds to be otherwise than declared, of files and of what runs; and the plan. */
  async differences(): Promise<readonly string[]> {
    const plan = await this.preview();
    const found = [...this.#found];
    const report = reportBy(async (_severity, message) => void found.push(message));
    for (const server of this.site.servers) {
      const context = { ...this.#context(), report };
      const { state: known } = await serverConfiguration.check(context, this.#configurationOf(server), undefined);
      const actual = await serverConfiguration.read(context, "", known);
      const { state } = await serverConfiguration.check(context, this.#configurationOf(server), actual);
      for (const { path } of differences(actual, state)) found.push(`${server.name}: ${formatPath(path)}`);
    }
    return [...plan, ...found];
  }

  #configurationOf(server: Server) {
    const { name, host, dataDirectory, controlDirectory, version, binDirectory } = server;
    const { present, absent } = divided(server.files);
    const { name: site, administrator } = this.site;
    const access = { endpoint: server, administrator, administratorPassword: passwords.postgres ?? "" };
    return {
      ...{ site, server: name, host, dataDirectory, controlDirectory, version, binDirectory, ...access },
      ...{ files: present, absent, incarnation: 1 },
    };
  }

  async query(name: string, ...statements: readonly string[]): Promise<readonly Row[]> {
    const session = await openSession(this.server(name), { user: "postgres", password: passwords.postgres ?? "" });
    try {
      let rows: readonly Row[] = [];
      for (const statement of statements) rows = await session.query(statement);
      return rows;
    } finally {
      await session.end();
    }
  }

  async stop(name: string, mode: "fast" | "immediate" = "fast"): Promise<void> {
    await stopServer(hostOf(this.server(name).host), this.server(name), { mode });
  }

  /** Stops a server and removes its data; `entirely`: as if the stack had never had it. */
  async lose(name: string, entirely = false): Promise<void> {
    const { dataDirectory, controlDirectory } = this.server(name);
    await this.stop(name, "immediate");
    rmSync(dataDirectory, { recursive: true });
    if (!entirely) return;
    rmSync(controlDirectory, { recursive: true });
    if (this.#state === undefined) return;
    const { [name]: _gone, ...servers } = this.#state.servers;
    this.#state = { ...this.#state, servers };
  }

  async close(): Promise<void> {
    for (const server of this.site.servers) {
      const host = hostOf(server.host);
      await stopServer(host, server, { mode: "immediate", deadline: 10_000 }).catch(() => undefined);
      const state = await processState(host, server.dataDirectory).catch(() => undefined);
      if (state?.kind === "running") process.kill(state.pid, "SIGKILL");
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** As the commands of the graph do: one that is new is started; one that is seeded again waits for the rollout. */
  async #join(server: Server): Promise<void> {
    const isNew = !existsSync(server.controlDirectory);
    await this.#fill(server);
    if (isNew) await startWorking({ site: this.site, server, passwords });
  }

  async #begin(server: Server): Promise<void> {
    const { site } = this;
    await this.#fill(server);
    await startWorking({ site, server, passwords });
    if (server.role !== "primary" || site.replicationRole !== "replicator") return;
    const { state } = await role.check(
      this.#context(),
      {
        site: site.name,
        endpoints: site.servers,
        administrator: "postgres",
        administratorPassword: passwords.postgres ?? "",
        name: "replicator",
        replication: true,
        password: passwords.replicator ?? "",
      },
      undefined,
    );
    await role.create(this.#context(), state);
  }

  /** Its data and its files. */
  async #fill(server: Server): Promise<void> {
    const { site } = this;
    const host = hostOf(server.host);
    const others = site.servers.map(({ address, port }) => ({ host: address, port, database: "*" }));
    await host.makeDirectory(server.controlDirectory);
    const user = site.replicationRole;
    const entries = others.map((other) => ({ ...other, user, password: passwords[user] ?? "" }));
    await host.writeFile(server.passfile, renderPassfile(entries));
    await seed({ site, server: server.name, passwords });
    await configure(server, site, this.#context(), "create");
  }

  #resolve({ settings, servers, primary, fence, locale }: RolloutDeclaration): Site {
    const chosen = primary === undefined ? {} : { "pgsite:primary": primary };
    const raw = {
      ...this.raw,
      ...chosen,
      ...(fence === undefined ? {} : { "pgsite:hooks": JSON.stringify({ fence }) }),
      ...(locale === undefined ? {} : { "pgsite:initdb": JSON.stringify({ locale }) }),
      "pgsite:settings": JSON.stringify(settings),
      "pgsite:servers": JSON.stringify(servers),
    };
    const { stack, problems } = resolveStack("test", raw);
    const errors = problems.filter(({ severity }) => severity === "error");
    if (stack === undefined || errors.length > 0) throw new Error(JSON.stringify(problems));
    return stack.site;
  }

  #args() {
    const { site } = this;
    const { left, lost } = withoutLost(site.servers);
    return {
      site: site.name,
      servers: mapServers(Object.fromEntries(left.map((server) => [server.name, server]))),
      ...(lost === undefined ? {} : { lost }),
      ...(site.fence === undefined ? {} : { fence: site.fence }),
      ...(site.seedAgain === undefined ? {} : { __seedAgain: site.seedAgain }),
      ...(site.primary === undefined ? {} : { primary: site.primary }),
      administrator: site.administrator,
      administratorPassword: passwords.postgres ?? "",
    };
  }

  #context(): Context {
    const log: Context["log"] = async (severity, message) => {
      this.said.push(severity === "warning" ? `warning: ${message}` : message);
    };
    return {
      name: "test",
      signal: this.#signal,
      isSecret: () => false,
      log,
      report: reportBy(log),
      progress: (step) => this.beforeStep(step),
    };
  }
}

function upstreamsFirst({ servers }: Site): readonly Server[] {
  const depth = ({ upstream }: Server): number =>
    servers.filter(({ name }) => name === upstream).reduce((_none, one) => 1 + depth(one), 0);
  return servers.toSorted((one, other) => depth(one) - depth(other));
}

function divided(files: Server["files"]) {
  const present = Object.entries(files).flatMap(([name, text]) => (text === null ? [] : [[name, text] as const]));
  return { present: Object.fromEntries(present), absent: Object.keys(files).filter((name) => files[name] === null) };
}

async function configure(server: Server, site: Site, context: Context, act: "create" | "update"): Promise<void> {
  const { name, host, dataDirectory, controlDirectory, version } = server;
  const { present, absent } = divided(server.files);
  const common = { site: site.name, server: name, host, dataDirectory, controlDirectory, version };
  const { state } = await serverConfiguration.check(
    context,
    { ...common, files: present, absent, incarnation: 1 },
    undefined,
  );
  if (act === "create") await serverConfiguration.create(context, state);
  else await serverConfiguration.update(context, state, state);
}
