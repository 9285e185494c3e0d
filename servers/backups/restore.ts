import type { Server } from "../../config/site.js";
import { hostOf } from "../../hosts/index.js";
import { defined } from "../../postgres/defined.js";
import { runInstalled } from "./program.js";
import { type RestoreEvent, restoreEvent } from "./restoreEvents.js";
import { programsFolder } from "./runs.js";

/** What is brought back, and where to. */
export interface RestoreRequest {
  /** @default the newest whole run */
  readonly from?: string;
  /** A place's name, or a folder of the host. @default the server's own, else the first that has it */
  readonly place?: string;
  /** @default all of the run */
  readonly database?: string;
  /** Of the database. */
  readonly schema?: string;
  /** `SCHEMA.TABLE` of the database. */
  readonly table?: string;
  /** Name of the database that it goes into. @default its own */
  readonly into?: string;
  /** `FOLDER:PORT` of another server of that host, or `ADDRESS:PORT`. @default the server itself */
  readonly at?: string;
  readonly jobs?: number;
  readonly globals?: boolean;
  readonly replace?: boolean;
  readonly dryRun?: boolean;
}

export type RestoreOutcome =
  | { readonly code: "done" | "dry"; readonly seconds: number }
  /** What is in the way was told. */
  | { readonly code: "refused" }
  /** Not all of it came back; each fault was told. */
  | { readonly code: "failed"; readonly faults: number }
  /** It ended before it knew. `message`: its own words. */
  | { readonly code: "ended"; readonly message: string };

/** Brings back what is asked for, by the server's own program on its host. @throws NotInstalled @throws HostUnreachable */
export async function restore(
  server: Server,
  request: RestoreRequest,
  { signal, report }: { readonly signal: AbortSignal; readonly report: (event: RestoreEvent) => void },
): Promise<RestoreOutcome> {
  const began = Date.now();
  let outcome: RestoreOutcome | undefined;
  const ended = await runInstalled(
    { host: hostOf(server.host), folder: programsFolder(server), program: "restore", args: argsOf(request), signal },
    (event) => {
      const { word, fields } = event;
      const told = word === "database" ? restored(fields) : restoreEvent(event);
      if (told !== undefined) report(told);
      if (word === "end") outcome = outcomeOf(fields, (Date.now() - began) / 1000);
    },
  );
  return outcome ?? { code: "ended", message: ended.stderr };
}

function restored([, target = "", how, seconds]: readonly string[]): RestoreEvent {
  return { code: "restored", target, done: how === "done", seconds: Number(seconds) };
}

function outcomeOf([how, faults]: readonly string[], seconds: number): RestoreOutcome | undefined {
  switch (how) {
    case "ok":
      return { code: "done", seconds };
    case "dry":
      return { code: "dry", seconds };
    case "refused":
      return { code: "refused" };
    case "failed":
      return { code: "failed", faults: Number(faults) };
  }
  return undefined;
}

function argsOf(request: RestoreRequest): readonly string[] {
  const { from, place, database, schema, table, into, at, jobs, globals, replace, dryRun } = request;
  const given = defined({ from, place, database, schema, table, into, server: at, jobs: jobs?.toString() });
  const words = defined({ globals, replace, "dry-run": dryRun });
  return [
    ...Object.entries(given).flatMap(([name, value]) => [`--${name}`, value as string]),
    ...Object.entries(words).flatMap(([name, value]) => (value === true ? [`--${name}`] : [])),
  ];
}
