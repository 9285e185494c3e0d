import type { Host } from "../../hosts/host.js";
import { guardOf } from "./render.js";

/** A peer that a guard could not ask whether it has taken over. */
export interface Untold {
  readonly peer: string;
  /** ADDRESS:PORT */
  readonly place: string;
  /** In the words of psql. */
  readonly why: string;
}

/**
 * Asks all peers as the guard of a server would, by the files that lie there now: those that live and do not say, or cannot be
 * asked. One that is not there tells nothing, nor does one that starts or is warm. @throws where the guard cannot ask at all
 */
export async function askPeers(
  host: Host,
  { controlDirectory }: { readonly controlDirectory: string },
): Promise<readonly Untold[]> {
  const { code, stdout, stderr } = await host.run([guardOf(controlDirectory), "--ask"], { timeout: 60_000 });
  if (code !== 0) throw new Error(stderr.trim() || `exit code ${code}`);
  return stdout.split("\n").flatMap((line) => {
    const [peer = "", place = "", how, why = ""] = line.split("\t");
    return how === "refuses" || how === "unasked" ? [{ peer, place, why }] : [];
  });
}
