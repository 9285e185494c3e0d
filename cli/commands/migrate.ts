import Table from "cli-table3";
import { Command } from "commander";
import type { Server } from "../../config/site.js";
import { isOfHost } from "../../hosts/host.js";
import type { MigrateFacts } from "../../installed/migrate/render.js";
import { defined } from "../../postgres/defined.js";
import { shownInLine } from "../../postgres/shown.js";
import { askMigration, isThrough, type Migration, tellMigration } from "../../servers/migrate/ask.js";
import { compareInstalled, installMigration, type NotAsInstalled } from "../../servers/migrate/install.js";
import { administratorOf } from "../../servers/sql/login.js";
import { historyThere } from "../../servers/upgrade/history.js";
import {
  migratedDatabaseInWords,
  migratedTableInWords,
  migrationInWords,
  notAsInstalledInWords,
} from "../../servers/words/migrate.js";
import { say, sayJson } from "../find.js";
import { type LoadedSite, loadSites } from "../load.js";

interface Flags {
  readonly stack?: string[];
  readonly server?: string;
  readonly json?: boolean;
}

/** `pgsite migrate`: how far the history is that an upgrade left behind; pause, resume, throttle. */
export function migrateCommand(): Command {
  const command = new Command("migrate").description("the history that an upgrade left behind, and that follows");
  const act = (name: string, description: string) =>
    command
      .command(name)
      .description(description)
      .option("--server <name>", "whose (default: every server that has one)")
      .option("--stack <name...>", "stacks to look for it in (default: all)");
  act("status", "how much of it is there, at which rate, and how long it takes; status 1 where something has failed")
    .option("--json", "for programs")
    .action(async (flags: Flags) => {
      const found = await migrations(flags);
      if (flags.json === true) sayJson({ servers: found.map(withMessages) });
      else {
        say(renderMigrations(found.map(({ migration }) => migration)));
        for (const { server, differing } of found) {
          for (const one of differing) say(shownInLine(notAsInstalledInWords(one, server.host.name)));
        }
      }
      if (found.some(({ migration, differing }) => isWrong(migration) || differing.length > 0)) process.exitCode = 1;
    });
  act("pause", "no further batch; the old server stops").action((flags: Flags) => tell(flags, ["pause"]));
  act("resume", "on again, also with what has failed; puts program and schedule there anew where they are not").action(
    async (flags: Flags) => {
      for (const { server, history, loaded } of await migrations(flags)) {
        if (history === undefined) continue;
        const needed = "passfile" in history.job.connection;
        const password = needed ? administratorOf(loaded.site, loaded.passwords).password : undefined;
        await installMigration(server.host, history, password);
      }
      await tell(flags, ["resume"]);
    },
  );
  act("throttle <rows>", "no more rows a second, or none: as fast as it goes").action((rows: string, flags: Flags) =>
    tell(flags, ["throttle", rows]),
  );
  act("accept <database> <table>", "a table (SCHEMA.TABLE) that has rows of its own takes those of before too").action(
    (database: string, table: string, flags: Flags) => tell(flags, ["accept", database, table]),
  );
  return command;
}

/** A server, how far its history is, and what of that which brings it is not as it was put there. */
interface Found {
  readonly server: Server;
  readonly loaded: LoadedSite;
  readonly migration: Migration;
  readonly history: MigrateFacts | undefined;
  readonly differing: readonly NotAsInstalled[];
}

async function migrations({ stack, server }: Flags): Promise<readonly Found[]> {
  const sites = await loadSites(stack);
  const all = sites.flatMap((loaded) => loaded.site.servers.map((one) => ({ server: one, loaded })));
  const named = all.filter((one) => (server === undefined || one.server.name === server) && !one.server.lost);
  if (named.length === 0)
    throw new Error(`there is no server ${server}: ${all.map((one) => one.server.name).join(", ")}`);
  const asked = named.map(({ server: one, loaded }) => look(loaded, one));
  const found = await Promise.all(asked);
  // Of servers that have none, none is spoken of, unless there are no others.
  const some = found.filter(({ migration, history }) => migration.code !== "none" || history !== undefined);
  return some.length === 0 ? found : some;
}

async function look(loaded: LoadedSite, server: Server): Promise<Found> {
  const { site, signal } = loaded;
  const migration = await askMigration(server, signal);
  try {
    const history = await historyThere(site, server);
    const differing = history === undefined ? [] : await compareInstalled(server.host, history);
    return { server, loaded, migration, history, differing };
  } catch (error) {
    // How far it is says so too.
    if (!isOfHost(error)) throw error;
    return { server, loaded, migration, history: undefined, differing: [] };
  }
}

async function tell(flags: Flags, args: readonly string[]): Promise<void> {
  const found = await migrations(flags);
  for (const { server, loaded, migration } of found) {
    if (migration.code !== "known") throw new Error(migrationInWords(migration));
    await tellMigration(server, args, loaded.signal);
  }
  say(renderMigrations((await migrations(flags)).map(({ migration }) => migration)));
}

function isWrong(migration: Migration): boolean {
  if (migration.code !== "known") return migration.code === "unknown";
  return migration.databases.some(({ tables }) => tables.some((table) => migratedTableInWords(table) !== undefined));
}

/** As `--json` prints it: names and numbers are for programs, messages for whoever they tell. */
function withMessages({ server, migration, differing }: Found) {
  const message = migrationInWords(migration);
  const notAsInstalled = differing.map((one) => ({ ...one, message: notAsInstalledInWords(one, server.host.name) }));
  if (migration.code !== "known") return { ...migration, notAsInstalled, message };
  const databases = migration.databases.map((database) => ({
    ...database,
    message: migratedDatabaseInWords(database),
    tables: database.tables.map((table) => ({ ...table, ...defined({ message: migratedTableInWords(table) }) })),
  }));
  return { ...migration, through: isThrough(migration), databases, notAsInstalled, message };
}

export function renderMigrations(found: readonly Migration[]): string {
  return found
    .flatMap((migration) => {
      const own = shownInLine(migrationInWords(migration));
      if (migration.code !== "known") return [own];
      const table = new Table({
        head: ["database", "table", "rows", "of about", "%", "is"],
        style: { head: [], border: [], compact: true },
      });
      for (const { database, tables } of migration.databases) {
        for (const { schema, table: name, rows, ofRows, percent, status } of tables)
          table.push([database, `${schema}.${name}`, `${rows}`, `${ofRows}`, `${percent}`, status].map(shownInLine));
      }
      const sentences = migration.databases.flatMap((database) => [
        migratedDatabaseInWords(database),
        ...database.tables.flatMap((one) => migratedTableInWords(one) ?? []),
      ]);
      return [own, ...(table.length === 0 ? [] : [table.toString()]), ...sentences.map(shownInLine)];
    })
    .join("\n");
}
