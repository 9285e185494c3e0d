import { atLeast, type Major } from "../versions.js";
import type { ProgramsFacts } from "./model.js";

interface Row {
  readonly program: string;
  readonly of: "old" | "new";
  /** What takes it; `both`: whatever the way. */
  readonly by: "pg_upgrade" | "dump" | "both";
  /** Whether it is a client program, which may lie in another folder. */
  readonly client?: true;
  readonly from?: Major;
  readonly until?: Major;
}

/** As pg_upgrade looks for them itself (exec.c), and what a dump takes. */
const rows: readonly Row[] = [
  { program: "postgres", of: "old", by: "both" },
  { program: "pg_ctl", of: "old", by: "both" },
  { program: "pg_controldata", of: "old", by: "pg_upgrade" },
  { program: "pg_resetxlog", of: "old", by: "pg_upgrade", until: "9.6" },
  { program: "pg_resetwal", of: "old", by: "pg_upgrade", from: "10" },
  { program: "postgres", of: "new", by: "both" },
  { program: "initdb", of: "new", by: "both" },
  { program: "pg_ctl", of: "new", by: "both" },
  { program: "pg_upgrade", of: "new", by: "pg_upgrade" },
  { program: "pg_controldata", of: "new", by: "pg_upgrade" },
  { program: "pg_resetxlog", of: "new", by: "pg_upgrade", until: "9.6" },
  { program: "pg_resetwal", of: "new", by: "pg_upgrade", from: "10" },
  { program: "vacuumdb", of: "new", by: "pg_upgrade" },
  ...["pg_dump", "pg_dumpall", "pg_restore", "psql"].flatMap((program): Row[] => [
    // pg_upgrade looks beside itself, and nowhere else.
    { program, of: "new", by: "pg_upgrade" },
    { program, of: "new", by: "dump", client: true },
  ]),
];

/** Names of programs that may be looked for. */
export const upgradePrograms: readonly string[] = [...new Set(rows.map(({ program }) => program))];

/**
 * Those that a way takes and a folder has not.
 * @param has whether the folder has a program @param hasClient the same of a folder of client programs, beside it
 */
export function missingFor(
  by: "pg_upgrade" | "dump",
  of: "old" | "new",
  version: Major,
  has: (program: string) => boolean,
  hasClient: (program: string) => boolean = has,
): readonly string[] {
  return rows
    .filter((row) => row.of === of && (row.by === by || row.by === "both"))
    .filter(({ from }) => from === undefined || atLeast(version, from))
    .filter(({ until }) => until === undefined || atLeast(until, version))
    .filter(({ program, client }) => !has(program) && !(client === true && hasClient(program)))
    .map(({ program }) => program);
}

/** Whether a folder of new programs has all that a dump takes of clients; where not, those are in a folder of clients. */
export function hasClients({ pg_upgrade: missing }: ProgramsFacts["missing"]): boolean {
  return !rows.some(({ program, client }) => client === true && missing.includes(program));
}
