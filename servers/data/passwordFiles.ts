import { HostUnreachable } from "../../hosts/host.js";
import { hostOf } from "../../hosts/index.js";
import { isLostServer } from "../../hosts/lost.js";
import { withPassword } from "../../postgres/files/passfile.js";
import type { Address } from "../sql/session.js";

/**
 * Changes a role's password where servers have it, in their password files, and where it is asked for, by `change`: one right after
 * the other, for a server that connects in between is refused. Where `change` fails, the files are as they were.
 */
export async function changingPassword(
  servers: readonly Address[],
  user: string,
  password: string,
  change: () => Promise<unknown>,
): Promise<void> {
  const written = await Promise.all(servers.map((server) => write(server, user, password)));
  try {
    await change();
  } catch (error) {
    await Promise.all(written.map((restore) => restore?.()));
    throw error;
  }
}

/** Returns what undoes it; undefined where nothing was to be done. */
async function write(
  { name, host: spec, passfile }: Address,
  user: string,
  password: string,
): Promise<(() => Promise<void>) | undefined> {
  if (spec === undefined || passfile === undefined || isLostServer(name)) return undefined;
  const host = hostOf(spec);
  const put = (text: string) => host.writeFile(passfile, text, { mode: 0o600 });
  try {
    const there = (await host.readFile(passfile))?.toString("utf8");
    if (there === undefined) return undefined;
    const text = withPassword(there, user, password);
    if (text === there) return undefined;
    await put(text);
    return () => put(there);
  } catch (error) {
    // Its own resources say so; its file is written when it can be reached.
    if (error instanceof HostUnreachable) return undefined;
    throw error;
  }
}
