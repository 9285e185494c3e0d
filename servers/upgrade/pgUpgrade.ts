import { dirname, join } from "node:path";
import type { Server } from "../../config/site.js";
import type { Way } from "../../postgres/upgrade/model.js";
import { atLeast } from "../../postgres/versions.js";
import { controlFileOf } from "../data/controlFile.js";
import type { Journal } from "./journal.js";
import { newServer, oldServer } from "./prepare.js";
import { asOptions, ports, privateOptions, type Workplace } from "./private.js";
import type { Advance } from "./progress.js";
import { tail } from "./said.js";

/** pg_upgrade failed; its words are those of its logs. */
export class PgUpgradeFailed extends Error {
  constructor(said: string) {
    super(`pg_upgrade failed: ${said}`);
    this.name = "PgUpgradeFailed";
  }
}

/** pg_upgrade and its arguments, for two stopped clusters. */
export function pgUpgradeArguments(at: Workplace, server: Server, journal: Journal, jobs: number): readonly string[] {
  const { way, from, to, programs, installUser } = journal;
  const [before, after] = [oldServer(server, journal), newServer(server, journal)];
  const told = (version: typeof from, one: typeof before) => {
    const {
      listen_addresses: _,
      unix_socket_directories: __,
      unix_socket_directory: ___,
      ...rest
    } = privateOptions(version, at.work, at.sockets);
    const files =
      one.configuration === undefined
        ? {}
        : { config_file: join(one.configuration, "postgresql.conf"), data_directory: one.dataDirectory };
    return asOptions({ ...rest, ...files });
  };
  return [
    join(programs.new, "pg_upgrade"),
    ...["-b", programs.old, "-B", programs.new, "-d", before.dataDirectory, "-D", after.dataDirectory],
    ...["-U", installUser, "-p", `${ports.old}`, "-P", `${ports.new}`, "-j", `${jobs}`],
    // Until 9.1 a server does not say where its sockets are, and pg_upgrade of before 9.3 puts them where it runs.
    ...(atLeast(to, "9.5") ? ["-s", at.sockets] : []),
    ...["-o", told(from, before), "-O", asOptions({ archive_mode: "off" }).concat(" ", told(to, after))],
    ...(way === "clone" ? ["--clone"] : way === "link" ? ["--link"] : []),
  ];
}

/** Runs it. @returns by what it was told to bring the files @throws PgUpgradeFailed */
export async function pgUpgrade(
  at: Workplace,
  server: Server,
  journal: Journal,
  jobs: number,
  advance: Advance,
): Promise<Way> {
  const { host, work, signal } = at;
  const argv = pgUpgradeArguments(at, server, journal, jobs);
  const stopAdvance = advance();
  const { code, stdout, stderr } = await host
    .run(argv, { cwd: work, timeout: 14 * 24 * 3600_000, signal, env: { PGCONNECT_TIMEOUT: "60" } })
    .finally(stopAdvance);
  signal.throwIfAborted();
  if (code === 0) return argv.includes("--clone") ? "clone" : argv.includes("--link") ? "link" : "copy";
  throw new PgUpgradeFailed(await reasonOf(at, server, journal, stdout + stderr));
}

/** What it printed from its failure on, and the files that it names there, or the last of its log of the server. */
async function reasonOf(at: Workplace, server: Server, journal: Journal, printed: string): Promise<string> {
  const { host, work } = at;
  const { dataDirectory } = newServer(server, journal);
  const paths = printed
    .split("\n")
    .flatMap((line) => /^\s*(?:"?)((?:\/|pg_upgrade)\S+\.(?:txt|log))/.exec(line)?.[1] ?? [])
    .concat([...printed.matchAll(/"([^"\n]+\.(?:log|txt))"/g)].map(([, path = ""]) => path));
  const named = [...new Set(paths)].map((path) => (path.startsWith("/") ? path : join(work, path)));
  const inside = named.filter((path) => path.startsWith(`${dataDirectory}/`) || path.startsWith(`${work}/`));
  const texts = await Promise.all(inside.slice(0, 3).map((path) => host.readTail(path, 3000).catch(() => undefined)));
  const quoted = texts.flatMap((text) => (text === undefined ? [] : [tail(text, 8)]));
  return [tail(printed, 8), ...quoted].join(" | ");
}

/** What a link that has begun leaves of the old control file. */
const disabled = (dataDirectory: string) => `${controlFileOf(dataDirectory)}.old`;

/**
 * After a failure: makes sure that the old data can be started, which pg_upgrade by link has kept from it. They can as long as the
 * new server has not run on the files that both have by then. @returns whether they can
 */
export async function reviveOld(
  at: Pick<Workplace, "host">,
  { dataDirectory }: Server,
  journal: Journal,
): Promise<boolean> {
  const { host } = at;
  if ((await host.stat(controlFileOf(dataDirectory))) !== undefined) return true;
  if ((await host.stat(disabled(dataDirectory))) === undefined) return false;
  // Where logical slots follow, pg_upgrade starts the new server once more when all is linked.
  if (atLeast(journal.from, "17") && journal.slots > 0) return false;
  await host.run(["mv", "-T", "--", disabled(dataDirectory), controlFileOf(dataDirectory)]);
  await host.run(["sync", "-f", dirname(controlFileOf(dataDirectory))], { timeout: 600_000 });
  return true;
}
