import { hostPrograms } from "../../config/hostPrograms.js";
import type { HostFacts } from "../facts.js";
import { needsOn, unfitClients } from "../hostJobs.js";
import type { PreflightRequest, ServerRequest } from "../request.js";
import { familyOf, packageOf } from "./families.js";
import { managers } from "./manager.js";

/** A host with its servers of the stack. */
export interface Inhabited {
  readonly host: HostFacts;
  readonly servers: readonly ServerRequest[];
}

/** What `install: packages` installs, by host; empty where nothing is missing, or the stack does not ask for it. */
export function missingPackages(
  request: PreflightRequest,
  hosts: readonly Inhabited[],
): Readonly<Record<string, readonly string[]>> {
  if (!request.install) return {};
  return Object.fromEntries(
    hosts.flatMap(({ host, servers }) => {
      const family = familyOf(host);
      if (family === undefined || managers[family.manager] === undefined) return [];
      const lacking = servers.some(
        ({ name, binDirectory }) =>
          host.servers[name]?.postgres === undefined && binDirectory === family.binDirectory(request.version),
      );
      const needs = needsOn(servers, host);
      const isForJobs = (tool: string) => {
        const need = hostPrograms[tool]?.jobs;
        return need !== undefined && needs.has(need);
      };
      const clients = servers.some((server) => installsClients(request, host, server));
      const names = [
        ...(lacking ? [family.server(request.version)] : []),
        // The server's package brings psql along.
        ...host.missingTools
          .filter((tool) => (tool === "psql" ? !lacking : hostPrograms[tool]?.when !== "jobs" || isForJobs(tool)))
          .flatMap((tool) => packageOf(family, tool, request.version) ?? []),
        ...(!lacking && clients ? [family.client(request.version)] : []),
      ];
      return names.length === 0 ? [] : [[host.host, [...new Set(names)]]];
    }),
  );
}

/** Whether `install: packages` brings the client programs that a server's jobs lack: where its distribution has the server's. */
export function installsClients(request: PreflightRequest, host: HostFacts, server: ServerRequest): boolean {
  const { version, install } = request;
  const family = familyOf(host);
  const unfit = unfitClients(host.servers[server.name]?.clients ?? [], version);
  if (!install || unfit.length === 0 || family === undefined || managers[family.manager] === undefined) return false;
  return server.binDirectory === family.binDirectory(version);
}

/** Whether `install: packages` brings a tool. */
export function installs(request: PreflightRequest, host: HostFacts, tool: string): boolean {
  const servers = request.servers.filter(({ host: { name } }) => name === host.host);
  const names = missingPackages(request, [{ host, servers }])[host.host] ?? [];
  const family = familyOf(host);
  const name = family === undefined ? undefined : packageOf(family, tool, request.version);
  return name !== undefined && names.includes(name);
}

/** What an administrator types to have a tool. */
export function toInstall(host: HostFacts, tool: string, version: PreflightRequest["version"]): string {
  const family = familyOf(host);
  const name = family === undefined ? undefined : packageOf(family, tool, version);
  return family === undefined || name === undefined ? `install ${tool}` : `${family.command} ${name}`;
}
