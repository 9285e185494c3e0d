import { error, type Problem, warning } from "../postgres/problem.js";
import type { StackDescription } from "./schema.js";
import type { Server } from "./site.js";

/** Where a server was that is declared lost, and whether what it wrote alone may be lost with it. */
export interface LostServer {
  readonly address: string;
  readonly port: number;
  readonly acceptDataLoss: boolean;
  /** The replication slot that it streams by: it keeps what it will ask for when it is back. */
  readonly slot?: string;
}

/** The servers that are left, and by name those that are declared lost; `lost` is absent where none is. */
export function withoutLost(servers: readonly Server[]): {
  readonly left: readonly Server[];
  readonly lost?: Readonly<Record<string, LostServer>>;
} {
  const lost = servers.flatMap(({ name, address, port, slot, lost: loss }) =>
    loss === undefined ? [] : [[name, { address, port, ...loss, ...(slot === undefined ? {} : { slot }) }] as const],
  );
  const left = servers.filter((server) => server.lost === undefined);
  return lost.length === 0 ? { left } : { left, lost: Object.fromEntries(lost) };
}

/** What does not fit together where servers are declared lost, and that they are left alone. */
export function checkLost({ servers, primary, upstream, synchronous }: StackDescription): Problem[] {
  const names = Object.keys(servers);
  const lost = names.filter((name) => servers[name]?.lost === true);
  const left = names.filter((name) => !lost.includes(name));
  const hostOf = (name: string) => servers[name]?.host ?? name;
  const heads = left.length === 0 ? "" : ` (primary: ${left.join(" or ")})`;
  return [
    ...names
      .filter((name) => servers[name]?.acceptDataLoss === true && !lost.includes(name))
      .map((name) =>
        error(`servers.${name}.acceptDataLoss`, "goes with lost: true; take it away once the failover is done"),
      ),
    ...lost.flatMap((name) => [
      warning(
        `servers.${name}.lost`,
        `${name} is declared lost: it is not contacted, and nothing of it is compared; take that away when it is back`,
      ),
      ...(name === primary
        ? [error(`servers.${name}.lost`, `${name} is the declared primary: declare the server that takes over${heads}`)]
        : []),
      ...left
        .filter((other) => hostOf(other) === hostOf(name))
        .map((other) =>
          error(
            `servers.${name}.lost`,
            `${other} is on the same host, ${hostOf(name)}, which is not contacted then: declare ${other} lost too, or stop ${name} and keep it declared`,
          ),
        ),
      ...left
        .filter((other) => servers[other]?.upstream === name)
        .map((other) =>
          error(
            `servers.${other}.upstream`,
            `${name} is declared lost: leave upstream out, and ${other} follows ${primary ?? upstream?.server}, or name another server`,
          ),
        ),
    ]),
    ...(lost.length > 0 && left.length === 0 && primary === undefined
      ? [error("servers", "are all declared lost: nothing is left to look after")]
      : []),
    ...waitsForLost(synchronous, primary, lost),
  ];
}

/** A commit that waits for a server that is gone never ends. */
function waitsForLost(
  synchronous: StackDescription["synchronous"],
  primary: string | undefined,
  lost: readonly string[],
): Problem[] {
  if (synchronous === undefined) return [];
  const waitedFor = synchronous.servers.filter((name) => name !== primary);
  const gone = waitedFor.filter((name) => lost.includes(name));
  if (gone.length === 0 || waitedFor.length - gone.length >= synchronous.number) return [];
  const what = `${gone.join(", ")} is declared lost, and every commit would wait for it`;
  return [error("synchronous.servers", `${what}: take it out of the list, or synchronous away while it is gone`)];
}
