import { createServer } from "node:net";

/**
 * A loopback address for each host, on which all of the ports are free: 127.0.0.2 and up, or the same in the next
 * block where something listens there already.
 * @throws where this machine has no such addresses, with the remedy
 */
export async function freeAddresses(
  hosts: readonly string[],
  ports: readonly number[],
  firstBlock = 0,
): Promise<Record<string, string>> {
  for (let block = firstBlock; block < 255; block++) {
    const addresses = hosts.map((_, index) => `127.0.${block}.${index + 2}`);
    const free = await Promise.all(addresses.flatMap((address) => ports.map((port) => isFree(address, port))));
    if (free.every(Boolean)) return Object.fromEntries(hosts.map((host, index) => [host, addresses[index] as string]));
  }
  throw new Error(`no block of loopback addresses has the ports ${ports.join(", ")} free`);
}

function isFree(address: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRNOTAVAIL") {
        reject(
          new Error(
            `this machine has no address ${address}: a rehearsal gives each host a loopback address of its own (on macOS: sudo ifconfig lo0 alias ${address})`,
          ),
        );
      } else resolve(false);
    });
    server.listen({ host: address, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
