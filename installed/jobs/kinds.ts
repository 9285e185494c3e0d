import { controlPath } from "../../config/controlDirectory.js";
import type { BackupFacts } from "../backups/render.js";
import type { FileSet } from "../folder.js";
import type { MigrateFacts } from "../migrate/render.js";
import type { Schedule } from "../schedule/render.js";
import type { WatchFacts } from "../watch/render.js";
import { type JobTimes, scheduleOf } from "./scheduled.js";

/** What a host runs of a server: a folder of programs, and when those run that run by themselves. */
export type JobSet = { readonly times: readonly JobTimes[] } & (
  | { readonly kind: "backups"; readonly facts: BackupFacts }
  | { readonly kind: "watch"; readonly facts: WatchFacts }
  | { readonly kind: "migrate"; readonly facts: MigrateFacts }
);

/** Where its files are. */
export function jobFolder({ kind, facts }: JobSet): string {
  return controlPath(facts.job, kind);
}

/** When its programs run that run by themselves. */
export function schedulesOf(set: JobSet): readonly Schedule[] {
  return set.times.map((times) => scheduleOf(set.facts.job, jobFolder(set), times));
}

/** What is rendered is loaded when it is needed. */
export async function jobFiles({ kind, facts }: JobSet): Promise<FileSet> {
  if (kind === "watch") return (await import("../watch/render.js")).watchFiles(facts);
  if (kind === "migrate") return (await import("../migrate/render.js")).migrateFiles(facts);
  return (await import("../backups/render.js")).backupFiles(facts);
}

/** Folders in which its programs keep what they make, and which are made with it. */
export function runsOf({ kind, facts }: JobSet): readonly string[] {
  return kind === "backups" ? [facts.folder] : [];
}
