import { keyText } from "../../hosts/key.js";
import { isDefinite } from "../../postgres/serverProblems.js";
import { onceARefresh } from "../status/refresh.js";
import { failsAtLogin, type SqlUnreachable } from "./unreachable.js";
import type { Way } from "./way.js";

/** Ways of one login to one server that led nowhere and are not tried again, each with why. */
export interface KnownBarred {
  of(way: Way): SqlUnreachable | undefined;
  note(way: Way, refusal: SqlUnreachable): void;
}

/**
 * What is known of a login's ways. A refusal counts for the questions of one refresh, which every act of ours ends: it may have
 * mended it. @param who what the answer depends on: server, login, database
 */
export async function knownBarred(who: readonly unknown[], reading: boolean): Promise<KnownBarred> {
  const fresh = async () => new Map<string, SqlUnreachable>();
  const refused = await (reading ? onceARefresh(`barred ${keyText(who)}`, fresh) : fresh());
  return {
    of: (way) => refused.get(keyText(way)),
    note(way, refusal) {
      if (isDefinite(refusal.kind) || failsAtLogin(refusal, way)) refused.set(keyText(way), refusal);
    },
  };
}
