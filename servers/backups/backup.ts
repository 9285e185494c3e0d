import type { Server } from "../../config/site.js";
import { hostOf } from "../../hosts/index.js";
import { type JobEvent, numberIn } from "./events.js";
import { runInstalled } from "./program.js";
import { programsFolder } from "./runs.js";

/** What a run says while it is made. */
export type BackupEvent =
  | { readonly code: "begun"; readonly run: string }
  | { readonly code: "dumped"; readonly file: string; readonly bytes: number; readonly seconds: number }
  | { readonly code: "made"; readonly run: string; readonly bytes: number; readonly seconds: number }
  | { readonly code: "copied"; readonly place: string; readonly run: string; readonly seconds: number }
  | { readonly code: "removed"; readonly place: string; readonly run: string }
  /** `message`: the program's words. */
  | { readonly code: "remark"; readonly message: string }
  | { readonly code: "trouble"; readonly cause: string; readonly object: string; readonly message: string };

export type BackupOutcome =
  | { readonly code: "good"; readonly run: string; readonly bytes: number; readonly seconds: number }
  /** `whole`: the run is there all the same; what came after it failed. */
  | {
      readonly code: "failed";
      readonly cause: string;
      readonly object: string;
      readonly message: string;
      readonly run?: string;
      readonly whole: boolean;
    }
  /** The server is in recovery, and the stack has whichever takes writes make the backups. */
  | { readonly code: "nothing" }
  | { readonly code: "ended"; readonly message: string };

/** Has a server's host make a run now, as its schedule does. @throws NotInstalled @throws HostUnreachable */
export async function backup(
  server: Server,
  { signal, report }: { readonly signal: AbortSignal; readonly report: (event: BackupEvent) => void },
): Promise<BackupOutcome> {
  let outcome: BackupOutcome | undefined;
  const { code, stderr } = await runInstalled(
    { host: hostOf(server.host), folder: programsFolder(server), program: "backup", signal },
    (event) => {
      const told = backupEvent(event);
      if (told !== undefined) report(told);
      outcome = outcomeOf(event) ?? outcome;
    },
  );
  if (outcome !== undefined) return outcome;
  return code === 0 ? { code: "nothing" } : { code: "ended", message: stderr };
}

/** What a run says, as data; nothing of what only its log is for. */
export function backupEvent({
  word,
  fields: [first = "", second = "", third = ""],
}: JobEvent): BackupEvent | undefined {
  switch (word) {
    case "begin":
      return { code: "begun", run: first };
    case "dumped":
      return { code: "dumped", file: first, bytes: numberIn(second) ?? 0, seconds: numberIn(third) ?? 0 };
    case "made":
      return { code: "made", run: first, bytes: numberIn(second) ?? 0, seconds: numberIn(third) ?? 0 };
    case "copied":
      return { code: "copied", place: first, run: second, seconds: numberIn(third) ?? 0 };
    case "removed":
      return { code: "removed", place: first, run: second };
    case "remark":
      return { code: "remark", message: first };
    case "trouble":
      return { code: "trouble", cause: first, object: second, message: third };
  }
  return undefined;
}

function outcomeOf({ word, fields }: JobEvent): BackupOutcome | undefined {
  if (word === "end") {
    const [run = "", , bytes, seconds] = fields;
    return { code: "good", run, bytes: numberIn(bytes) ?? 0, seconds: numberIn(seconds) ?? 0 };
  }
  if (word !== "failed") return undefined;
  const [cause = "", object = "", message = "", run = "", state] = fields;
  return { code: "failed", cause, object, message, ...(run === "" ? {} : { run }), whole: state === "whole" };
}
