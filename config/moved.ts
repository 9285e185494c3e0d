import type { StackChange } from "../postgres/move/model.js";
import type { RawConfiguration } from "./parse.js";

/** Where a server goes. */
export interface NewPlace {
  /** A key of `hosts:`, or an address. @default the host stays */
  readonly host?: string;
  readonly dataDirectory?: string;
}

type Keys = Record<string, unknown>;

/** The stack's configuration as it is to be once a server has moved, and what of it changes: the lines that somebody writes into the stack file. */
export function movedConfiguration(
  raw: RawConfiguration,
  server: string,
  to: NewPlace,
): { readonly raw: RawConfiguration; readonly changes: readonly StackChange[] } {
  const hosts = parsed(raw["pgsite:hosts"]);
  const servers = parsed(raw["pgsite:servers"]);
  const own: Keys = { ...(servers[server] as Keys | undefined) };
  const changes: StackChange[] = [];
  const change = (holder: Keys, key: string, value: string, path: string) => {
    const before = holder[key];
    if (before === value) return;
    changes.push({ path, from: before === undefined ? "" : String(before), to: value });
    holder[key] = value;
  };
  const keyOfHost = typeof own.host === "string" ? own.host : server;
  if (to.host !== undefined && to.host in hosts) {
    if (to.host !== keyOfHost) {
      const [before, after] = [addressOf(hosts[keyOfHost]), addressOf(hosts[to.host])];
      change(own, "host", to.host, `servers.${server}.host`);
      listening(own, before, after, server, change);
    }
  } else if (to.host !== undefined) {
    const before = addressOf(hosts[keyOfHost]);
    const path = `hosts.${keyOfHost}`;
    const host = hosts[keyOfHost];
    if (typeof host === "object" && host !== null) {
      const keys: Keys = { ...(host as Keys) };
      change(keys, "address", to.host, `${path}.address`);
      // What ssh was given led to the old host.
      if (keys.ssh !== undefined) change(keys, "ssh", to.host, `${path}.ssh`);
      hosts[keyOfHost] = keys;
    } else change(hosts, keyOfHost, to.host, path);
    listening(own, before, to.host, server, change);
  }
  if (to.dataDirectory !== undefined) {
    change(own, "dataDirectory", to.dataDirectory, `servers.${server}.dataDirectory`);
  }
  servers[server] = own;
  return {
    raw: { ...raw, "pgsite:hosts": JSON.stringify(hosts), "pgsite:servers": JSON.stringify(servers) },
    changes,
  };
}

/** A server that is told its host's old address listens at the new one. */
function listening(
  own: Keys,
  before: string | undefined,
  after: string | undefined,
  server: string,
  change: (holder: Keys, key: string, value: string, path: string) => void,
): void {
  if (before === undefined || after === undefined) return;
  if (own.address === before) change(own, "address", after, `servers.${server}.address`);
  const settings: Keys = { ...(own.settings as Keys | undefined) };
  const listed = settings.listen_addresses;
  if (typeof listed !== "string") return;
  const names = listed.split(",").map((name) => name.trim());
  if (!names.includes(before)) return;
  const now = names.map((name) => (name === before ? after : name)).join(",");
  change(settings, "listen_addresses", now, `servers.${server}.settings.listen_addresses`);
  own.settings = settings;
}

function addressOf(host: unknown): string | undefined {
  if (typeof host === "string") return host;
  const address = (host as Keys | null | undefined)?.address;
  return typeof address === "string" ? address : undefined;
}

function parsed(text: string | undefined): Keys {
  const value: unknown = text === undefined ? {} : JSON.parse(text);
  return typeof value === "object" && value !== null ? { ...(value as Keys) } : {};
}
