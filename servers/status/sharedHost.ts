import type { Host, HostSpec } from "../../hosts/host.js";
import { Recent } from "./recent.js";

/**
 * The host that a description names. Loaded when it is first needed: the engine starts the provider twice a preview, and
 * the second time only checks and compares.
 * @throws HostUnreachable
 */
export async function hostOf(spec: HostSpec): Promise<Host> {
  const hosts = await import("../../hosts/index.js");
  return hosts.hostOf(spec);
}

const looks = ["readFile", "readBytes", "readTail", "stat", "realPath", "list"] as const;
const hosts = new Recent<Host>();

/**
 * The same host, for reads: resources of one refresh that look at the same thing look once. Whoever changes something or
 * waits for a change takes `hostOf`.
 * @throws HostUnreachable
 */
export function hostForReading(spec: HostSpec): Promise<Host> {
  return hosts.get(JSON.stringify(spec), async () => {
    const host = await hostOf(spec);
    const seen = new Recent<unknown>();
    return new Proxy(host, {
      get(target, property) {
        const member = Reflect.get(target, property, target) as unknown;
        if (typeof member !== "function") return member;
        const act = member.bind(target) as (...args: unknown[]) => Promise<unknown>;
        if (!looks.some((name) => name === property)) return act;
        return (...args: unknown[]) => seen.get(JSON.stringify([property, ...args]), () => act(...args));
      },
    });
  });
}
