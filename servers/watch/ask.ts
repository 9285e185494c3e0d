import type { Server } from "../../config/site.js";
import { isOfHost } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { watchProgram } from "../../installed/watch/render.js";
import { type JobEvent, parseEvent } from "../backups/events.js";

/** A condition of a server's watch that holds now. */
export interface WatchedCondition {
  /** As in postgres/watch/conditions.ts. */
  readonly condition: string;
  readonly severity: "critical" | "warning" | "note";
  /** A slot, a peer, a disk …; empty: the server as a whole. */
  readonly object: string;
  /** `open`: there is a mail of it. `waiting`: it does not count yet, or follows from another. */
  readonly status: "open" | "waiting";
  readonly value: string;
  readonly threshold: string;
  /** Seconds since 1970. */
  readonly since: number;
  readonly detail: string;
}

export interface WatchedFact {
  readonly fact: string;
  readonly object: string;
  readonly value: string;
}

/** What the watch of a server sees now. */
export interface Watched {
  readonly server: string;
  readonly host: string;
  readonly facts: readonly WatchedFact[];
  readonly conditions: readonly WatchedCondition[];
  /** Why it could not be asked. */
  readonly unknown?: Unasked;
}

export type Unasked =
  /** Nothing gets to its host, or what the host says is of no use. */
  | { readonly code: "host"; readonly because: string }
  /** The stack that declares it is not up. */
  | { readonly code: "notInstalled"; readonly path: string }
  | { readonly code: "failed"; readonly status: number; readonly because: string };

/** The exit status of a shell that finds no such program. */
const notFound = 127;
/** Milliseconds: each thing that a watch asks has a limit of its own, below this in all. */
const patience = 240_000;

/** Has the watch of each server look, all at once. Nothing is kept or mailed. Lost servers are left out. */
export async function askWatches(servers: readonly Server[], signal: AbortSignal): Promise<readonly Watched[]> {
  return Promise.all(servers.filter(({ lost }) => lost === undefined).map((server) => askWatch(server, signal)));
}

async function askWatch({ name, host: spec, controlDirectory }: Server, signal: AbortSignal): Promise<Watched> {
  const path = watchProgram(controlDirectory);
  const unknown = (why: Unasked): Watched => ({
    server: name,
    host: spec.name,
    facts: [],
    conditions: [],
    unknown: why,
  });
  try {
    const run = await hostOf(spec).run([path, "--events", "--dry"], { signal, timeout: patience });
    signal.throwIfAborted();
    if (run.code === notFound) return unknown({ code: "notInstalled", path });
    const events = run.stdout
      .split("\n")
      .filter((line) => line !== "")
      .map(parseEvent);
    // Without its last word nobody knows how much of it is missing.
    if (run.code !== 0 || events.at(-1)?.word !== "end") {
      return unknown({ code: "failed", status: run.code, because: run.stderr.trim() });
    }
    return {
      server: name,
      host: spec.name,
      facts: events.flatMap(factOf),
      conditions: events.flatMap(conditionOf),
    };
  } catch (error) {
    signal.throwIfAborted();
    if (!isOfHost(error)) throw error;
    return unknown({ code: "host", because: (error as Error).message });
  }
}

function factOf({ word, fields: [fact = "", object = "", value = ""] }: JobEvent): readonly WatchedFact[] {
  return word === "fact" ? [{ fact, object, value }] : [];
}

function conditionOf({ word, fields }: JobEvent): readonly WatchedCondition[] {
  if (word !== "condition") return [];
  const [condition = "", severity, object = "", status, value = "", threshold = "", since, detail = ""] = fields;
  return [
    {
      condition,
      severity: severity === "critical" || severity === "note" ? severity : "warning",
      object,
      status: status === "open" ? "open" : "waiting",
      value,
      threshold,
      since: Number(since),
      detail,
    },
  ];
}

/** The value of a fact of a server. */
export function factIn({ facts }: Watched, name: string, object?: string): string | undefined {
  return facts.find(({ fact, object: of }) => fact === name && (object === undefined || of === object))?.value;
}

/** Whether something is wrong that somebody should look at; a note is none. */
export function isWrong({ conditions, unknown }: Watched): boolean {
  return unknown !== undefined || conditions.some(({ severity }) => severity !== "note");
}
