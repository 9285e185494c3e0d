import { type Host, type HostSpec, HostUnreachable } from "./host.js";

/** A server that the stack declares lost, and the host that goes with it. */
export interface LostName {
  readonly server: string;
  readonly host: string;
}

/** Why nothing is asked of what is declared lost. */
export const declaredLost = "declared lost: it is not contacted";

/** `SERVER@HOST`, separated by spaces: how the plugin's launcher hands over what the configuration says. */
let names: readonly LostName[] = parseLost(process.env.PGSITE_LOST ?? "");

function parseLost(text: string): readonly LostName[] {
  return text.split(" ").flatMap((word) => {
    const [server, host] = word.split("@");
    return server === undefined || host === undefined ? [] : [{ server, host }];
  });
}

/** From now on nothing in this process contacts these, whatever it was told of before. */
export function declareLost(lost: readonly LostName[]): void {
  names = lost;
}

export function isLostServer(server: string | undefined): boolean {
  return names.some((one) => one.server === server);
}

export function isLostHost(host: string | undefined): boolean {
  return names.some((one) => one.host === host);
}

/** A host of which everything that is asked fails, and nothing is sent. */
export function lostHost({ name, user }: HostSpec): Host {
  const refuse = async () => {
    throw new HostUnreachable(name, declaredLost);
  };
  const known: Partial<Host> = { name, user, machine: `lost ${name}`, near: false };
  // Whoever awaits the host itself asks whether it is a promise.
  return new Proxy(known, {
    get: (target, property) => (property in target || property === "then" ? Reflect.get(target, property) : refuse),
  }) as Host;
}
