import { Effective } from "../settings/effective.js";
import { atLeast, type Major } from "../versions.js";
import type { StartObstacle } from "./model.js";

/** What is known of how far a standby is. */
export interface Progress {
  /** Its last checkpoint's place in the WAL, in bytes. */
  readonly checkpoint?: bigint;
  /** Seconds since 1970. */
  readonly now?: number;
}

/**
 * A recovery target at which a standby ends as soon as it starts, or by which it would take writes one day. One that lies ahead is
 * an administrator's choice; where nothing tells, nothing is said.
 */
export function recoveryTargetOf(
  major: Major,
  settings: Readonly<Record<string, string>>,
  progress: Progress,
): StartObstacle | undefined {
  const of = (name: string) => settings[name] ?? "";
  const names = Object.keys(settings).filter((name) => /^recovery_target(_lsn|_time|_xid|_name)?$/.test(name));
  const setting = names.find((name) => of(name) !== "");
  if (setting === undefined) return undefined;
  const found = { code: "recoveryTarget", setting, value: of(setting) } as const;
  if (promotes(major, new Effective(major, settings))) return { ...found, why: "promotes" };
  return isPassed(setting, of(setting), progress) ? { ...found, why: "passed" } : undefined;
}

/** Until 9.4 there is a pause or none, and in 9.0 none. */
function promotes(major: Major, settings: Effective): boolean {
  if (atLeast(major, "9.5")) return settings.text("recovery_target_action") === "promote";
  return !atLeast(major, "9.1") || !settings.on("pause_at_recovery_target");
}

function isPassed(setting: string, value: string, { checkpoint, now }: Progress): boolean {
  switch (setting) {
    // It is consistent long since.
    case "recovery_target":
      return true;
    case "recovery_target_lsn": {
      const [high, low] = value.split("/").map((half) => BigInt(`0x${half}`));
      return high !== undefined && low !== undefined && checkpoint !== undefined && (high << 32n) + low <= checkpoint;
    }
    case "recovery_target_time": {
      const at = Date.parse(value);
      // A day more than any zone: which one is meant, the server alone knows.
      return now !== undefined && !Number.isNaN(at) && at / 1000 + 86_400 < now;
    }
    default:
      return false;
  }
}
