import Table from "cli-table3";
import { Command } from "commander";
import { defined } from "../../postgres/defined.js";
import { shownInLine } from "../../postgres/shown.js";
import { askMigration, isThrough, type Migration, tellMigration } from "../../servers/migrate/ask.js";
import { migratedDatabaseInWords, migratedTableInWords, migrationInWords } from "../../servers/words/migrate.js";
import { say, sayJson } from "../find.js";
import { loadSites } from "../load.js";

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
      const found = (await migrations(flags)).map(({ migration }) => migration);
      if (flags.json === true) sayJson({ servers: found.map(withMessages) });
      else say(renderMigrations(found));
      if (found.some(isWrong)) process.exitCode = 1;
    });
  act("pause", "no further batch; the old server stops").action((flags: Flags) => tell(flags, ["pause"]));
  act("resume", "on again, also with what has failed").action((flags: Flags) => tell(flags, ["resume"]));
  act("throttle <rows>", "no more rows a second, or none: as fast as it goes").action((rows: string, flags: Flags) =>
    tell(flags, ["throttle", rows]),
  );
  act("accept <database> <table>", "a table (SCHEMA.TABLE) that has rows of its own takes those of before too").action(
    (database: string, table: string, flags: Flags) => tell(flags, ["accept", database, table]),
  );
  return command;
}

async function migrations({ stack, server }: Flags) {
  const sites = await loadSites(stack);
  const all = sites.flatMap(({ site, signal }) => site.servers.map((one) => ({ server: one, signal })));
  const named = all.filter((one) => (server === undefined || one.server.name === server) && !one.server.lost);
  if (named.length === 0)
    throw new Error(`there is no server ${server}: ${all.map((one) => one.server.name).join(", ")}`);
  const asked = named.map(async (one) => ({ ...one, migration: await askMigration(one.server, one.signal) }));
  const found = await Promise.all(asked);
  // Of servers that have none, none is spoken of, unless there are no others.
  const some = found.filter(({ migration }) => migration.code !== "none");
  return some.length === 0 ? found : some;
}

async function tell(flags: Flags, args: readonly string[]): Promise<void> {
  const found = await migrations(flags);
  for (const { server, signal, migration } of found) {
    if (migration.code !== "known") throw new Error(migrationInWords(migration));
    await tellMigration(server, args, signal);
  }
  say(renderMigrations((await migrations(flags)).map(({ migration }) => migration)));
}

function isWrong(migration: Migration): boolean {
  if (migration.code !== "known") return migration.code === "unknown";
  return migration.databases.some(({ tables }) => tables.some((table) => migratedTableInWords(table) !== undefined));
}

/** As `--json` prints it: names and numbers are for programs, messages for whoever they tell. */
function withMessages(migration: Migration) {
  const message = migrationInWords(migration);
  if (migration.code !== "known") return { ...migration, message };
  const databases = migration.databases.map((database) => ({
    ...database,
    message: migratedDatabaseInWords(database),
    tables: database.tables.map((table) => ({ ...table, ...defined({ message: migratedTableInWords(table) }) })),
  }));
  return { ...migration, through: isThrough(migration), databases, message };
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
