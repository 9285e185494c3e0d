import * as pulumi from "@pulumi/pulumi";
import type { ResolvedStack } from "../config/resolve.js";
import { error, type Problem, warning } from "../postgres/problem.js";
import type { KnownMirror } from "../postgres/rollout/mirrors.js";
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
  /** Servers of another stack that it follows. */
  readonly follows?: readonly { readonly name: string; readonly address: string; readonly port: number }[];
}

type ServerOutputs = Readonly<Record<string, ServerOutput>>;

interface StackOutputs {
  /** The declared primary of its last complete `up`. */
  readonly primary: string | undefined;
  readonly servers: ServerOutputs | undefined;
  /** PEM of the authority of its servers' certificates, where they offer TLS. */
  readonly authority: string | undefined;
}

const known = new Map<string, Promise<StackOutputs>>();

/** What another stack's last complete `up` left. */
function outputsOf(stack: string): Promise<StackOutputs> {
  const asked = known.get(stack) ?? askOutputs(stack);
  known.set(stack, asked);
  return asked;
}

async function askOutputs(stack: string): Promise<StackOutputs> {
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
 * Servers of other stacks that follow servers of this one: what the stacks of `mirrorStacks` say of theirs, and the hosts of
 * `mirrors`, of which nothing more is known.
 */
export async function mirrorsOf({ description, site }: ResolvedStack): Promise<readonly KnownMirror[]> {
  if (site.primary === undefined) return [];
  const addressOf = (host: string) => {
    const found = description.hosts[host];
    return typeof found === "object" ? found.address : (found ?? host);
  };
  const told = await Promise.all(
    description.mirrorStacks.map(async (stack) => {
      const servers = Object.entries((await outputsOf(stack)).servers ?? {});
      return servers.flatMap(([name, { role, address, follows }]) =>
        role === "primary" ? [] : [{ name, stack, address, ...(follows === undefined ? {} : { follows }) }],
      );
    }),
  );
  const named = told.flat();
  const others = description.mirrors.filter((host) => !named.some(({ address }) => address === addressOf(host)));
  return [
    ...named.map(({ address: _address, follows, ...mirror }) => ({
      ...mirror,
      ...(follows === undefined ? {} : { follows: follows.map(({ name }) => name) }),
    })),
    ...others.map((name) => ({ name })),
  ];
}

/** Mirrors in other stacks that look for a server of this one where it is declared to be no more. */
export async function lookElsewhere({ description, site }: ResolvedStack): Promise<readonly Problem[]> {
  if (site.primary === undefined) return [];
  const found = description.mirrorStacks.map(async (stack) => {
    const mirrors = Object.entries((await outputsOf(stack)).servers ?? {});
    return mirrors.flatMap(([mirror, { follows = [] }]) =>
      follows.flatMap((followed) => {
        const server = site.servers.find(({ name }) => name === followed.name);
        if (server === undefined) return [];
        const { name, address, port } = server;
        if (address === followed.address && port === followed.port) return [];
        const what = port === followed.port ? `hosts.${name}: ${address}` : `upstream.port: ${port}`;
        const message = `${mirror} in ${stack} follows ${name} at ${followed.address}:${followed.port}, and it is declared to be at ${address}:${port}: it gets nothing from the restart of ${name} on until its stack says so too. Declare ${what} there, and run pulumi up --stack ${stack} after this up`;
        return [warning(`servers.${name}`, message)];
      }),
    );
  });
  return (await Promise.all(found)).flat();
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
  const isFollowed = upstream.others?.[primary ?? ""] !== undefined;
  if (there.role !== "primary" && now?.role === "primary" && !isFollowed) {
    await pulumi.log.info(
      `upstream.server: ${primary} is the primary of ${upstream.stack} now, and ${upstream.server} ${there.lost === true ? "is lost" : "follows it"}: to follow ${primary} from here, declare upstream.server: ${primary} (upstream.dataDirectory: ${now.dataDirectory})`,
    );
  }
  const differing = [site.upstream, ...(site.others ?? [])].flatMap((stated, index) => {
    const said = servers[stated.name];
    const path = index === 0 ? "upstream" : `upstream.others.${stated.name}`;
    if (said === undefined) return [error(path, `${upstream.stack} has no server "${stated.name}"`)];
    const facts = [
      ["address", `hosts.${stated.host.name}`, stated.address, said.address],
      ["port", `${path}.port`, stated.port, said.port],
      ["data directory", `${path}.dataDirectory`, stated.dataDirectory, said.dataDirectory],
    ] as const;
    return facts
      .filter(([, , here, there]) => here !== there)
      .map(([what, at, here, there]) =>
        error(at, `the ${what} of ${stated.name} is ${here} here and ${there} in ${upstream.stack}: make them agree`),
      );
  });
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
