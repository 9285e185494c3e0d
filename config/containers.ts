import { isIPv4 } from "node:net";
import { posix } from "node:path";
import { error, type Problem } from "../postgres/problem.js";
import type { StackDescription } from "./schema.js";

/** What a stack makes in Docker, as plain data. */
export interface Containers {
  readonly network: {
    readonly name: string;
    /** CIDR: the 256 addresses that those of the containers are among. */
    readonly subnet: string;
    /** The machine that Docker runs on, as the containers see it: pgsite connects from there. */
    readonly gateway: string;
  };
  /** Sorted by host. */
  readonly containers: readonly Container[];
  /** True where removing a container may take the data with it. */
  readonly disposable: boolean;
}

export interface Container {
  /** The host that it is. */
  readonly host: string;
  readonly name: string;
  readonly image: string;
  readonly address: string;
  /** Its volume has the container's name. The folder at which that is mounted. */
  readonly folder: string;
  readonly osUser: string;
  /** Of its servers. */
  readonly dataDirectories: readonly string[];
  /** Of its servers: what its first process starts and stops. */
  readonly services: readonly string[];
}

/** What Docker calls the container that a host is; undefined for a host that is none. */
export function containerName(stack: string, { site, hosts }: StackDescription, host: string): string | undefined {
  const described = hosts[host];
  if (typeof described !== "object" || described.container === undefined) return undefined;
  return described.container.name ?? `${prefixOf(stack, site)}-${host}`;
}

/** Whether the stack makes the container that a host is. */
export function isMade({ hosts }: StackDescription, host: string): boolean {
  const described = hosts[host];
  return typeof described === "object" && described.container?.image !== undefined;
}

/** What a server's service is called. */
export function serviceNameOf({ service }: StackDescription, server: string): string {
  return service.name ?? `postgresql-${server}`;
}

/** The containers that a stack makes: hosts of its servers that have an image. Undefined where there is none. */
export function containersOf(stack: string, description: StackDescription): Containers | undefined {
  const made = madeHosts(description);
  if (made.length === 0) return undefined;
  const { osUser, service, disposable } = description;
  const subnet = subnetOf(made[0]?.address ?? "");
  return {
    network: { name: prefixOf(stack, description.site), subnet: `${subnet}.0/24`, gateway: `${subnet}.1` },
    containers: made.map(({ host, image, address, servers }) => ({
      host,
      name: containerName(stack, description, host) ?? host,
      image,
      address,
      folder: foldersOf(description, host)[0] ?? "/",
      osUser,
      dataDirectories: servers.map((server) => description.servers[server]?.dataDirectory ?? ""),
      services: service.manager === "none" ? [] : servers.map((server) => serviceNameOf(description, server)),
    })),
    disposable,
  };
}

/** What of a stack's containers Docker would refuse, and data that would not lie on their volumes. */
export function checkContainers(description: StackDescription): Problem[] {
  const made = madeHosts(description);
  const stray = Object.keys(description.hosts).filter(
    (host) => isMade(description, host) && !made.some((one) => one.host === host),
  );
  return [
    ...stray.map((host) =>
      error(
        `hosts.${host}.container.image`,
        "no server of this stack is on it, so the stack makes no container: name one that is there (container.name)",
      ),
    ),
    ...made.flatMap(({ host, address }, index) => [
      ...checkAddress(
        host,
        address,
        made.slice(0, index).map((other) => other.address),
      ),
      ...checkFolders(description, host),
    ]),
  ];
}

interface Made {
  readonly host: string;
  readonly image: string;
  readonly address: string;
  readonly servers: readonly string[];
}

function madeHosts(description: StackDescription): readonly Made[] {
  return Object.keys(description.hosts)
    .sort()
    .flatMap((host) => {
      const described = description.hosts[host];
      const image = typeof described === "object" ? described.container?.image : undefined;
      const servers = serversOn(description, host);
      if (typeof described !== "object" || image === undefined || servers.length === 0) return [];
      return [{ host, image, address: described.address, servers }];
    });
}

function serversOn({ servers }: StackDescription, host: string): readonly string[] {
  return Object.keys(servers)
    .filter((name) => (servers[name]?.host ?? name) === host)
    .sort();
}

/** Docker gives a fixed address only from a network's own range, and keeps its ends and the gateway's for itself. */
function checkAddress(host: string, address: string, others: readonly string[]): Problem[] {
  const path = `hosts.${host}.address`;
  const last = Number(address.split(".").at(-1));
  if (!isIPv4(address)) {
    return [error(path, `received "${address}"; a container that the stack makes has an IPv4 address, free to choose`)];
  }
  if (last < 2 || last > 254) {
    return [error(path, `received "${address}"; Docker keeps .0, .1 and .255 for itself: allowed are .2 to .254`)];
  }
  const [first] = others;
  if (others.includes(address)) return [error(path, `received "${address}"; another container has it already`)];
  if (first === undefined || subnetOf(first) === subnetOf(address)) return [];
  return [
    error(path, `received "${address}"; the site's containers are in one network: begin it with ${subnetOf(first)}.`),
  ];
}

/** All that a server keeps must survive its container: its data directory, and what pgsite keeps beside that. */
function checkFolders(description: StackDescription, host: string): Problem[] {
  const [folder, ...more] = foldersOf(description, host);
  const path = `hosts.${host}.container.volume`;
  if (more.length > 0) {
    const found = [folder, ...more].join(", ");
    return [
      error(path, `is missing: data directories on ${host} lie in ${found}; name the folder that holds them all`),
    ];
  }
  if (folder === "/") return [error(path, 'received "/"; a volume cannot take the place of the whole container')];
  if (folder?.includes(":") === true) {
    return [error(path, `received "${folder}"; Docker takes no : in the folder of a volume`)];
  }
  return serversOn(description, host).flatMap((name) => {
    const parent = parentOf(description, name);
    if (parent === folder || parent.startsWith(`${folder}/`)) return [];
    return [
      error(
        `servers.${name}.dataDirectory`,
        `lies outside of ${folder}, the container's volume, and would be lost with the container`,
      ),
    ];
  });
}

/** Where a host's volume is to be mounted; more than one where the stack does not say which. */
function foldersOf(description: StackDescription, host: string): readonly string[] {
  const described = description.hosts[host];
  const declared = typeof described === "object" ? described.container?.volume : undefined;
  if (declared !== undefined) return [declared];
  return [...new Set(serversOn(description, host).map((name) => parentOf(description, name)))];
}

function parentOf({ servers }: StackDescription, server: string): string {
  return posix.dirname(servers[server]?.dataDirectory ?? "/");
}

function subnetOf(address: string): string {
  return address.split(".").slice(0, 3).join(".");
}

/** Stacks of one site on one engine each have their own. */
function prefixOf(stack: string, site: string): string {
  return `${site}-${stack}`;
}
