import * as pulumi from "@pulumi/pulumi";
import type { ResolvedStack } from "../config/resolve.js";
import { error, type Problem } from "../postgres/problem.js";
import { standbyFloor } from "../postgres/rules.js";

/** What a stack says of one of its servers in its outputs, for the stacks that mirror it. Holds no secret. */
export interface ServerOutput {
  readonly role: string;
  readonly address: string;
  readonly port: number;
  readonly dataDirectory: string;
  /** The settings that a hot mirror must not be below. */
  readonly floors: Readonly<Record<string, string>>;
}

/**
 * Holds what a mirror's stack states of its upstream against the outputs of the stack that describes it. Nothing is
 * asked where no such stack is named; one that was never brought up says nothing, which is said.
 */
export async function contradictions({ description, site }: ResolvedStack): Promise<readonly Problem[]> {
  const { upstream } = description;
  if (upstream?.stack === undefined || site.upstream === undefined) return [];
  const reference = new pulumi.StackReference(upstream.stack);
  const { value } = await reference.getOutputDetails("servers");
  if (value === undefined) {
    await pulumi.log.warn(
      `upstream.stack: ${upstream.stack} has no outputs yet (it was never brought up): nothing confirms the upstream`,
    );
    return [];
  }
  const there = (value as Readonly<Record<string, ServerOutput>>)[upstream.server];
  if (there === undefined) {
    return [
      error(
        "upstream.server",
        `${upstream.stack} has no server "${upstream.server}"; it has ${Object.keys(value).join(", ")}`,
      ),
    ];
  }
  const stated = site.upstream;
  const facts = [
    ["address", `hosts.${stated.host.name}`, stated.address, there.address],
    ["port", "upstream.port", stated.port, there.port],
    ["data directory", "upstream.dataDirectory", stated.dataDirectory, there.dataDirectory],
  ] as const;
  const differing = facts
    .filter(([, , here, said]) => here !== said)
    .map(([what, path, here, said]) =>
      error(
        path,
        `the ${what} of ${upstream.server} is ${here} here and ${said} in ${upstream.stack}: make them agree`,
      ),
    );
  const below = site.servers
    .filter((server) => server.upstream === upstream.server)
    .flatMap((server) =>
      standbyFloor(
        site.version,
        there.floors,
        server.settings,
        server.hotStandby,
        (name) => `servers.${server.name}.settings.${name}`,
      ),
    );
  return [...differing, ...below];
}
