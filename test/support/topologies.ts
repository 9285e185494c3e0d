import type { StackReport } from "../../cli/status/topology.js";
import type { Server, ServerRole } from "../../config/site.js";
import type { ServerProblem, StreamProblem } from "../../postgres/serverProblems.js";
import type { ServerReport, Stream } from "../../servers/status/report.js";

/** A server of a report; its name and whom it follows are enough. */
export interface Told extends Partial<Omit<ServerReport, "role">> {
  readonly name: string;
  readonly role?: ServerRole | "standalone";
  readonly applicationName?: string;
  readonly problems?: readonly ServerProblem[];
  /** Why it does not stream. */
  readonly off?: StreamProblem;
}

/** What `pgsite status` found of a stack. One without an upstream takes writes, any other streams, where nothing else is said. */
export function stackReport(site: string, stack: string, told: readonly Told[]): StackReport {
  const servers = told.map(
    ({ applicationName: _applicationName, problems: _problems, off: _off, ...more }): ServerReport => ({
      role: more.upstream == null ? "primary" : "standby",
      address: "192.0.2.2",
      port: 5442,
      dataDirectory: `/data/${more.name}`,
      version: "15.18",
      state: more.upstream == null ? "read-write" : "in recovery, read-only",
      timeline: 1,
      upstream: null,
      lagBytes: more.upstream == null ? null : 0,
      lagSeconds: more.upstream == null ? null : 0,
      walSenders: told
        .filter(({ upstream, off }) => upstream === more.name && off === undefined)
        .map(({ name }) => name),
      systemIdentifier: "7",
      ...more,
    }),
  );
  const streams = servers.flatMap(({ name, upstream, state, lagBytes, lagSeconds }): Stream[] => {
    const off = told.find((one) => one.name === name)?.off;
    if (upstream === null || !state.startsWith("in recovery")) return [];
    return [{ server: name, from: upstream, lagBytes, lagSeconds, ...(off === undefined ? {} : { off }) }];
  });
  const problems = told.flatMap(({ name, problems = [], off }) =>
    [...problems, ...(off === undefined ? [] : [off])].map((problem) => ({ server: name, ...problem })),
  );
  const declared = told.map(({ name, applicationName }) => ({
    name,
    ...(applicationName === undefined ? {} : { applicationName }),
  }));
  return {
    site: { name: site, stack, servers: declared as unknown as readonly Server[] },
    report: { servers, streams, problems },
  };
}
