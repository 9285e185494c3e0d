import { controlPath } from "../../config/controlDirectory.js";
import type { KnownServer } from "../../config/site.js";
import { type Host, isOfHost } from "../../hosts/host.js";
import { fileOf } from "../../postgres/files/places.js";
import { processState, StartFailed, startServer } from "../process/process.js";
import { notBackInWords, putBackInWords } from "../words/start.js";
import { type Replaced, removePending } from "./pending.js";
import { messageOf } from "./reporter.js";

/** The server did not start with its new files, and runs with those that it had. The message says so, with the remedy. */
export class PutBack extends Error {
  constructor(server: string, said: string) {
    super(putBackInWords(server, said));
    this.name = "PutBack";
  }
}

/** What is about to be replaced. @param names of the server's files @param adopted whether some stand for others, which is recorded */
export async function readReplaced(
  host: Host,
  server: KnownServer,
  names: readonly string[],
  adopted: boolean,
): Promise<Replaced> {
  const paths = [...names.map((name) => fileOf(server, name)), ...(adopted ? [controlPath(server, "adopted")] : [])];
  const found = await Promise.all(
    paths.map(async (path) => {
      const [status, content] = await Promise.all([host.stat(path), host.readFile(path)]);
      const is =
        status === undefined || content === undefined ? null : { mode: status.mode, bytes: content.toString("latin1") };
      return [path, is] as const;
    }),
  );
  return Object.fromEntries(found);
}

/**
 * Puts back what a restart replaced, and starts the server with it. The caller holds its lock.
 * @returns PutBack @throws where it does not start with these either, or was not down
 */
export async function startAsBefore(
  host: Host,
  server: KnownServer,
  replaced: Replaced,
  failure: unknown,
): Promise<PutBack> {
  const said = failure instanceof StartFailed ? failure.reason : messageOf(failure);
  const isDown = async () => (await processState(host, server.dataDirectory)).kind !== "running";
  if (Object.keys(replaced).length === 0 || !(await isDown())) throw failure;
  for (const [path, file] of Object.entries(replaced)) {
    if (file === null) await host.remove(path);
    else await host.writeFile(path, Buffer.from(file.bytes, "latin1"), { mode: file.mode });
  }
  try {
    await startServer(host, server);
  } catch (error) {
    if (!(error instanceof StartFailed) && !isOfHost(error)) throw error;
    const again = error instanceof StartFailed ? error.reason : messageOf(error);
    throw new Error(notBackInWords(server.name, said, again), { cause: error });
  }
  await removePending(host, server.controlDirectory);
  return new PutBack(server.name, said);
}
