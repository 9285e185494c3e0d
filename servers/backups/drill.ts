import type { Server } from "../../config/site.js";
import { hostOf } from "../../hosts/index.js";
import { defined } from "../../postgres/defined.js";
import type { JobEvent } from "./events.js";
import { runInstalled } from "./program.js";
import { type RestoreEvent, restoreEvent } from "./restoreEvents.js";
import { programsFolder } from "./runs.js";

/** What a drill says beside what a restore does. */
export type DrillEvent =
  | RestoreEvent
  | {
      readonly code: "compared";
      readonly database: string;
      readonly equal: boolean;
      readonly tables: number;
      readonly rows: number;
    }
  | { readonly code: "difference"; readonly difference: DrillDifference };

/** A way in which what was restored is not what the run says. */
export type DrillDifference =
  | {
      readonly code: "rows";
      readonly database: string;
      readonly schema: string;
      readonly table: string;
      readonly expected: number;
      /** Absent where the table is missing. */
      readonly found?: number;
    }
  /** A line of its definitions that only one side has. Without a database: of roles and tablespaces. */
  | {
      readonly code: "onlyInRun" | "onlyRestored";
      readonly database?: string;
      readonly line: string;
    }
  | { readonly code: "unknown"; readonly database?: string };

export type DrillOutcome =
  | { readonly code: "equal"; readonly seconds: number }
  /** `cause`: a word of its own. `message`: the program's words. */
  | { readonly code: "failed"; readonly cause: string; readonly message: string; readonly seconds: number }
  | { readonly code: "ended"; readonly message: string };

export interface DrillRequest {
  /** @default the newest whole one */
  readonly run?: string;
  readonly place?: string;
  readonly jobs?: number;
}

/** Has a server's host restore a run into a scratch server, compare and remove it. @throws NotInstalled @throws HostUnreachable */
export async function drill(
  server: Server,
  { run, place, jobs }: DrillRequest,
  { signal, report }: { readonly signal: AbortSignal; readonly report: (event: DrillEvent) => void },
): Promise<DrillOutcome> {
  const given = defined({ run, place, jobs: jobs?.toString() });
  let outcome: DrillOutcome | undefined;
  const ended = await runInstalled(
    {
      host: hostOf(server.host),
      folder: programsFolder(server),
      program: "drill",
      args: Object.entries(given).flatMap(([name, value]) => [`--${name}`, value as string]),
      signal,
    },
    (event) => {
      const told = drillEvent(event);
      if (told !== undefined) report(told);
      if (event.word === "end") outcome = outcomeOf(event.fields);
    },
  );
  return outcome ?? { code: "ended", message: ended.stderr };
}

/** What a drill says, as data. */
export function drillEvent(event: JobEvent): DrillEvent | undefined {
  const [database = "", verdict = "", tables, rows] = event.fields;
  switch (event.word) {
    case "database":
      return { code: "compared", database, equal: verdict === "equal", tables: Number(tables), rows: Number(rows) };
    case "difference":
      return { code: "difference", difference: differenceOf(event.fields) };
  }
  return restoreEvent(event);
}

function differenceOf([database = "-", kind, a = "", b = "", expected, found]: readonly string[]): DrillDifference {
  const whose = database === "-" ? {} : { database };
  switch (kind) {
    case "rows":
      return {
        code: "rows",
        database,
        schema: a,
        table: b,
        expected: Number(expected),
        ...(found === "missing" ? {} : { found: Number(found) }),
      };
    case "lost":
      return { code: "onlyInRun", ...whose, line: a };
    case "new":
      return { code: "onlyRestored", ...whose, line: a };
  }
  return { code: "unknown", ...whose };
}

function outcomeOf([how, cause = "", message = "", seconds]: readonly string[]): DrillOutcome {
  return how === "equal"
    ? { code: "equal", seconds: Number(seconds) }
    : { code: "failed", cause, message, seconds: Number(seconds) };
}
