import { Command } from "commander";
import { shown } from "../postgres/shown.js";
import { archiveCommand } from "./commands/archive.js";
import { backupCommand } from "./commands/backup.js";
import { backupsCommand } from "./commands/backups.js";
import { checkCommand } from "./commands/check.js";
import { driftCommand } from "./commands/drift.js";
import { drillCommand } from "./commands/drill.js";
import { dumpCommand } from "./commands/dump.js";
import { hookCommand } from "./commands/hook.js";
import { importCommand } from "./commands/import.js";
import { initCommand } from "./commands/init.js";
import { migrateCommand } from "./commands/migrate.js";
import { moveCommand } from "./commands/move.js";
import { pageCommand } from "./commands/page.js";
import { preflightCommand } from "./commands/preflight.js";
import { rehearsalCommand } from "./commands/rehearsal.js";
import { restoreCommand } from "./commands/restore.js";
import { schemaCommand } from "./commands/schema.js";
import { baseBackupCommand, seedCommand } from "./commands/seed.js";
import { startCommand } from "./commands/start.js";
import { statusCommand } from "./commands/status.js";
import { stopCommand } from "./commands/stop.js";
import { upgradeCommand } from "./commands/upgrade.js";
import { watchCommand } from "./commands/watch.js";

const program = new Command("pgsite")
  .description("acts on and looks at the servers of replicated PostgreSQL sites")
  .option("--verbose", "show where an error comes from")
  .enablePositionalOptions();
program.addCommand(initCommand());
program.addCommand(statusCommand());
program.addCommand(watchCommand());
program.addCommand(driftCommand());
program.addCommand(pageCommand());
program.addCommand(checkCommand());
program.addCommand(preflightCommand());
program.addCommand(importCommand());
program.addCommand(startCommand());
program.addCommand(stopCommand());
program.addCommand(baseBackupCommand());
program.addCommand(seedCommand());
program.addCommand(archiveCommand());
program.addCommand(backupCommand());
program.addCommand(backupsCommand());
program.addCommand(restoreCommand());
program.addCommand(dumpCommand());
program.addCommand(moveCommand());
program.addCommand(drillCommand());
program.addCommand(migrateCommand());
program.addCommand(upgradeCommand());
program.addCommand(rehearsalCommand());
program.addCommand(schemaCommand());
// For `up` alone.
program.addCommand(hookCommand(), { hidden: true });

// The handover's connection and timers must not keep a command alive that is done.
program
  .parseAsync()
  .then(() => process.exit())
  .catch((error: unknown) => {
    const known = error instanceof Error ? error : new Error(String(error));
    process.stderr.write(
      `pgsite: ${shown((program.opts().verbose === true ? known.stack : undefined) ?? known.message)}\n`,
    );
    process.exit(1);
  });
