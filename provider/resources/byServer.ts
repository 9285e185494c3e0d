import { isLostServer } from "../../hosts/lost.js";
import type { LeftFile } from "../../installed/folder.js";

export type ByServer<T> = Readonly<Record<string, T>>;

/** Those that are not lost. */
export function present<T>(servers: ByServer<T>): ByServer<T> {
  return Object.fromEntries(Object.entries(servers).filter(([name]) => !isLostServer(name)));
}

/** What comes of each server, all at once. */
export async function ofEach<Server, T>(
  servers: ByServer<Server>,
  act: (server: Server, name: string) => Promise<T>,
): Promise<ByServer<T>> {
  const done = Object.entries(servers).map(async ([name, server]) => [name, await act(server, name)] as const);
  return Object.fromEntries(await Promise.all(done));
}

/** Why something of a folder of ours is left there. */
export const whyLeft: Readonly<Record<LeftFile["because"], string>> = {
  changed: "it is no longer what pgsite wrote",
  foreign: "pgsite did not put it there",
};
