import { maskedFile, withoutPieces } from "../../postgres/secrets/index.js";
import type { Files } from "../data/staging.js";
import { askLive, isLive } from "../status/live.js";
import { notTakenInWords } from "../words/notTaken.js";
import { of } from "./member.js";
import type { Context } from "./reporter.js";
import type { RolloutState } from "./state.js";

/**
 * After a server has read its files: a reload tells nobody what it leaves out. A warm standby answers no question.
 * @throws where it does not take a line, with its own reason
 */
export async function requireTaken(
  { signal }: Context,
  state: RolloutState,
  name: string,
  files: Files,
): Promise<void> {
  const { administrator, administratorPassword } = state;
  const live = await askLive({ address: of(state, name), administrator, administratorPassword }, signal, false);
  if (!isLive(live) || live.refused.length === 0) return;
  throw new Error(notTakenInWords(name, quotingNone(live.refused, files)));
}

/** The server's words may hold a piece of a secret that stands in its files. */
export function quotingNone(lines: readonly string[], files: Files): readonly string[] {
  if (lines.length === 0) return lines;
  const secrets = Object.entries(files).flatMap(([name, text]) => maskedFile(name, text).secrets);
  return lines.map((line) => withoutPieces(line, secrets));
}
