import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { ContainerArgs, NetworkArgs, RemoteImageArgs, VolumeArgs } from "@pulumi/docker";
import type { ResourceType } from "../../provider/protocol/resource.js";
import { serve } from "../../provider/protocol/serve.js";

/*
 * Stands in for Pulumi's docker plugin, which no package registry has: as much of four of its types as stacks use, by the
 * Docker CLI. The engine and what it makes are real.
 */

/** Arguments as they arrive: nothing is an input or an output any more. */
type Plain<T> = T extends { apply: unknown } | Promise<unknown>
  ? never
  : T extends readonly (infer Item)[]
    ? readonly Plain<Item>[]
    : T extends object
      ? { readonly [K in keyof T]: Plain<T[K]> }
      : T;

async function docker(...args: readonly string[]): Promise<string> {
  return (await promisify(execFile)("docker", args)).stdout.trim();
}

/** What a type of object does when it is made, by its name; everything else is the same for all. */
function typed<Args extends { readonly name?: string | undefined }>(
  token: string,
  kind: string,
  create: (args: Args) => Promise<void>,
  remove: (name: string) => Promise<unknown>,
): ResourceType<Args, Args> {
  return {
    token,
    id: ({ name = "" }) => name,
    check: async (_context, args) => ({ state: args }),
    async create(_context, args) {
      await create(args);
      return args;
    },
    async read(_context, name, known) {
      const found = await docker(kind, "inspect", name).catch(() => undefined);
      return found === undefined ? undefined : known;
    },
    async update() {
      throw new Error(`the stand-in for Pulumi's docker plugin changes no ${kind}`);
    },
    async delete(_context, { name = "" }) {
      await remove(name);
    },
  };
}

const network = typed<Plain<NetworkArgs>>(
  "docker:index/network:Network",
  "network",
  async ({ name = "", driver = "", ipamConfigs = [] }) => {
    const ranges = ipamConfigs.flatMap(({ subnet = "", gateway = "" }) => ["--subnet", subnet, "--gateway", gateway]);
    await docker("network", "create", "--driver", driver, ...ranges, name);
  },
  (name) => docker("network", "rm", name),
);

const volume = typed<Plain<VolumeArgs>>(
  "docker:index/volume:Volume",
  "volume",
  async ({ name = "" }) => void (await docker("volume", "create", name)),
  (name) => docker("volume", "rm", name),
);

type ImageState = Plain<RemoteImageArgs> & { readonly imageId?: string };

const image: ResourceType<ImageState, ImageState> = {
  ...typed<ImageState>(
    "docker:index/remoteImage:RemoteImage",
    "image",
    async () => {},
    async () => {},
  ),
  check: async (_context, args) => ({
    state: { ...args, imageId: await docker("image", "inspect", "--format", "{{.Id}}", args.name) },
  }),
};

type ContainerState = Plain<ContainerArgs> & { readonly __id?: string };

/** Its id is Docker's, as with the plugin itself: a container that is made anew has another. */
const container: ResourceType<ContainerState, ContainerState> = {
  ...typed<ContainerState>(
    "docker:index/container:Container",
    "container",
    async () => {},
    async (name) => {
      await docker("stop", name);
      await docker("rm", name);
    },
  ),
  id: ({ __id = "" }) => __id,
  check: async (_context, args, actual) => ({
    state: { ...args, ...(actual?.__id === undefined ? {} : { __id: actual.__id }) },
  }),
  async create(_context, state) {
    const { name = "", image, hostname = "", user = "", restart = "", entrypoints = [], command = [], ...more } = state;
    const options = [
      ...["--name", name, "--hostname", hostname, "--user", user, "--restart", restart],
      ...["--shm-size", `${more.shmSize}m`, "--stop-timeout", `${more.stopTimeout}`],
      ...(more.networksAdvanced ?? []).flatMap(({ name, ipv4Address = "", aliases = [] }) => [
        ...["--network", name, "--ip", ipv4Address],
        ...aliases.flatMap((alias) => ["--network-alias", alias]),
      ]),
      ...(more.volumes ?? []).flatMap(({ volumeName, containerPath }) => [
        "--volume",
        `${volumeName}:${containerPath}`,
      ]),
      ...entrypoints.flatMap((program) => ["--entrypoint", program]),
    ];
    return { ...state, __id: await docker("run", "--detach", ...options, image, ...command) };
  },
};

const [engineAddress] = process.argv.slice(2).filter((argument) => !argument.startsWith("-"));
void serve([network, volume, image, container], engineAddress, () => {});
