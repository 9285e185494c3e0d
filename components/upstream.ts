import * as pulumi from "@pulumi/pulumi";
import type { ResolvedStack } from "../config/resolve.js";
import { error, type Problem } from "../postgres/problem.js";
import { standbyFloor } from "../postgres/settings/rules.js";

/** What a stack says of one of its servers in its outputs, for the stacks that mirror it. Holds no secret. */
export interface ServerOutput {
  readonly role: string;
  readonly address: string;
  readonly port: number;
  readonly dataDirectory: string;
  readonly hotStandby: boolean;
  /** Declared lost. */
  readonly lost?: true;
  /** The settings that a hot mirror must not be below. */
  readonly floors: Readonly<Record<string, string>>;
}

type ServerOutputs = Readonly<Record<string, ServerOutput>>;

interface StackOutputs {
  /** The declared primary of its last complete `up`. */
  readonly primary: string | undefined;
  readonly servers: ServerOutputs | undefined;
  /** PEM of the authority of its servers' certificates, where they offer TLS. */
  readonly authority: string | undefined;
}

/** What another stack's last complete `up` left. */
async function outputsOf(stack: string): Promise<StackOutputs> {
  const reference = new pulumi.StackReference(stack);
  const [primary, servers, authority] = await Promise.all(
    ["primary", "servers", "authority"].map(async (name) => (await reference.getOutputDetails(name)).value as unknown),
  );
  return {
    primary: primary as string | undefined,
    servers: servers as ServerOutputs | undefined,
    authority: authority as string | undefined,
  };
}

/**
 * What is declared here above what a hot mirror in another stack has: it would stop, so that stack goes first. Nothing
 * is asked where no such stack is named; one that was never brought up has no mirror that could stop.
 */
export async function raisedTooEarly({ description, site }: ResolvedStack): Promise<readonly Problem[]> {
  const primary = site.servers.find(({ name }) => name === site.primary);
  if (primary === undefined) return [];
  const found = await Promise.all(
    description.mirrorStacks.map(async (stack) => {
      const servers = Object.entries((await outputsOf(stack)).servers ?? {});
      return servers
        .filter(([, { role }]) => role !== "primary")
        .flatMap(([name, { floors, hotStandby }]) =>
          standbyFloor(site.version, primary.settings, floors, hotStandby, (setting) => `settings.${setting}`)
            .filter(({ severity }) => severity === "error")
            .map(({ path, message }) =>
              error(
                path,
                `${name} in ${stack}: ${message}; raise it there first: pulumi up --stack ${stack}, then here`,
              ),
            ),
        );
    }),
  );
  return found.flat();
}

/**
 * Holds what a mirror's stack states of its upstream against the outputs of the stack that describes it. Nothing is
 * asked where no such stack is named; one that was never brought up says nothing, which is said.
 */
export async function contradictions({ description, site }: ResolvedStack): Promise<readonly Problem[]> {
  const { upstream } = description;
  if (upstream?.stack === undefined || site.upstream === undefined) return [];
  const { primary, servers, authority } = await outputsOf(upstream.stack);
  if (servers === undefined) {
    await pulumi.log.warn(
      `upstream.stack: ${upstream.stack} has no outputs yet (it was never brought up): nothing confirms the upstream`,
    );
    return [];
  }
  const there = servers[upstream.server];
  if (there === undefined) {
    return [
      error(
        "upstream.server",
        `${upstream.stack} has no server "${upstream.server}"; it has ${Object.keys(servers).join(", ")}`,
      ),
    ];
  }
  const now = primary === undefined ? undefined : servers[primary];
  if (there.role !== "primary" && now?.role === "primary") {
    await pulumi.log.info(
      `upstream.server: ${primary} is the primary of ${upstream.stack} now, and ${upstream.server} ${there.lost === true ? "is lost" : "follows it"}: to follow ${primary} from here, declare upstream.server: ${primary} (upstream.dataDirectory: ${now.dataDirectory})`,
    );
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
    )
    .map((problem) => ({
      ...problem,
      message: `${problem.message}; to lower it, lower it there first: pulumi up --stack ${upstream.stack}, then here`,
    }));
  return [...differing, ...below, ...otherAuthority(upstream.authority, authority, upstream.stack)];
}

/** Servers here would refuse a certificate of that stack, though nothing is wrong with it. */
function otherAuthority(here: string | undefined, there: string | undefined, stack: string): readonly Problem[] {
  if (here === undefined || there === undefined) return [];
  const plain = (pem: string) => pem.replace(/\s/g, "");
  if (plain(here).includes(plain(there))) return [];
  return [
    error(
      "upstream.authority",
      `is another than ${stack} has now: take what pulumi stack output authority --stack ${stack} prints`,
    ),
  ];
}
