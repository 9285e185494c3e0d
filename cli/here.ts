import { lookup } from "node:dns/promises";
import { hostname, networkInterfaces } from "node:os";

/** Whether an address is one of this machine's. */
export async function isHere(address: string): Promise<boolean> {
  if (address === hostname() || address === "localhost") return true;
  const own = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map((one) => one.address));
  const found = await addressesOf(address);
  return found.some((one) => own.includes(one) || one.startsWith("127.") || one === "::1");
}

/** What a name resolves to from here; nothing where it does not. */
export async function addressesOf(name: string): Promise<readonly string[]> {
  return (await lookup(name, { all: true }).catch(() => [])).map(({ address }) => address);
}
