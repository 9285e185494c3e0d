/**
 * Why a running server is stopped: to start again with what it gets; so that another takes over from it; or because it takes
 * writes, or has data, that are not the site's.
 */
export type StopAct = "restart" | "hand over" | "give up";

/** What holds up a server's shutdown, or goes with it: known before it is stopped. Its sentence is made in servers/words/stop.ts. */
export type HoldUp =
  /** A process that cannot end. `call`: in a system call, which not even SIGKILL ends. */
  | {
      readonly code: "processStuck";
      readonly pid: number;
      readonly title: string;
      readonly in: "stop" | "call";
      readonly seconds: number;
    }
  /** `seconds`: for which archive_command has been at one segment. `segments`: those that wait. */
  | { readonly code: "archiverHangs"; readonly segments: number; readonly seconds: number }
  | { readonly code: "archiverFails"; readonly segments: number; readonly segment: string }
  | { readonly code: "archiveBehind"; readonly segments: number }
  | { readonly code: "preparedTransactions"; readonly count: number }
  /** More than the server may have when it starts again: it would not start. */
  | { readonly code: "preparedTooMany"; readonly count: number; readonly declared: number }
  | { readonly code: "baseBackup"; readonly name: string; readonly from?: string; readonly seconds: number }
  /** It has been begun by pg_start_backup (until 14), and lasts until somebody ends it. */
  | { readonly code: "exclusiveBackup" }
  /** `name`: by which it streams. */
  | { readonly code: "receiverSilent"; readonly name: string; readonly from?: string; readonly seconds: number }
  | { readonly code: "receiverBehind"; readonly name: string; readonly from?: string; readonly bytes: number }
  /** `bytes` of WAL since the last one. */
  | { readonly code: "checkpointDue"; readonly bytes: number }
  | { readonly code: "checkpointHangs"; readonly seconds: number }
  /** Somebody paused its replay; that ends with the server. */
  | { readonly code: "replayPaused" }
  /** The same of the one that is to take over: a promotion would replay all the same, or wait for ever (until 12). */
  | { readonly code: "nextPaused"; readonly next: string }
  /** What is to take over has not confirmed what its primary sent it. */
  | { readonly code: "nextSilent"; readonly next: string; readonly seconds: number }
  /** Commits on its upstream wait for it, and no other can stand in. */
  | { readonly code: "synchronous"; readonly upstream: string }
  /** Once it has taken over, commits wait for standbys that are none of the site's: `names` is its synchronous_standby_names. */
  | { readonly code: "nobodySynchronous"; readonly next: string; readonly names: string }
  | { readonly code: "checkpointFails"; readonly because: string }
  /** It gives no session, or none that may ask, so only its host could be asked. */
  | { readonly code: "unanswered"; readonly because: string }
  /** Its host does not tell of its processes. */
  | { readonly code: "notAsked"; readonly because: string };

/** Those for which a server is not stopped, whatever one waits. */
const refusing: ReadonlySet<HoldUp["code"]> = new Set([
  "processStuck",
  "preparedTooMany",
  "checkpointHangs",
  "checkpointFails",
  "nextPaused",
  "nextSilent",
]);

/** Those that end by themselves, and are waited for: hours of copying would be lost. */
const passing: ReadonlySet<HoldUp["code"]> = new Set(["baseBackup", "exclusiveBackup"]);

/** What forbids to stop a server now. One that is given up is ended whatever it is at: each of its rows is one more that is not the site's. */
export function forbidding(act: StopAct, holdUps: readonly HoldUp[]): readonly HoldUp[] {
  if (act === "give up") return [];
  // All its connections may be in use, which a restart is to mend; nobody hands over what cannot be asked.
  return holdUps.filter(({ code }) => refusing.has(code) || (code === "unanswered" && act === "hand over"));
}

/** What a stop is put off for. */
export function worthWaiting(act: StopAct, holdUps: readonly HoldUp[]): readonly HoldUp[] {
  return act === "give up" ? [] : holdUps.filter(({ code }) => passing.has(code));
}

/**
 * Whether commits would wait for a standby that is away, by its upstream's synchronous_standby_names and walsenders: it is one of
 * those that they wait for, and nobody stands in.
 * @param state its `sync_state` @param others `sync_state` of all other walsenders
 */
export function commitsWaitFor(names: string, state: string, others: readonly string[]): boolean {
  const [, first, any] = /^\s*(?:(?:first\s+)?(\d+)\s*\(|any\s+(\d+)\s*\()/i.exec(names) ?? [];
  const needed = Number(first ?? any ?? 1);
  if (state === "quorum") return others.filter((one) => one === "quorum").length < needed;
  if (state !== "sync") return false;
  return others.filter((one) => one === "sync" || one === "potential").length < needed;
}

/** Whether synchronous_standby_names asks for standbys by names that are not among those under which any streams. */
export function asksForNobody(names: string, streaming: readonly string[]): boolean {
  const list = names.replace(/^\s*(?:(?:first|any)\s+)?\d+\s*\((.*)\)\s*$/is, "$1");
  const asked = list
    .split(",")
    .map((name) => name.trim().replace(/^"(.*)"$/s, "$1"))
    .filter((name) => name !== "");
  const known = streaming.map((name) => name.toLowerCase());
  return asked.length > 0 && !asked.some((name) => name === "*" || known.includes(name.toLowerCase()));
}
