/**
 * What a host or a server tells; undefined where it tells nothing (it cannot be reached, a file may not be read). Anything else
 * that is thrown is a mistake of pgsite's own, and goes through: it must not read as an answer.
 */
export async function ifTold<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    const { isOfHost } = await import("../../hosts/host.js");
    const { SqlUnreachable } = await import("../sql/session.js");
    if (isOfHost(error) || error instanceof SqlUnreachable) return undefined;
    throw error;
  }
}
