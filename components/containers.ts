import type { ContainerArgs, NetworkArgs, RemoteImageArgs, VolumeArgs } from "@pulumi/docker";
import { version } from "@pulumi/docker/package.json";
import * as pulumi from "@pulumi/pulumi";
import type { Container, Containers } from "../config/containers.js";
import { firstProcess } from "../installed/service/container.js";

/*
 * Resources of @pulumi/docker, registered by their tokens with the package's types: its classes would cost every preview
 * their loading, also of stacks without a container.
 */

type Options = pulumi.CustomResourceOptions;

/** MB; Docker's default of 64 is too little for parallel queries. */
const sharedMemory = 256;
/** Seconds that servers get for a clean shutdown. */
const stopSeconds = 120;

/** A resource of which nothing is asked but that it is there. */
class Plain extends pulumi.CustomResource {}

/** An image that is there already is taken as it is: no registry is asked. */
class Image extends pulumi.CustomResource {
  declare readonly imageId: pulumi.Output<string>;

  constructor(name: string, args: RemoteImageArgs, options: Options) {
    super("docker:index/remoteImage:RemoteImage", name, { ...args, imageId: undefined }, options);
  }
}

/**
 * Makes what a stack's hosts are in Docker: a network for the site, and of each host a volume and a container. What holds
 * data that are not disposable is left where it is, running, when it leaves the stack.
 * @returns the containers by host
 */
export function makeContainers(
  plan: Containers,
  parent: pulumi.Resource,
): Readonly<Record<string, pulumi.CustomResource>> {
  const options = { parent, version };
  // Names and addresses are fixed: there is no room for a new one beside the old.
  const held = { ...options, retainOnDelete: !plan.disposable, deleteBeforeReplace: true };
  const { name, subnet, gateway } = plan.network;
  const networkArgs: NetworkArgs = { name, driver: "bridge", ipamConfigs: [{ subnet, gateway }] };
  const network = new Plain("docker:index/network:Network", name, networkArgs, held);
  const names = [...new Set(plan.containers.map(({ image }) => image))];
  const images = new Map(names.map((image) => [image, new Image(image, { name: image, keepLocally: true }, options)]));
  return Object.fromEntries(
    plan.containers.map((container) => {
      const volumeArgs: VolumeArgs = { name: container.name };
      const volume = new Plain("docker:index/volume:Volume", `${container.host}-volume`, volumeArgs, held);
      const args = containerArgs(container, name, images.get(container.image)?.imageId ?? container.image);
      return [
        container.host,
        new Plain("docker:index/container:Container", `${container.host}-container`, args, {
          ...held,
          dependsOn: [network, volume],
        }),
      ];
    }),
  );
}

function containerArgs(container: Container, network: string, image: pulumi.Input<string>): ContainerArgs {
  const { host, name, address, folder } = container;
  const [program, ...args] = firstProcess(container);
  return {
    name,
    hostname: host,
    image,
    entrypoints: [program],
    command: args,
    user: "root",
    restart: "unless-stopped",
    // With true, the plugin deletes a container that it finds stopped while it only reads.
    mustRun: false,
    shmSize: sharedMemory,
    stopTimeout: stopSeconds,
    destroyGraceSeconds: stopSeconds,
    networksAdvanced: [{ name: network, ipv4Address: address, aliases: [host] }],
    volumes: [{ volumeName: name, containerPath: folder }],
  };
}
