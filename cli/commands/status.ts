import Table from "cli-table3";
import { Command } from "commander";
import prettyBytes from "pretty-bytes";
import { type StatusRow, statusOf } from "../../servers/status.js";
import { say } from "../find.js";
import { type LoadedSite, loadSites } from "../load.js";

/** `pgsite status`: every server of the stacks named, as it is now. */
export function statusCommand(): Command {
  return new Command("status")
    .description("show every server as it is now")
    .option("--stack <name...>", "the stacks (default: all)")
    .option("--json", "for programs")
    .action(async (options: { stack?: string[]; json?: boolean }) => {
      await printStatus(await loadSites(options.stack), options);
    });
}

/** Prints the servers of several stacks in one table, or as `{"servers": [...]}`. */
export async function printStatus(sites: readonly LoadedSite[], options: { readonly json?: boolean }): Promise<void> {
  const rows = (await Promise.all(sites.map((loaded) => statusOf(loaded)))).flat();
  say(options.json === true ? JSON.stringify({ servers: rows }, undefined, 2) : renderStatus(rows));
}

export function renderStatus(rows: readonly StatusRow[]): string {
  const table = new Table({
    head: ["server", "role", "address", "version", "state", "timeline", "upstream", "lag", "walsenders"],
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) {
    table.push([
      row.name,
      row.role,
      `${row.address}:${row.port}`,
      row.version ?? "?",
      row.state,
      row.timeline ?? "?",
      row.upstream ?? "",
      lag(row),
      row.walSenders?.join(", ") ?? "",
    ]);
  }
  const problems = rows.flatMap(({ name, problems }) => problems.map((problem) => `${name}: ${problem}`));
  return [table.toString(), ...problems].join("\n");
}

function lag({ state, lagBytes, lagSeconds }: StatusRow): string {
  if (state === "read-write") return "";
  if (lagBytes === null) return "?";
  return lagBytes === 0 || lagSeconds === null ? prettyBytes(lagBytes) : `${prettyBytes(lagBytes)}, ${lagSeconds} s`;
}
