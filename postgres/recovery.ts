import { renderConfiguration } from "./configuration-file.js";
import { atLeast, type Major } from "./versions.js";

/**
 * The files that make a server a standby (PostgreSQL 9.0 to 11: "Recovery Configuration"; 12 and later: "Standby Server
 * Settings" and the signal files).
 */

export interface RecoveryInputs {
  /** Whether the server is to be a standby. */
  readonly standby: boolean;
  /** Parameters by name, as `resolveSettings` gives them; from 12 on they are settings, and none may be given here. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly header?: readonly string[];
}

/**
 * What is to stand in the data directory, by file name: text, or null where the file must not exist.
 * Until 11 that is recovery.conf; from 12 standby.signal, and no recovery.conf, with which the server would not start.
 */
export function renderRecovery(major: Major, inputs: RecoveryInputs): Record<string, string | null> {
  const { standby, parameters, header = [] } = inputs;
  if (atLeast(major, "12")) {
    return { "recovery.conf": null, "recovery.signal": null, "standby.signal": standby ? "" : null };
  }
  if (!standby) return { "recovery.conf": null };
  const text = renderConfiguration({ ...parameters, standby_mode: "on" }, { header });
  return { "recovery.conf": major === "9.0" ? withPlainBackslashes(text) : text };
}

/** 9.0 reads recovery.conf with a parser of its own (xlog.c): quotes are doubled there too, a backslash is itself. */
function withPlainBackslashes(text: string): string {
  return text.replaceAll("\\\\", "\\");
}
